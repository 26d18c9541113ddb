"""The coverage sensor launches a run of the next range or gives a reason. Bad days and killed runs do not block it."""

from __future__ import annotations

import dagster as dg
import msgspec
import pytest
from dagster import DagsterRunStatus

from stx_pipelines.chains.attempts import Attempts
from stx_pipelines.chains.days import DAY
from stx_pipelines.defs.partitions import DATASET_TAG, DAYS_TAG
from stx_pipelines.defs.sensors import Memory, coverage_sensor
from stx_pipelines_tests.defs.sensor_days import (
    MINUTE,
    RANGE_END,
    RANGE_START,
    SECOND,
    START,
    Days,
    complete,
    launched,
    said,
)


def test_the_newest_missing_days_are_launched_in_one_run_of_eight_minutes(days: Days) -> None:
    assert launched(days.tick()) == ("2026-06-08", "2026-06-05")
    assert days.memory.says == (
        "2 of 8 days complete (25 %), 2 runs to go, ~12 min at 50 requests/min; now 2026-06-08..2026-06-05"
    )


@pytest.mark.parametrize(("first", "words"), [(5, "2026-06-05..2026-06-08 (4 days)"), (2, "2026-06-08")])
def test_a_run_says_in_a_tag_which_days_it_has(days: Days, first: int, words: str) -> None:
    days.states |= {days.day(ago): "closed" for ago in range(first + 1, 8)}
    [request] = days.tick().run_requests or []
    assert request.tags[DAYS_TAG] == words


def test_open_days_go_first_when_they_are_ten_minutes_old(days: Days) -> None:
    assert launched(days.tick(5 * MINUTE)) == ("2026-06-10", "2026-06-09")


def test_a_tick_while_the_lock_is_held_says_who_works(days: Days) -> None:
    days.holder = "process 4711"
    assert said(days.tick()) == (
        "2 of 8 days complete (25 %), 2 runs to go, ~12 min at 50 requests/min; now process 4711"
    )


@pytest.mark.parametrize("status", ["QUEUED", "NOT_STARTED", "STARTING", "STARTED", "CANCELING"])
def test_a_tick_while_a_run_is_on_its_way_names_its_days(days: Days, status: str) -> None:
    days.run(
        DagsterRunStatus[status], began=START - 30 * SECOND, **{RANGE_START: "2026-06-05", RANGE_END: "2026-06-08"}
    )
    assert said(days.tick()).endswith("; now 2026-06-08..2026-06-05")


def test_a_run_of_one_day_is_named_by_its_day(days: Days) -> None:
    days.run(DagsterRunStatus.STARTED, began=START - 30 * SECOND)
    assert said(days.tick()).endswith("; now 2026-06-08")


def test_runs_of_other_datasets_and_of_people_do_not_count(days: Days) -> None:
    days.run(DagsterRunStatus.STARTED, began=START - 30 * SECOND, **{DATASET_TAG: "another"})
    assert launched(days.tick()) == ("2026-06-08", "2026-06-05")


def test_the_sensor_stops_by_itself_at_the_target_and_begins_again_when_a_day_disappears(days: Days) -> None:
    complete(days)
    assert said(days.tick()) == "8 of 8 days complete (100 %); the target is reached"
    days.states[days.day(5)] = "missing"
    assert launched(days.tick()) == ("2026-06-05", "2026-06-05")


def test_a_raised_target_resumes_by_itself(days: Days) -> None:
    complete(days)
    said(days.tick())
    days.states |= {days.day(ago): "missing" for ago in (8, 9)}
    assert launched(days.tick()) == ("2026-06-02", "2026-06-01")


def test_failing_days_only_are_said_to_be_not_due(days: Days) -> None:
    complete(days)
    days.states[days.day(5)] = "missing"
    days.attempts = {days.day(5): Attempts(4, "burn block 7", START - MINUTE)}
    assert said(days.tick()) == "7 of 8 days complete (87 %), set aside: 2026-06-05; nothing is due"


def test_a_bad_day_never_blocks_the_rest(days: Days) -> None:
    bad = days.day(2)
    for tries in range(1, 6):
        days.attempts = {bad: Attempts(tries, "burn block 7 has 3 transactions", days.now)}
        days.run(DagsterRunStatus.FAILURE, began=days.now - SECOND, ended=days.now)
        assert launched(days.tick(SECOND)) == ("2026-06-07", "2026-06-04")
    assert days.probes == 0
    assert days.memory.outage is None


