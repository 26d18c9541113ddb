"""Coverage while the server's newest block is stale."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest

from stx_pipelines.chains.days import DAY
from stx_pipelines.coverage.combined import less_far
from stx_pipelines.coverage.sighting import Sighting
from stx_pipelines.coverage.text import coverage_sentence
from stx_pipelines_tests.coverage.made_up import (
    HOUR,
    MINUTE,
    NOW,
    TODAY,
    ago,
    certificate,
    coverage_of,
    failed,
    next_days,
    stored,
    tip,
)

BEHIND = tip(66 * HOUR)
"""A newest block of three days ago."""


@pytest.mark.parametrize(
    ("seen", "complete"),
    [
        (None, True),
        (tip(3 * HOUR), True),
        (tip(3 * HOUR + MINUTE), False),
        (tip(999 * DAY, limit=timedelta(0)), True),
        (tip(5 * HOUR, seen=-90), True),
        (tip(-HOUR), True),
    ],
    ids=["unknown", "fresh", "stale", "switched off", "checked in the future", "block in the future"],
)
def test_open_days_are_covered_only_while_the_newest_block_is_fresh(seen: Sighting | None, complete: bool) -> None:
    coverage = coverage_of(2, stored(0, 1, 2), tip=seen)
    assert coverage.is_complete is complete
    assert (coverage.behind is None) is complete
    assert [day.covered for day in coverage.days] == [complete, complete, True]


def test_today_is_covered_before_its_first_block_if_the_server_is_fresh() -> None:
    """At every midnight, the newest block is of the day before."""
    empty = msgspec.structs.replace(certificate(TODAY, closed=False), seen=0, expected=0, published=0, last_hash=None)
    midnight = Sighting("https://api", NOW - timedelta(hours=13), NOW, NOW, limit=timedelta(hours=14))
    assert coverage_of(1, [empty, *stored(1)], tip=midnight).is_complete


def test_while_the_server_is_behind_only_days_it_can_have_are_next() -> None:
    coverage = coverage_of(6, [], tip=BEHIND)
    assert next_days(coverage) == [3, 4, 5, 6]
    assert (coverage.untried, coverage.runs_to_go(50)) == ([ago(3), ago(4), ago(5), ago(6)], 4)
    assert [coverage.is_ready(day) for day in coverage.days] == [False] * 3 + [True] * 4
    known = stored(4, 5, 6)
    assert next_days(coverage_of(6, known, {3: failed(4, 9999)}, tip=BEHIND)) == [3]
    assert next_days(coverage_of(6, known, {0: failed(1, 9999), 3: failed(4)}, tip=BEHIND)) is None
    assert next_days(coverage_of(6, known, {0: failed(1, 9999)}, tip=BEHIND), retry=True) == [3]


@pytest.mark.parametrize(
    ("since", "failing", "days"), [(60, {}, None), (40, {}, None), (30, {}, [3]), (30, {3: 1}, None)]
)
def test_an_open_day_waits_until_a_newer_block_is_found(
    since: int, failing: dict[int, int], days: list[int] | None
) -> None:
    """The day was checked 40 minutes ago; the newest block was found `since` minutes ago."""
    known = [certificate(ago(3), closed=False, minutes_ago=40), *stored(4)]
    attempts = {day: failed(1, minutes) for day, minutes in failing.items()}
    assert next_days(coverage_of(4, known, attempts, tip=tip(66 * HOUR, since=since))) == days


def test_stored_days_are_loaded_although_the_server_is_behind() -> None:
    assert next_days(coverage_of(4, stored(3, 4), unloaded=[ago(4)], tip=BEHIND)) == [4]


def test_a_server_that_was_fresh_at_an_old_check_is_not_behind() -> None:
    """Its block is old now, but it was checked a night ago."""
    coverage = coverage_of(2, stored(0, 1, minutes_ago=600) + stored(2), tip=tip(5 * MINUTE, seen=600, since=600))
    assert (coverage.behind, coverage.is_complete) == (None, False)
    assert next_days(coverage) == [0, 1]


@pytest.mark.parametrize(("minutes", "is_behind", "days"), [(60, True, None), (61, False, [0, 1])])
def test_a_server_is_behind_for_an_hour_after_the_check_and_its_days_are_not_covered_later_either(
    minutes: int, is_behind: bool, days: list[int] | None
) -> None:
    seen = tip(9 * HOUR, seen=minutes, since=minutes)
    coverage = coverage_of(1, stored(0, 1, minutes_ago=minutes), tip=seen, freshness=DAY)
    assert (coverage.behind is not None, coverage.complete_count, next_days(coverage)) == (is_behind, 0, days)


def test_days_compared_with_a_stale_block_are_due_at_once_when_the_server_has_caught_up() -> None:
    """A day checked two minutes before would count as covered, but lack all newer blocks."""
    known = [*stored(0, minutes_ago=1), certificate(ago(1), closed=False, minutes_ago=3), *stored(2)]
    caught_up = replace(tip(MINUTE, since=2), caught_up=NOW - 2 * MINUTE)
    coverage = coverage_of(2, known, tip=caught_up)
    assert [day.covered for day in coverage.days] == [True, False, True]
    assert next_days(coverage) == [1]
    assert coverage_of(2, known, tip=replace(caught_up, limit=timedelta(0))).is_complete


def test_the_sentence_names_the_server_and_the_time_and_age_of_its_newest_block() -> None:
    coverage = coverage_of(2, stored(2), tip=tip(54 * HOUR + 3 * MINUTE, seen=2))
    assert coverage_sentence(coverage, 0) == (
        "1 of 3 days complete (33 %); the server's newest block is of 2026-06-08 05:55 UTC, 54 h 3 min old when last "
        "checked (https://api); nothing to do here, because later blocks are fetched once the server has them"
    )


def test_two_datasets_of_a_server_that_is_behind_are_behind_together() -> None:
    both = less_far(coverage_of(4, stored(3, 4), tip=BEHIND), coverage_of(4, stored(3), tip=BEHIND))
    assert both.behind == BEHIND
    assert next_days(both) == [4]
    done = coverage_of(4, [certificate(ago(3), closed=False), *stored(4)], tip=BEHIND)
    assert next_days(less_far(done, done)) is None
