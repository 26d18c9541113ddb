"""Which days are wanted, what state they are in, and what comes next: tables of questions and answers."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

import msgspec
import pytest

from stx_pipelines.chains.attempts import Attempts
from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.days import DAY
from stx_pipelines.sync.coverage import Coverage, Work, ranges, survey, wanted_days
from stx_pipelines.sync.sentences import coverage_sentence, duration, size
from stx_pipelines_tests.world import at

TODAY = date(2026, 6, 10)
NOW = at(TODAY, 12)
FRESHNESS = timedelta(minutes=30)
OPEN_EVERY = timedelta(minutes=10)
MINUTE = timedelta(minutes=1)


def ago(days: int) -> date:
    return TODAY - days * DAY


def certificate(day: date, *, closed: bool = True, minutes_ago: float = 0, requests: int = 100) -> Certificate:
    return Certificate(
        dataset="transactions",
        day=day,
        state="closed" if closed else "open",
        proof="counts",
        expected=10,
        seen=10,
        published=10,
        left_out={},
        first_height=1,
        last_height=2,
        last_hash="0x1",
        first_block_time=at(day, 1),
        last_block_time=at(day, 2),
        burn_blocks=1,
        proved_to=5,
        tip_height=9,
        proved_at=NOW - minutes_ago * MINUTE,
        requests=requests,
        seconds=1.0,
        route="v3",
    )


def failed(count: int, minutes_ago: float = 0) -> Attempts:
    return Attempts(count, "burn block 7 has 3 transactions, read 2", NOW - minutes_ago * MINUTE)


def look(
    target: int, certificates: list[Certificate], attempts: Mapping[date, Attempts] | None = None, **given: Any
) -> Coverage:
    """A survey at noon; every landed day is loaded unless `unloaded` names it."""
    unloaded = given.get("unloaded", ())
    return survey(
        wanted=wanted_days(target, TODAY, given.get("first_day")),
        landed={each.day: each for each in certificates},
        loaded={each.day: each.id for each in certificates if each.day not in unloaded},
        checked=given.get("checked", {}),
        attempts=attempts or {},
        now=NOW,
        freshness=FRESHNESS,
    )


def landed(*days_ago: int, **more: Any) -> list[Certificate]:
    return [certificate(ago(days), closed=days > 1, **more) for days in days_ago]


def following(coverage: Coverage, budget: int = 0, *, retry: bool = False) -> list[int] | None:
    """How many days ago the next days are, newest first; without a budget, a run may be of any length."""
    work = coverage.next(budget, open_every=OPEN_EVERY, retry=retry)
    return work and [(TODAY - day).days for day in work.days]


@pytest.mark.parametrize(
    ("target", "first_day", "oldest", "count"),
    [
        (1, None, ago(1), 2),
        (7, None, ago(7), 8),
        (7, ago(3), ago(3), 4),
        (7, ago(30), ago(7), 8),
        (7, TODAY, TODAY, 1),
    ],
)
def test_the_target_days_before_today_and_today_are_wanted(
    target: int, first_day: date | None, oldest: date, count: int
) -> None:
    wanted = wanted_days(target, TODAY, first_day)
    assert (wanted[0], wanted[-1], len(wanted)) == (TODAY, oldest, count)
    assert wanted == sorted(set(wanted), reverse=True)


def test_nothing_is_wanted_before_the_chain_begins() -> None:
    assert wanted_days(7, TODAY, ago(-1)) == []
    nothing = survey([], {}, {}, {}, {}, NOW, FRESHNESS)
    assert nothing.is_complete
    assert following(nothing) is None
    assert coverage_sentence(nothing, 0) == coverage_sentence(nothing, 50) == "0 of 0 days complete (100 %)"


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
def test_a_landed_day_is_judged_by_its_certificate_its_attempts_and_the_clock(
    closed: bool, minutes_ago: int, attempts: Attempts | None, state: str, covered: bool
) -> None:
    day = ago(1)
    known = [certificate(day, closed=closed, minutes_ago=minutes_ago)]
    judged = look(1, known, {day: attempts} if attempts else {}).days[1]
    assert (judged.state, judged.covered, judged.landed, judged.complete) == (state, covered, True, covered)


@pytest.mark.parametrize(
    ("attempts", "state"), [(None, "missing"), (failed(1), "failing"), (failed(3), "failing"), (failed(4), "set aside")]
)
def test_a_day_without_a_file_is_judged_by_its_attempts(attempts: Attempts | None, state: str) -> None:
    judged = look(1, [], {TODAY: attempts} if attempts else {}).days[0]
    assert (judged.state, judged.covered, judged.landed, judged.complete) == (state, False, False, False)


def test_a_later_look_at_the_tip_keeps_an_open_day_fresh() -> None:
    known = landed(0, 1, minutes_ago=300)
    stale = look(1, known)
    assert stale.complete_count == 0
    looked = look(1, known, checked={ago(0): NOW, ago(1): NOW - 10 * MINUTE})
    assert [day.looked for day in looked.days] == [NOW, NOW - 10 * MINUTE]
    assert looked.is_complete


def test_a_mark_older_than_the_proof_changes_nothing() -> None:
    assert look(1, landed(0, 1), checked={TODAY: NOW - 999 * MINUTE}).days[0].looked == NOW


def test_a_day_that_the_table_holds_in_an_older_form_is_not_complete() -> None:
    known = certificate(ago(1))
    coverage = survey([ago(1)], {ago(1): known}, {ago(1): "another id"}, {}, {}, NOW, FRESHNESS)
    assert (coverage.days[0].covered, coverage.days[0].loaded, coverage.is_complete) == (True, False, False)
    assert coverage.to_load == [ago(1)]


def test_a_first_run_begins_with_today_and_goes_back() -> None:
    assert following(look(5, [])) == [0]
    assert following(look(5, landed(0))) == [1, 2, 3, 4, 5]


def test_open_days_go_first_once_they_are_old_enough() -> None:
    assert following(look(5, landed(0, 1, minutes_ago=9))) == [2, 3, 4, 5]
    assert following(look(5, landed(0, 1, minutes_ago=10))) == [0, 1]


def test_a_day_that_grew_bit_by_bit_is_not_taken_for_a_cheap_one() -> None:
    """Its certificate says what the last look cost; to fetch such a day costs at least what its rows do."""
    grown = [msgspec.structs.replace(certificate(ago(2), requests=10), expected=6_000, seconds=3.0)]
    assert (look(3, grown).requests_per_day, look(3, grown).seconds_per_day) == (120, 36.0)
    dear = [certificate(ago(2), requests=130)]
    assert look(3, dear).requests_per_day == 130


def test_an_open_day_that_is_due_is_not_held_up_by_one_that_is_not() -> None:
    """After a day without any sync: today was just looked at, and the day before yesterday still waits to close."""
    known = [certificate(ago(0), closed=False, minutes_ago=1), certificate(ago(2), closed=False, minutes_ago=999)]
    assert following(look(2, known)) == [2]


def test_untried_days_go_newest_first_and_one_range_at_a_time() -> None:
    assert following(look(9, landed(0, 1, 4, 5, 8))) == [2, 3]
    assert following(look(9, landed(0, 1, 2, 3, 4, 5, 8))) == [6, 7]
    assert following(look(9, landed(0, 1, 2, 3, 4, 5, 6, 7, 8))) == [9]
    assert following(look(9, landed(*range(10)))) is None


def test_holes_are_days_between_landed_ones_and_count_as_missing() -> None:
    coverage = look(9, landed(0, 1, 4, 5, 8), {ago(6): failed(1)})
    assert coverage.holes == [ago(2), ago(3), ago(6), ago(7)]
    assert coverage.untried == [ago(2), ago(3), ago(7), ago(9)]
    assert coverage.complete_count == 5


def test_a_set_aside_day_between_others_is_a_hole_too() -> None:
    assert look(3, landed(0, 1, 3), {ago(2): failed(4)}).holes == [ago(2)]


def test_there_are_no_holes_at_the_ends() -> None:
    assert look(9, landed(3, 4)).holes == []
    assert look(9, []).holes == []


def test_today_comes_before_older_missing_days_but_with_the_stale_open_ones() -> None:
    assert following(look(5, landed(1, minutes_ago=60))) == [0, 1]
    assert following(look(5, landed(2, 3))) == [0]


def test_untried_days_go_before_failed_ones() -> None:
    assert following(look(3, landed(0, 1), {ago(2): failed(1, 999)})) == [3]


@pytest.mark.parametrize(("count", "minutes"), [(1, 10), (2, 20), (3, 40), (4, 1440), (5, 1440), (50, 1440)])
def test_a_failed_day_rests_longer_every_time_and_at_most_a_day(count: int, minutes: int) -> None:
    known = landed(0, 1, 3)
    assert following(look(3, known, {ago(2): failed(count, minutes - 1 / 60)})) is None
    assert following(look(3, known, {ago(2): failed(count, minutes)})) == [2]


def test_failed_days_go_one_at_a_time_the_longest_untried_first() -> None:
    attempts = {ago(2): failed(1, 60), ago(3): failed(2, 90), ago(4): failed(3, 70), ago(5): failed(4, 100)}
    assert following(look(5, landed(0, 1), attempts)) == [3]


def test_retry_tries_failed_and_set_aside_days_at_once_and_first() -> None:
    attempts = {ago(3): failed(1), ago(4): failed(4)}
    coverage = look(6, landed(0, 1, 2, 5), attempts)
    assert following(coverage) == [6]
    assert following(coverage, retry=True) == [3, 4]
    assert following(look(6, landed(0, 1, 2, 5)), retry=True) == [3, 4]  # none failed: as ever


def test_set_aside_days_are_named_newest_first() -> None:
    coverage = look(5, landed(0, 1), {ago(2): failed(4), ago(3): failed(3), ago(5): failed(7)})
    assert [day.day for day in coverage.set_aside] == [ago(2), ago(5)]


def test_attempts_of_a_closed_day_are_ignored() -> None:
    """Its certificate is the truth; an old file with attempts says nothing any more."""
    coverage = look(2, landed(0, 1, 2), {ago(2): failed(9)})
    assert coverage.is_complete
    assert coverage.set_aside == []
    assert following(coverage, retry=True) is None


def test_an_open_day_with_four_failures_is_set_aside_and_does_not_hold_up_the_others() -> None:
    known = landed(0, 1, minutes_ago=60)
    coverage = look(3, known, {TODAY: failed(4)})
    assert [day.day for day in coverage.set_aside] == [TODAY]
    assert following(coverage) == [1]
    assert following(look(3, known, {TODAY: failed(4), ago(1): failed(4)})) == [2, 3]


def test_an_open_day_rests_after_a_failure() -> None:
    known = landed(0, 1, 2, minutes_ago=60)
    both = {TODAY: failed(1, 5), ago(1): failed(1, 5)}
    assert following(look(2, known, both)) is None
    assert following(look(2, known, {day: failed(1, 10) for day in both})) == [0, 1]


def test_days_that_only_need_loading_come_last() -> None:
    assert following(look(4, landed(0, 1, 2, 3), unloaded=[ago(2)])) == [4]
    assert following(look(3, landed(0, 1, 2, 3), {ago(3): failed(2, 0)}, unloaded=[ago(2)])) == [2]
    assert following(look(4, landed(0, 1, 2, 3), {ago(4): failed(1, 11)}, unloaded=[ago(2)])) == [4]
    assert following(look(4, landed(0, 1, 2, 3), {ago(4): failed(1, 1)}, unloaded=[ago(2)])) == [2]


@pytest.mark.parametrize(
    ("budget", "requests", "length"),
    [(50, 100, 4), (50, 40, 10), (50, 400, 1), (50, 4000, 1), (500, 100, 40), (0, 1, 99)],
)
def test_a_range_takes_eight_minutes_at_the_budget(budget: int, requests: int, length: int) -> None:
    coverage = look(100, [*landed(0, 1), certificate(ago(101), requests=requests)])
    assert following(coverage, budget) == list(range(2, 2 + length))


def test_stale_open_days_are_cut_to_the_budget_as_well() -> None:
    known = [*landed(0, 1, minutes_ago=60), certificate(ago(2), requests=4000)]
    assert following(look(2, known), 50) == [0]


def test_a_day_costs_the_median_of_the_closed_ones() -> None:
    costs = {2: 10, 3: 1000, 4: 60}
    known = [certificate(ago(days), requests=cost) for days, cost in costs.items()]
    assert look(5, [*known, *landed(0, requests=9999)]).requests_per_day == 60
    assert look(5, landed(0, 1, requests=9999)).requests_per_day == look(5, []).requests_per_day == 300
    assert look(5, [certificate(ago(2), requests=0)]).requests_per_day == 1


def test_what_failed_or_landed_is_not_counted_among_the_runs_to_go() -> None:
    coverage = look(20, [*landed(0, 1), certificate(ago(2), requests=100)], {ago(3): failed(1), ago(4): failed(4)})
    assert len(coverage.untried) == 16
    assert coverage.runs_to_go(50) == 4
    assert coverage.runs_to_go(500) == 1
    assert coverage.runs_to_go(0) == 1
    assert coverage.minutes_to_go(50) == 32.0
    assert coverage.minutes_to_go(0) is None
    assert look(2, landed(0, 1, 2)).runs_to_go(50) == 0


def test_the_sentence_says_all_there_is_to_say() -> None:
    known = [*landed(0, 1), *(certificate(ago(days), requests=162) for days in range(2, 173))]
    coverage = look(179, known, {ago(173): failed(4)})
    assert coverage_sentence(coverage, 50, coverage.next(50, open_every=OPEN_EVERY)) == (
        "173 of 180 days complete (96 %), 3 runs to go, ~19 min at 50 requests/min, set aside: 2025-12-19; "
        "now 2025-12-18..2025-12-17"
    )
    assert coverage_sentence(coverage, 0) == "173 of 180 days complete (96 %), 1 run to go, set aside: 2025-12-19"
    assert coverage_sentence(look(2, landed(0, 1, 2)), 50) == "3 of 3 days complete (100 %)"


def test_almost_everything_is_not_100_percent() -> None:
    known = [certificate(ago(days)) for days in range(1999)]
    assert coverage_sentence(look(1999, known), 0).startswith("1999 of 2000 days complete (99 %)")


@pytest.mark.parametrize(
    ("days", "words"), [((TODAY,), "2026-06-10"), ((TODAY, ago(1), ago(2)), "2026-06-10..2026-06-08")]
)
def test_work_is_named_newest_first(days: tuple[date, ...], words: str) -> None:
    assert str(Work(days)) == words


def test_ranges_are_runs_of_neighbours() -> None:
    assert ranges([ago(5), ago(1), ago(2), ago(6), ago(9)]) == [(ago(2), ago(1)), (ago(6), ago(5)), (ago(9), ago(9))]
    assert ranges([]) == []


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (40, "40 s"),
        (59.6, "1 min"),
        (420, "7 min"),
        (3599, "1 h 0 min"),
        (7800, "2 h 10 min"),
        (90000, "25 h 0 min"),
    ],
)
def test_times_are_said_in_words(seconds: float, words: str) -> None:
    assert duration(timedelta(seconds=seconds)) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (47_500_000, "45.3 MiB"), (5 * 2**40, "5120.0 GiB")],
)
def test_sizes_are_said_with_a_unit(count: int, words: str) -> None:
    assert size(count) == words


def steps_of_a_look(count: int) -> int:
    """How many lines of Python it takes to survey so many days, to find the next and to say it."""
    known = [certificate(ago(days)) for days in range(2, count + 1) if days % 2]
    attempts = {ago(days): failed(days % 6 + 1) for days in range(2, count + 1, 10)}
    steps = 0

    def count_lines(_frame: object, event: str, _argument: object) -> Any:
        nonlocal steps
        steps += event == "line"
        return count_lines

    before = sys.gettrace()
    sys.settrace(count_lines)
    try:
        coverage = look(count, known, attempts)
        words = coverage_sentence(coverage, 50, coverage.next(50, open_every=OPEN_EVERY))
    finally:
        sys.settrace(before)
    assert len(coverage.days) == count + 1
    assert words.endswith("now 2026-06-10")
    return steps


def test_ten_times_the_days_are_ten_times_the_work() -> None:
    """No day is compared with every other, and none of 2,000 days takes more than some hundred steps."""
    steps = steps_of_a_look(2_000)
    assert steps <= 12 * steps_of_a_look(200)
    assert steps <= 200 * 2_000


def test_the_clock_of_the_survey_is_the_clock_of_the_pauses() -> None:
    later: datetime = NOW + timedelta(minutes=11)
    coverage = survey([ago(2)], {}, {}, {}, {ago(2): failed(1)}, later, FRESHNESS)
    assert coverage.next(50, open_every=OPEN_EVERY) == Work((ago(2),))
