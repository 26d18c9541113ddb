"""What the benchmark says of its figures, and what the documents say of them."""

from __future__ import annotations

from datetime import date

import pytest

from stx_pipelines_tests.benchmarks.__main__ import FIGURES, PUBLISHED, README, taken
from stx_pipelines_tests.benchmarks.figure import Figure, Goal, Measured, NotMeasured, Scale
from stx_pipelines_tests.benchmarks.machine import Machine
from stx_pipelines_tests.benchmarks.report import Result, Results, load, markdown, table_in, with_table
from stx_pipelines_tests.world import ROOT

MACHINE = Machine("a CPU", 2, 24, "Linux", "3.11", {"duckdb": "1.5"}, 0.1, date(2026, 11, 22))


def figure(goal: Goal, found: Measured | Exception) -> Result:
    def measure(_: Scale) -> Measured:
        if isinstance(found, Exception):
            raise found
        return found

    return taken(Figure("name", "words", goal, measure), Scale())


@pytest.mark.parametrize(
    ("goal", "found", "met"),
    [
        (Goal(">=", 8, " x"), Measured(8.0, ""), True),
        (Goal(">=", 8, " x"), Measured(7.99, ""), False),
        (Goal("<=", 1.05), Measured(1.05, ""), True),
        (Goal("<=", 1.05), Measured(1.06, ""), False),
        (Goal("<=", 200, " MB", "flat"), Measured(100.0, "", also=False), False),
    ],
)
def test_a_goal_is_met_only_with_all_its_parts(goal: Goal, found: Measured, met: bool) -> None:
    """The bound itself is good enough, and what else must hold counts."""
    assert figure(goal, found).met is met


def test_what_cannot_be_measured_is_no_number() -> None:
    """Neither met nor missed, with the reason in place of a value."""
    result = figure(Goal(">=", 8), NotMeasured("there is no wrk"))
    assert (result.value, result.met, result.measured) == (None, None, "not measured: there is no wrk")


def test_a_figure_that_breaks_costs_only_itself() -> None:
    """It counts as missed and says what happened."""
    result = figure(Goal(">=", 8), OSError("disk full"))
    assert (result.value, result.met, result.measured) == (None, False, "failed: OSError: disk full")


def test_the_table_keeps_what_stands_around_it() -> None:
    """Only the text between the markers changes, and the same table again changes nothing."""
    results = Results(
        quick=False, minutes=31.4, machine=MACHINE, figures=(figure(Goal(">=", 8, " x"), Measured(9, "a|b")),)
    )
    before = "head\n<!-- performance: begin -->\nold\n<!-- performance: end -->\ntail\n"
    after = with_table(before, markdown(results))
    assert after.startswith("head\n<!-- performance: begin -->\n| figure |")
    assert after.endswith("<!-- performance: end -->\ntail\n")
    assert "| words | 9 x (a\\|b) | >= 8 x | yes |" in after
    assert with_table(after, markdown(results)) == after


def test_the_readme_shows_the_published_results() -> None:
    """The table is generated (`--readme`), never written by hand."""
    assert table_in(README.read_text()) == markdown(load(PUBLISHED))


def test_the_published_results_are_of_every_figure() -> None:
    """Also goals and words: a figure that changed its meaning has to be measured again."""
    published = [(result.name, result.figure, result.goal) for result in load(PUBLISHED).figures]
    assert published == [(each.name, each.words, str(each.goal)) for each in FIGURES]


def test_every_figure_is_explained() -> None:
    """In docs/performance.md, by its name."""
    text = (ROOT / "docs" / "performance.md").read_text()
    assert [each.name for each in FIGURES if f"`{each.name}`" not in text] == []