def test_a_failed_run_that_landed_something_is_followed_by_the_next_at_once(days: Days) -> None:
    days.run(DagsterRunStatus.FAILURE, began=START - 6 * MINUTE, ended=START)
    assert launched(days.tick(SECOND)) == ("2026-06-08", "2026-06-05")  # the open days were checked during the run


def test_a_run_whose_process_is_gone_is_declared_failed_and_followed(days: Days) -> None:
    run_id = days.run(DagsterRunStatus.STARTED, began=START - 10 * MINUTE)
    assert launched(days.tick()) == ("2026-06-08", "2026-06-05")  # the open days were checked after it began
    assert days.status(run_id) is DagsterRunStatus.FAILURE


@pytest.mark.parametrize("status", [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING])
def test_two_minutes_are_enough_to_start(days: Days, status: DagsterRunStatus) -> None:
    run_id = days.run(status, began=START)
    said(days.tick(119 * SECOND))
    assert days.status(run_id) is status
    days.tick(2 * SECOND)
    assert days.status(run_id) is DagsterRunStatus.FAILURE


def test_a_run_that_still_writes_its_progress_lives(days: Days) -> None:
    run_id = days.run(DagsterRunStatus.STARTED, began=START - 60 * MINUTE)
    days.last_active = START - 100 * SECOND
    said(days.tick())
    assert days.status(run_id) is DagsterRunStatus.STARTED
    days.last_active = START - 121 * SECOND
    days.tick()
    assert days.status(run_id) is DagsterRunStatus.FAILURE


def test_a_run_may_wait_in_the_queue_for_as_long_as_it_takes(days: Days) -> None:
    run_id = days.run(DagsterRunStatus.QUEUED, began=START - 300 * MINUTE)
    said(days.tick())
    assert days.status(run_id) is DagsterRunStatus.QUEUED


def test_every_run_whose_process_is_gone_is_declared_failed(days: Days) -> None:
    dead = [days.run(DagsterRunStatus.STARTED, began=START - minutes * MINUTE) for minutes in (50, 40, 30)]
    days.tick()
    assert {days.status(run_id) for run_id in dead} == {DagsterRunStatus.FAILURE}


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "edited",
        "[1]",
        '{"outage": {"since": "2026-06-10T11:00:00", "pause_seconds": 1, "until": "2026-06-10T12:30:00"}}',
        '{"outage": {"since": "2026-06-10T11:00:00Z", "pause_seconds": 1, "until": "2099-01-01T00:00:00Z"}}',
    ],
)
def test_a_cursor_that_was_emptied_or_edited_is_replaced_and_the_log_says_so(
    days: Days, cursor: str, capsys: pytest.CaptureFixture[str]
) -> None:
    sensor = coverage_sensor("edited", days.watched, dg.define_asset_job("job"), on=False)
    days.fail()
    with dg.build_sensor_context(instance=days.instance, cursor=cursor) as context:
        data = sensor.evaluate_tick(context)
    assert data.cursor is not None
    assert msgspec.json.decode(data.cursor, type=Memory).says
    assert ("the sensor begins anew" in capsys.readouterr().err) == (cursor[:1] in {"e", "["} or '00:00",' in cursor)


def test_a_clock_that_was_a_year_ahead_leaves_nothing_behind(days: Days) -> None:
    """A failed run, its pause, a failed proof, a progress report and a killed run are of next year."""
    next_year = START + 365 * DAY
    days.attempts = {days.day(ago): Attempts(2, "odd", next_year - DAY) for ago in range(2, 8)}
    days.looked = {}
    days.now = next_year
    days.fail()
    assert "runs have failed since" in said(days.tick())
    days.last_active = days.now
    killed = days.run(DagsterRunStatus.STARTED, began=days.now)
    days.now = START
    days.attempts = {day: each.believed(START) for day, each in days.attempts.items()}
    assert launched(days.tick()) == ("2026-06-10", "2026-06-09")
    assert days.status(killed) == DagsterRunStatus.FAILURE
    days.looked = {days.day(ago): START for ago in range(2)}
    assert launched(days.tick())
