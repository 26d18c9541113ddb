"""The wanted days, their states, and the sentences about them."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from stx_pipelines.chains.attempts import Attempts
from stx_pipelines.coverage.model import LEARNED_DAYS, Work, judge_days, ranges, wanted_days
from stx_pipelines.coverage.text import coverage_sentence, duration, size
from stx_pipelines_tests.coverage.made_up import (
    FRESHNESS,
    MINUTE,
    NOW,
    OPEN_EVERY,
    TODAY,
    ago,
    certificate,
    coverage_of,
    failed,
    next_days,
    stored,
)


@pytest.mark.parametrize(("target", "first", "oldest"), [(1, None, 1), (7, None, 7), (7, 3, 3), (7, 30, 7), (7, 0, 0)])
def test_today_and_the_target_days_before_it_are_wanted(target: int, first: int | None, oldest: int) -> None:
    first_day = None if first is None else ago(first)
    assert wanted_days(target, TODAY, first_day) == [ago(days) for days in range(oldest + 1)]


def test_no_day_is_wanted_before_the_chain_begins() -> None:
    assert wanted_days(7, TODAY, ago(-1)) == []
    nothing = judge_days([], {}, {}, {}, {}, NOW, FRESHNESS, first_day=ago(-1))
    assert not nothing.is_complete
    assert next_days(nothing) is None
    assert coverage_sentence(nothing, 0) == coverage_sentence(nothing, 50)
    assert coverage_sentence(nothing, 0).startswith(
        "0 of 0 days complete (0 %); no day is wanted: the first possible day, 2026-06-11, is after today "
    )


@pytest.mark.parametrize(
    ("closed", "minutes_ago", "attempts", "state", "covered"),
    [
        (True, 9999, None, "closed", True),
        (True, 9999, failed(4), "closed", True),
        (False, 29, None, "open", True),
        (False, 30, None, "open", False),
        (False, 31, failed(1), "failing", False),
        (False, 5, failed(3), "failing", True),
        (False, 5, failed(4), "set aside", True),
        (False, 31, failed(9), "set aside", False),
    ],
)
def test_the_state_of_a_stored_day_depends_on_its_certificate_its_attempts_and_the_clock(
    closed: bool, minutes_ago: int, attempts: Attempts | None, state: str, covered: bool
) -> None:
    known = [certificate(ago(1), closed=closed, minutes_ago=minutes_ago)]
    judged = coverage_of(1, known, {1: attempts} if attempts else {}).days[1]
    assert (judged.state, judged.covered, judged.stored, judged.complete) == (state, covered, True, covered)


@pytest.mark.parametrize(
    ("attempts", "state"), [(None, "missing"), (failed(1), "failing"), (failed(3), "failing"), (failed(4), "set aside")]
)
def test_the_state_of_a_day_without_a_file_depends_on_its_attempts(attempts: Attempts | None, state: str) -> None:
    judged = coverage_of(1, [], {0: attempts} if attempts else {}).days[0]
    assert (judged.state, judged.covered, judged.stored, judged.complete) == (state, False, False, False)


def test_a_later_check_keeps_an_open_day_fresh() -> None:
    known = stored(0, 1, minutes_ago=300)
    assert coverage_of(1, known).complete_count == 0
    checked = coverage_of(1, known, checked={ago(0): NOW, ago(1): NOW - 10 * MINUTE})
    assert [day.checked for day in checked.days] == [NOW, NOW - 10 * MINUTE]
    assert checked.is_complete


def test_a_check_older_than_the_proof_changes_nothing() -> None:
    assert coverage_of(1, stored(0, 1), checked={TODAY: NOW - 999 * MINUTE}).days[0].checked == NOW


def test_a_day_that_the_table_has_in_an_older_version_is_not_complete() -> None:
    known = certificate(ago(1))
    coverage = judge_days([ago(1)], {ago(1): known}, {ago(1): "another id"}, {}, {}, NOW, FRESHNESS)
    assert (coverage.days[0].covered, coverage.days[0].loaded, coverage.is_complete) == (True, False, False)
    assert coverage.to_load == [ago(1)]


def test_holes_are_days_between_stored_ones_and_count_as_missing() -> None:
    coverage = coverage_of(9, stored(0, 1, 4, 5, 8), {6: failed(1)})
    assert coverage.holes == [ago(2), ago(3), ago(6), ago(7)]
    assert coverage.untried == [ago(2), ago(3), ago(7), ago(9)]
    assert coverage.complete_count == 5


def test_a_day_that_is_set_aside_is_a_hole_and_days_at_the_ends_are_not() -> None:
    assert coverage_of(3, stored(0, 1, 3), {2: failed(4)}).holes == [ago(2)]
    assert coverage_of(9, stored(3, 4)).holes == []
    assert coverage_of(9, []).holes == []


def test_days_that_are_set_aside_are_named_newest_first() -> None:
    coverage = coverage_of(5, stored(0, 1), {2: failed(4), 3: failed(3), 5: failed(7)})
    assert [day.day for day in coverage.set_aside] == [ago(2), ago(5)]


def test_attempts_of_a_closed_day_are_ignored() -> None:
    """The certificate is the truth, and the file of attempts is old."""
    coverage = coverage_of(2, stored(0, 1, 2), {2: failed(9)})
    assert coverage.is_complete
    assert coverage.set_aside == []
    assert next_days(coverage, retry=True) is None


def test_a_day_costs_the_median_of_the_closed_ones() -> None:
    known = [certificate(ago(days), requests=cost) for days, cost in {2: 10, 3: 1000, 4: 60}.items()]
    assert coverage_of(5, [*known, *stored(0, requests=9999)]).requests_per_day == 60
    unknown = coverage_of(5, []).requests_per_day
    assert coverage_of(5, stored(0, 1, requests=9999)).requests_per_day == unknown == 300
    assert coverage_of(5, [certificate(ago(2), requests=0)]).requests_per_day == 1


def test_the_newest_closed_days_teach_what_a_day_costs() -> None:
    """A chain that had much less traffic a year ago does not make today's days look cheap."""
    new = [certificate(ago(days), requests=400) for days in range(2, 2 + LEARNED_DAYS)]
    old = [certificate(ago(days), requests=20) for days in range(2 + LEARNED_DAYS, 300)]
    coverage = coverage_of(400, [*stored(0, 1), *old, *new])
    assert coverage.requests_per_day == 400
    assert coverage.minutes_to_go(50) == len(coverage.untried) * 400 / 50
    assert coverage.runs_to_go(50) == len(coverage.untried)


