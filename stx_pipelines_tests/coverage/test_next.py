"""The days that `Coverage.next` chooses, and their order."""

from __future__ import annotations

from datetime import timedelta

import pytest

from stx_pipelines.coverage.model import Coverage, Work, judge_days
from stx_pipelines_tests.coverage.made_up import (
    FRESHNESS,
    NOW,
    OPEN_EVERY,
    ago,
    certificate,
    coverage_of,
    failed,
    next_days,
    stored,
)

LATE = stored(0, 1, minutes_ago=60)

ORDER: dict[str, tuple[Coverage, list[int] | None]] = {
    "a first run begins with today": (coverage_of(5, []), [0]),
    "and goes back": (coverage_of(5, stored(0)), [1, 2, 3, 4, 5]),
    "open days wait ten minutes": (coverage_of(5, stored(0, 1, minutes_ago=9)), [2, 3, 4, 5]),
    "then they go first": (coverage_of(5, stored(0, 1, minutes_ago=10)), [0, 1]),
    "a due open day does not wait for one that is not due": (
        coverage_of(2, [certificate(ago(n), closed=False, minutes_ago=m) for n, m in ((0, 1), (2, 999))]),
        [2],
    ),
    "untried days go newest first, one range at a time": (coverage_of(9, stored(0, 1, 4, 5, 8)), [2, 3]),
    "then the second range": (coverage_of(9, stored(0, 1, 2, 3, 4, 5, 8)), [6, 7]),
    "then the third": (coverage_of(9, stored(*range(9))), [9]),
    "then nothing": (coverage_of(9, stored(*range(10))), None),
    "today goes together with stale open days": (coverage_of(5, stored(1, minutes_ago=60)), [0, 1]),
    "today goes before older missing days": (coverage_of(5, stored(2, 3)), [0]),
    "untried days go before failed ones": (coverage_of(3, stored(0, 1), {2: failed(1, 999)}), [3]),
    "failed days go one at a time, the oldest attempt first": (
        coverage_of(5, stored(0, 1), {2: failed(1, 60), 3: failed(2, 90), 4: failed(3, 70), 5: failed(4, 100)}),
        [3],
    ),
    "an open day that is set aside does not delay another": (coverage_of(3, LATE, {0: failed(4)}), [1]),
    "nor do two of them": (coverage_of(3, LATE, {0: failed(4), 1: failed(4)}), [2, 3]),
    "open days wait after a failure": (
        coverage_of(2, stored(0, 1, 2, minutes_ago=60), {0: failed(1, 5), 1: failed(1, 5)}),
        None,
    ),
    "until they are due": (
        coverage_of(2, stored(0, 1, 2, minutes_ago=60), {0: failed(1, 10), 1: failed(1, 10)}),
        [0, 1],
    ),
    "untried days go before loading": (coverage_of(4, stored(0, 1, 2, 3), unloaded=[ago(2)]), [4]),
    "loading does not wait for a failed day": (
        coverage_of(3, stored(0, 1, 2, 3), {3: failed(2)}, unloaded=[ago(2)]),
        [2],
    ),
    "a failed day that is due goes before loading": (
        coverage_of(4, stored(0, 1, 2, 3), {4: failed(1, 11)}, unloaded=[ago(2)]),
        [4],
    ),
    "one that is not due goes after it": (
        coverage_of(4, stored(0, 1, 2, 3), {4: failed(1, 1)}, unloaded=[ago(2)]),
        [2],
    ),
}


@pytest.mark.parametrize(("coverage", "days"), ORDER.values(), ids=ORDER)
def test_the_order_of_days(coverage: Coverage, days: list[int] | None) -> None:
    assert next_days(coverage) == days


def test_a_day_that_is_set_aside_is_named() -> None:
    assert [day.day for day in coverage_of(3, LATE, {0: failed(4)}).set_aside] == [ago(0)]


@pytest.mark.parametrize(("count", "minutes"), [(1, 10), (2, 20), (3, 40), (4, 1440), (5, 1440), (50, 1440)])
def test_a_failed_day_waits_longer_after_each_attempt_and_at_most_a_day(count: int, minutes: int) -> None:
    known = stored(0, 1, 3)
    assert next_days(coverage_of(3, known, {2: failed(count, minutes - 1 / 60)})) is None
    assert next_days(coverage_of(3, known, {2: failed(count, minutes)})) == [2]


def test_with_retry_failed_and_set_aside_days_go_first() -> None:
    coverage = coverage_of(6, stored(0, 1, 2, 5), {3: failed(1), 4: failed(4)})
    assert next_days(coverage) == [6]
    assert next_days(coverage, retry=True) == [3, 4]
    assert next_days(coverage_of(6, stored(0, 1, 2, 5)), retry=True) == [3, 4]  # the usual order, as none failed


@pytest.mark.parametrize(
    ("budget", "requests", "length"),
    [(50, 100, 4), (50, 40, 10), (50, 400, 1), (50, 4000, 1), (500, 100, 40), (0, 1, 99)],
)
def test_a_run_takes_eight_minutes_at_the_budget(budget: int, requests: int, length: int) -> None:
    coverage = coverage_of(100, [*stored(0, 1), certificate(ago(101), requests=requests)])
    assert next_days(coverage, budget) == list(range(2, 2 + length))


def test_stale_open_days_are_cut_to_the_budget_too() -> None:
    assert next_days(coverage_of(2, [*LATE, certificate(ago(2), requests=4000)]), 50) == [0]


def test_waiting_times_are_counted_with_the_clock_of_the_coverage() -> None:
    coverage = judge_days([ago(2)], {}, {}, {}, {ago(2): failed(1)}, NOW + timedelta(minutes=11), FRESHNESS)
    assert coverage.next(50, open_every=OPEN_EVERY) == Work((ago(2),))
