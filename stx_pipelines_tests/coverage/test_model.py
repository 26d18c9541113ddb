"""Which days are wanted, what state they are in, and what comes next: tables of questions and answers."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import msgspec
import pytest

from stx_pipelines.chains.attempts import Attempts
from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.days import DAY
from stx_pipelines.coverage.model import Coverage, Work, less_far, ranges, survey, wanted_days
from stx_pipelines.coverage.sighting import Sighting
from stx_pipelines.coverage.text import coverage_sentence, duration, size
from stx_pipelines_tests.world import at

TODAY = date(2026, 6, 10)
NOW = at(TODAY, 12)
FRESHNESS = timedelta(minutes=30)
OPEN_EVERY = timedelta(minutes=10)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


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


def tip(age: timedelta, *, since: float = 60, seen: float = 0, limit: timedelta = 3 * HOUR) -> Sighting:
    """A newest block so old at the last look, `seen` minutes ago; the server has had it for `since` minutes."""
    return Sighting("https://api", NOW - seen * MINUTE - age, NOW - since * MINUTE, NOW - seen * MINUTE, limit)


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
        freshness=given.get("freshness", FRESHNESS),
        tip=given.get("tip"),
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
    nothing = survey([], {}, {}, {}, {}, NOW, FRESHNESS, first_day=ago(-1))
    assert not nothing.is_complete
    assert following(nothing) is None
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


# --- a server that is behind


@pytest.mark.parametrize(
    ("seen", "complete"),
    [
        (None, True),
        (tip(3 * HOUR), True),
        (tip(3 * HOUR + MINUTE), False),
        (tip(999 * DAY, limit=timedelta(0)), True),
        (tip(5 * HOUR, seen=-90), True),  # a look in the future: the clock was ahead once
        (tip(-HOUR), True),  # a block in the future
    ],
    ids=["unknown", "fresh", "stale", "switched off", "clock was ahead", "ahead of the clock"],
)
def test_open_days_are_covered_only_while_the_servers_newest_block_is_fresh(
    seen: Sighting | None, complete: bool
) -> None:
    coverage = look(2, landed(0, 1, 2), tip=seen)
    assert coverage.is_complete is complete
    assert (coverage.behind is None) is complete
    assert [day.covered for day in coverage.days] == [complete, complete, True]


def test_a_fresh_server_has_today_covered_before_its_first_block() -> None:
    """At every midnight: the newest block is of yesterday."""
    empty = msgspec.structs.replace(certificate(TODAY, closed=False), seen=0, expected=0, published=0, last_hash=None)
    midnight = Sighting("https://api", NOW - timedelta(hours=13), NOW, NOW, limit=timedelta(hours=14))
    assert look(1, [empty, *landed(1)], tip=midnight).is_complete


def test_while_the_server_is_behind_only_days_it_can_have_are_asked_for() -> None:
    behind = tip(66 * HOUR)  # of three days ago
    assert following(look(6, [], tip=behind)) == [3, 4, 5, 6]
    coverage = look(6, [], tip=behind)
    assert (coverage.untried, coverage.runs_to_go(50)) == ([ago(3), ago(4), ago(5), ago(6)], 4)
    assert [coverage.is_ready(day) for day in coverage.days] == [False] * 3 + [True] * 4
    assert following(look(6, landed(4, 5, 6), {ago(3): failed(4, 9999)}, tip=behind)) == [3]
    assert following(look(6, landed(4, 5, 6), {TODAY: failed(1, 9999), ago(3): failed(4)}, tip=behind)) is None
    assert following(look(6, landed(4, 5, 6), {TODAY: failed(1, 9999)}, tip=behind), retry=True) == [3]


def test_an_open_day_waits_until_a_newer_block_is_seen() -> None:
    """Compared 40 minutes ago, with a block that was the newest for an hour, or has been for half an hour."""
    known = [certificate(ago(3), closed=False, minutes_ago=40), *landed(4)]
    assert following(look(4, known, tip=tip(66 * HOUR, since=60))) is None
    assert following(look(4, known, tip=tip(66 * HOUR, since=40))) is None
    assert following(look(4, known, tip=tip(66 * HOUR, since=30))) == [3]
    assert following(look(4, known, {ago(3): failed(1, 1)}, tip=tip(66 * HOUR, since=30))) is None


def test_what_landed_is_loaded_whatever_the_server_has() -> None:
    assert following(look(4, landed(3, 4), unloaded=[ago(4)], tip=tip(66 * HOUR, since=60))) == [4]


def test_a_server_is_not_to_blame_where_nobody_has_looked() -> None:
    """It was fresh at the last look, a night ago: its block is old now, and so is the look."""
    coverage = look(2, landed(0, 1, minutes_ago=600) + landed(2), tip=tip(5 * MINUTE, seen=600, since=600))
    assert (coverage.behind, coverage.is_complete) == (None, False)
    assert following(coverage) == [0, 1]


def test_a_look_that_found_the_server_behind_tells_for_an_hour_and_covers_nothing_later_either() -> None:
    seen = [look(1, landed(0, 1, minutes_ago=n), tip=tip(9 * HOUR, seen=n, since=n), freshness=DAY) for n in (60, 61)]
    assert [coverage.behind is not None for coverage in seen] == [True, False]
    assert [coverage.complete_count for coverage in seen] == [0, 0]
    assert [following(coverage) for coverage in seen] == [None, [0, 1]]


def test_what_was_compared_with_a_stale_block_is_due_at_once_when_the_server_has_caught_up() -> None:
    """A day compared two minutes ago would pass for up to date, and lack all that has come since."""
    known = [*landed(0, minutes_ago=1), certificate(ago(1), closed=False, minutes_ago=3), *landed(2)]
    caught_up = replace(tip(MINUTE, since=2), caught_up=NOW - 2 * MINUTE)
    coverage = look(2, known, tip=caught_up)
    assert [day.covered for day in coverage.days] == [True, False, True]
    assert following(coverage) == [1]
    assert look(2, known, tip=replace(caught_up, limit=timedelta(0))).is_complete


def test_the_sentence_of_a_server_that_is_behind_names_it_the_time_and_the_age() -> None:
    coverage = look(2, landed(2), tip=tip(54 * HOUR + 3 * MINUTE, seen=2))
    assert coverage_sentence(coverage, 0) == (
        "1 of 3 days complete (33 %); the server's newest block is of 2026-06-08 05:55 UTC, 54 h 3 min old when last "
        "checked (https://api); nothing to do here: later blocks are fetched once the server has them"
    )


def test_two_datasets_of_a_server_that_is_behind_are_behind_together() -> None:
    behind = tip(66 * HOUR)
    both = less_far(look(4, landed(3, 4), tip=behind), look(4, landed(3), tip=behind))
    assert both.behind == behind
    assert following(both) == [4]
    done = less_far(*[look(4, [certificate(ago(3), closed=False), *landed(4)], tip=behind) for _ in range(2)])
    assert following(done) is None
