"""Amounts are rounded for reading, small cohorts have intervals, events are marked, and the headline has the proof."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import vl_convert

from stx_pipelines.coverage.proofs import Proofs
from stx_pipelines.dashboard.about import described
from stx_pipelines.dashboard.charts import rounded as rounded_in_chart
from stx_pipelines.dashboard.events import EventsError, read_events
from stx_pipelines.dashboard.facts import NOT_ON_PAGE, Facts, read_facts
from stx_pipelines.dashboard.heads import head
from stx_pipelines.dashboard.intervals import SMALL, interval, wilson
from stx_pipelines.dashboard.page import VEGA_LITE, render
from stx_pipelines.dashboard.text import headline, rounded
from stx_pipelines.metrics.columns import COLUMNS
from stx_pipelines.metrics.store import MetricStore
from stx_pipelines.project import Project
from stx_pipelines.settings import Settings
from stx_pipelines.store.identity import Identity, keep_identity
from stx_pipelines_tests.dashboard.pages import DAYS, LAST, covered, embedded
from stx_pipelines_tests.dashboard.test_charts import items
from stx_pipelines_tests.world import FIRST_DAY

AMOUNTS = {
    "0.000000": "0", "0.000123": "0.000123", "0.06790712": "0.0679", "-0.2": "-0.200", "1": "1.00",
    "510.851206": "510.85", "12345.678": "12,346",
}  # fmt: skip
COUNTS = [(0, 10), (1, 10), (10, 10), (43, 99), (5, SMALL)]


def computed(expressions: list[str]) -> list[str]:
    """Return the values of these expressions in a chart."""
    drawn = {
        "data": {"values": [{"n": n} for n in range(len(expressions))]},
        "transform": [{"calculate": f"[{', '.join(expressions)}][datum.n]", "as": "said"}],
        "mark": "text",
        "encoding": {"text": {"field": "said"}, "y": {"field": "n", "type": "ordinal"}},
    }
    scene = vl_convert.vegalite_to_scenegraph(drawn, vl_version=VEGA_LITE)["scenegraph"]
    return [item["text"] for kind, item in items(scene) if kind == "mark text"]


def test_amounts_are_rounded_by_one_rule() -> None:
    """Python and charts round alike: whole from 1,000 on, two places from 1 on, else three digits."""
    assert {amount: rounded(amount) for amount in AMOUNTS} == AMOUNTS
    minus = "\u2212"  # the charts' sign
    found = [text.replace(minus, "-") for text in computed([rounded_in_chart(f"({amount})") for amount in AMOUNTS])]
    assert found == list(AMOUNTS.values())


def test_small_cohorts_have_the_interval_of_wilson() -> None:
    """The limits are those of published tables; charts compute the same; a cohort of `SMALL` has none."""
    assert wilson(0, 10) == pytest.approx((0, 0.2775), abs=1e-4)
    assert wilson(1, 10) == pytest.approx((0.0179, 0.4042), abs=1e-4)
    assert wilson(10, 10) == pytest.approx((0.7225, 1), abs=1e-4)
    said = [
        "-".join(f"{100 * limit:.0f}" for limit in wilson(found, size)) if size < SMALL else ""
        for found, size in COUNTS
    ]
    assert computed([interval(str(found), str(size)) for found, size in COUNTS]) == said


def test_every_column_has_a_head_with_its_unit() -> None:
    """Amounts name STX, microSTX or US dollars, shares a percent sign."""
    names = [column.name for table, columns in COLUMNS.items() if table not in NOT_ON_PAGE for column in columns]
    units = {"_stx": ", STX", "_ustx": ", microSTX", "_usd": "US dollars", "_share": "%", "_rate": "%", "rate": "%"}
    for name in names:
        assert "_" not in head(name)
        assert all(unit in head(name) for end, unit in units.items() if name.endswith(end)), name


@pytest.fixture(scope="module")
def facts(made: MetricStore) -> Facts:
    """Return the page's facts of 45 days."""
    return read_facts(made, covered(made), "")


def project_of(made: MetricStore, tmp_path: Path, events: Path | None = None) -> Project:
    """Return a project whose chain began on the devnet's first day."""
    project = Project(Settings(stx_data_dir=tmp_path / "data", stx_page_events=events))
    keep_identity(project.folder, Identity(1, "0x00", FIRST_DAY))
    return project


def test_the_headline_has_freshness_proof_and_made_up(made: MetricStore, facts: Facts, tmp_path: Path) -> None:
    """The same sentences are in the link preview and the title."""
    known = described(facts, project_of(made, tmp_path), Proofs(DAYS, 900, 45, "", "by counts"))
    assert headline(known).startswith("Made up. From 1 September 2026")
    assert headline(known).endswith(f"{DAYS} days complete to 15 October 2026, proved by counts, sampled raw blocks.")
    html = render(known)
    assert "<title>Made up: Stacks, day by day</title>" in html
    assert f'<meta property="og:description" content="{headline(known)}">' in html
    late = replace(known, is_made_up=False, now=known.now.replace(day=20))
    assert "complete to 15 October 2026, 5 days ago, proved" in headline(late)
    assert "Made up" not in render(late)


def test_events_are_marked_in_the_charts_over_time(made: MetricStore, facts: Facts, tmp_path: Path) -> None:
    """They are numbered by date; charts without days have no marks."""
    path = tmp_path / "events.csv"
    path.write_text(f'date,text\n2026-09-20,"A launch, <b>big</b>"\n{LAST},End\n2026-09-03,Start\n', "utf-8-sig")
    html = render(described(facts, project_of(made, tmp_path, path), Proofs(0, 0, 0, None)))
    assert [row["number"] + row["date"] for row in embedded(html)["events"]] == [
        *("12026-09-03", "22026-09-20", f"3{LAST}"),
    ]
    assert "<b>20 September 2026</b> A launch, &lt;b&gt;big&lt;/b&gt;" in html
    marked = {name for name, spec in embedded(html)["charts"].items() if '"events"' in str(spec).replace("'", '"')}
    assert marked == {
        *("active", "new", "base-ages", "payback", "types", "fees", "fees-30d", "failures"),
        *("transfers", "transfer-amounts"),
    }


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"2026-09-03\n", "line 1 is not a date, a comma and a text"),
        (b"date,text\n3.9.2026,Start\n", "line 2 begins with '3.9.2026'"),
        (b"2026-09-03,\xff\n", "utf-8"),
        (b"2026-09-03,x\n" * 101, "it has 101 events, more than 100"),
        (None, "No such file"),
    ],
)
def test_a_bad_file_of_events_is_one_sentence(tmp_path: Path, content: bytes | None, why: str) -> None:
    """It names the file, the line and the form; the page is made without marks."""
    path = tmp_path / "events.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(EventsError, match=why) as raised:
        read_events(path)
    assert str(raised.value).endswith("It must be a CSV file: date,text.")
