"""The daily schedule launches a run of yesterday and today (UTC), independent of the sensor."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta, timezone

import dagster as dg
import pytest

from stx_pipelines.chains.attempts import Attempts
from stx_pipelines.chains.days import DAY
from stx_pipelines.coverage.model import Coverage, DayCoverage, State
from stx_pipelines.coverage.sighting import Sighting
from stx_pipelines.definitions import defs
from stx_pipelines.defs.assets.by_chain import DAILY
from stx_pipelines.defs.jobs import chain_jobs
from stx_pipelines.defs.partitions import DATASET_TAG
from stx_pipelines.defs.schedules import daily_schedule
from stx_pipelines_tests.world import at, today

RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
TODAY = date(2026, 6, 10)
HALF_PAST_ONE = at(TODAY, 1, 30)


def coverage_of(
    states: Mapping[date, State], failed: Mapping[date, Attempts], now: datetime, tip: Sighting | None = None
) -> Coverage:
    landed = {"open", "closed"}
    days = [
        DayCoverage(day, state, state in landed, state in landed, state in landed, attempts=failed.get(day))
        for day, state in states.items()
    ]
    return Coverage(tuple(days), now, tip=tip)


def evaluate(
    states: Mapping[date, State],
    scheduled: datetime,
    failed: Mapping[date, Attempts] | None = None,
    tip: Sighting | None = None,
) -> dict[str, str] | str:
    """Return the tags of the run that a tick requests, or the sentence with which it skips."""
    close = chain_jobs("stacks", DAILY["stacks"]).close
    schedule = daily_schedule(
        "daily", "transactions", close, lambda now: coverage_of(states, failed or {}, now, tip), on=False
    )
    with dg.build_schedule_context(scheduled_execution_time=scheduled) as context:
        data = schedule.evaluate_tick(context)
    if data.skip_message:
        return data.skip_message
    [request] = data.run_requests or []
    assert request.run_key is None
    return dict(request.tags)


@pytest.mark.parametrize(("count", "hours"), [(1, 0.1), (4, 23), (9, 1)])
def test_days_that_wait_after_a_failed_proof_are_left_to_their_pause(count: int, hours: float) -> None:
    failed = {TODAY - DAY: Attempts(count, "burn block 7", HALF_PAST_ONE - timedelta(hours=hours))}
    states: dict[date, State] = {TODAY: "open", TODAY - DAY: "set aside" if count > 3 else "failing"}
    tags = evaluate(states, HALF_PAST_ONE, failed)
    assert isinstance(tags, dict)
    assert (tags[RANGE_START], tags[RANGE_END]) == ("2026-06-10", "2026-06-10")
    states[TODAY] = "closed"
    assert evaluate(states, HALF_PAST_ONE, failed) == "2026-06-09 could not be proved; the next try is not due yet"


@pytest.mark.parametrize(("count", "hours"), [(1, 0.2), (4, 24)])
def test_a_failed_day_that_is_due_is_tried_again(count: int, hours: float) -> None:
    failed = {TODAY - DAY: Attempts(count, "burn block 7", HALF_PAST_ONE - timedelta(hours=hours))}
    tags = evaluate({TODAY: "open", TODAY - DAY: "failing"}, HALF_PAST_ONE, failed)
    assert isinstance(tags, dict)
    assert tags[RANGE_START] == "2026-06-09"


@pytest.mark.parametrize("yesterday", ["missing", "open"])
def test_yesterday_and_today_are_asked_for_and_no_other_day(yesterday: State) -> None:
    states: dict[date, State] = {TODAY: "missing", TODAY - DAY: yesterday, TODAY - 2 * DAY: "missing"}
    tags = evaluate(states, HALF_PAST_ONE)
    assert isinstance(tags, dict)
    assert (tags[RANGE_START], tags[RANGE_END]) == ("2026-06-09", "2026-06-10")
    assert tags[DATASET_TAG] == "transactions"


def test_a_closed_yesterday_is_left_alone() -> None:
    tags = evaluate({TODAY: "open", TODAY - DAY: "closed"}, HALF_PAST_ONE)
    assert isinstance(tags, dict)
    assert (tags[RANGE_START], tags[RANGE_END]) == ("2026-06-10", "2026-06-10")


def test_a_dataset_of_closed_days_is_checked_every_day() -> None:
    tags = evaluate({TODAY - DAY: "closed", TODAY - 2 * DAY: "missing"}, HALF_PAST_ONE)
    assert isinstance(tags, dict)
    assert (tags[RANGE_START], tags[RANGE_END]) == ("2026-06-09", "2026-06-09")


def test_without_a_wanted_day_it_says_so() -> None:
    assert evaluate({}, HALF_PAST_ONE) == "yesterday and today are not wanted, or already closed"


def test_days_that_the_server_does_not_have_are_not_asked_for() -> None:
    """If the newest block is two days old, no day is fetched. If it is three hours old, only yesterday is fetched."""
    states: dict[date, State] = {TODAY: "missing", TODAY - DAY: "missing"}
    limit, since = timedelta(hours=2), HALF_PAST_ONE
    old, newer = (Sighting("https://api", since - timedelta(hours=h), since, since, limit) for h in (48, 3))
    words = evaluate(states, HALF_PAST_ONE, tip=old)
    assert isinstance(words, str)
    assert words.startswith("the server's newest block is of 2026-06-08 01:30 UTC, 48 h 0 min old")
    tags = evaluate(states, HALF_PAST_ONE, tip=newer)
    assert isinstance(tags, dict)
    assert (tags[RANGE_START], tags[RANGE_END]) == ("2026-06-09", "2026-06-09")


@pytest.mark.parametrize("hours", [-10, -1, 0, 2, 14])
def test_the_days_are_utc_days_in_every_time_zone(hours: int) -> None:
    states: dict[date, State] = {TODAY: "open", TODAY - DAY: "open"}
    local = HALF_PAST_ONE.astimezone(timezone(timedelta(hours=hours)))
    tags = evaluate(states, local)
    assert isinstance(tags, dict)
    assert (tags[RANGE_START], tags[RANGE_END]) == ("2026-06-09", "2026-06-10")


def test_stacks_daily_runs_after_finality_in_utc_and_is_off_unless_asked_for() -> None:
    schedule = defs.get_schedule_def("stacks_daily")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("30 1 * * *", "UTC")
    assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED
    assert schedule.job.name == "stacks_close"


def test_stacks_daily_asks_for_yesterday_and_today_of_an_empty_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STX_TARGET_DAYS", "5")
    now = at(today(), 1, 30)
    with dg.build_schedule_context(scheduled_execution_time=now) as context:
        [request] = defs.get_schedule_def("stacks_daily").evaluate_tick(context).run_requests or []
    assert request.tags[RANGE_START] == str(today() - DAY)
    assert request.tags[RANGE_END] == str(today())