def test_a_day_that_was_fetched_in_parts_costs_as_much_as_its_rows_need() -> None:
    """Its certificate has only the requests of the last sync."""
    grown = coverage_of(3, [msgspec.structs.replace(certificate(ago(2), requests=10), expected=6_000, seconds=3.0)])
    assert (grown.requests_per_day, grown.seconds_per_day) == (120, 36.0)
    assert coverage_of(3, [certificate(ago(2), requests=130)]).requests_per_day == 130


def test_failed_and_stored_days_do_not_count_among_the_runs_to_go() -> None:
    known = [*stored(0, 1), certificate(ago(2), requests=100)]
    coverage = coverage_of(20, known, {3: failed(1), 4: failed(4)})
    assert len(coverage.untried) == 16
    assert [coverage.runs_to_go(budget) for budget in (50, 500, 0)] == [4, 1, 1]
    assert (coverage.minutes_to_go(50), coverage.minutes_to_go(0)) == (32.0, None)
    assert coverage_of(2, stored(0, 1, 2)).runs_to_go(50) == 0


def test_ranges_are_neighbouring_days() -> None:
    assert ranges([ago(5), ago(1), ago(2), ago(6), ago(9)]) == [(ago(2), ago(1)), (ago(6), ago(5)), (ago(9), ago(9))]
    assert ranges([]) == []


def test_the_sentence_of_a_coverage() -> None:
    known = [*stored(0, 1), *(certificate(ago(days), requests=162) for days in range(2, 173))]
    coverage = coverage_of(179, known, {173: failed(4)})
    assert coverage_sentence(coverage, 50, coverage.next(50, open_every=OPEN_EVERY)) == (
        "173 of 180 days complete (96 %), 3 runs to go, ~19 min at 50 requests/min, set aside: 2025-12-19; "
        "now 2025-12-18..2025-12-17"
    )
    assert coverage_sentence(coverage, 0) == "173 of 180 days complete (96 %), 1 run to go, set aside: 2025-12-19"
    assert coverage_sentence(coverage_of(2, stored(0, 1, 2)), 50) == "3 of 3 days complete (100 %)"


def test_almost_all_days_are_not_100_percent() -> None:
    known = [certificate(ago(days)) for days in range(1999)]
    assert coverage_sentence(coverage_of(1999, known), 0).startswith("1999 of 2000 days complete (99 %)")


def test_work_is_named_newest_first() -> None:
    assert str(Work((TODAY,))) == "2026-06-10"
    assert str(Work((TODAY, ago(1), ago(2)))) == "2026-06-10..2026-06-08"


def test_times_and_sizes_in_words() -> None:
    times = {0: "0 s", 40: "40 s", 59.6: "1 min", 420: "7 min", 3599: "1 h 0 min", 7800: "2 h 10 min"}
    assert {seconds: duration(timedelta(seconds=seconds)) for seconds in times} == times
    assert duration(timedelta(hours=25)) == "25 h 0 min"
    sizes = {0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 47_500_000: "45.3 MiB", 5 * 2**40: "5120.0 GiB"}
    assert {count: size(count) for count in sizes} == sizes


def steps_of_a_coverage(count: int) -> int:
    """Return how many lines of Python are run to find the coverage of so many days, the next days and the sentence."""
    known = [certificate(ago(days)) for days in range(2, count + 1) if days % 2]
    attempts = {days: failed(days % 6 + 1) for days in range(2, count + 1, 10)}
    steps = 0

    def count_lines(_frame: object, event: str, _argument: object) -> Any:
        nonlocal steps
        steps += event == "line"
        return count_lines

    before = sys.gettrace()
    sys.settrace(count_lines)
    try:
        coverage = coverage_of(count, known, attempts)
        words = coverage_sentence(coverage, 50, coverage.next(50, open_every=OPEN_EVERY))
    finally:
        sys.settrace(before)
    assert len(coverage.days) == count + 1
    assert words.endswith("now 2026-06-10")
    return steps


def test_ten_times_the_days_are_ten_times_the_work() -> None:
    """No day is compared with every other, and none of 2,000 days takes more than some hundred steps."""
    steps = steps_of_a_coverage(2_000)
    assert steps <= 12 * steps_of_a_coverage(200)
    assert steps <= 200 * 2_000
