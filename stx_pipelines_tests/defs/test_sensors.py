"""The coverage sensor launches the next range, says why not, and outlives failures, outages and killed runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import msgspec
import pytest
from dagster import DagsterRunStatus
from dagster._core.remote_origin import InProcessCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.storage.runs.schema import RunsTable
from dagster._core.test_utils import create_run_for_test
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from stx_pipelines.chains.attempts import Attempts
from stx_pipelines.chains.days import DAY
from stx_pipelines.clients.errors import RateLimited, Unreachable
from stx_pipelines.coverage.model import Coverage, DayCoverage, State, Work
from stx_pipelines.coverage.sighting import Sighting
from stx_pipelines.defs.assets.daily import _prospects
from stx_pipelines.defs.partitions import DATASET_TAG, range_tags
from stx_pipelines.defs.sensors import Memory, Watched, tick

DATASET = "transactions"
START = datetime(2026, 6, 10, 12, tzinfo=UTC)
"""Of a test's clock; runs get their times from `Days.run`, so nothing here depends on the real one."""

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
ORIGIN = RemoteJobOrigin(
    RemoteRepositoryOrigin(
        InProcessCodeLocationOrigin(LoadableTargetOrigin(module_name="stx_pipelines.definitions")), "repository"
    ),
    "stacks_sync",
)
"""Where a run's code is; Dagster asks for it before a run may stand in the queue."""

RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


@dataclass
class Days:
    """A dataset that can be anything, and what Dagster knows of its runs."""

    instance: dg.DagsterInstance
    now: datetime = START
    states: dict[date, State] = field(default_factory=dict)
    looked: dict[date, datetime] = field(default_factory=dict)
    attempts: dict[date, Attempts] = field(default_factory=dict)
    holder: str | None = None
    last_active: datetime | None = None
    down: bool = False
    limited_until: datetime | None = None
    probes: int = 0
    tip: Sighting | None = None
    newest: datetime | None = None
    memory: Memory = field(default_factory=Memory)

    def day(self, ago: int) -> date:
        return START.date() - ago * DAY

    def coverage(self, now: datetime) -> Coverage:
        days = []
        for ago in range(len(self.states)):
            day = self.day(ago)
            state, failed = self.states[day], self.attempts.get(day)
            if failed and state != "closed":
                state = "set aside" if failed.is_set_aside else "failing"
            landed = self.states[day] in {"open", "closed"}
            looked = self.looked.get(day, START - DAY) if landed else None
            days.append(DayCoverage(day, state, landed, landed, landed, looked, failed))
        return Coverage(tuple(days), now, requests_per_day=100, tip=self.tip)

    def probe(self) -> None:
        self.probes += 1
        if self.limited_until:
            raise RateLimited(f"rate limited until {self.limited_until}", self.limited_until)
        if self.down:
            raise Unreachable("https://api answers nothing (connection refused)")

    def look_at_tip(self) -> None:
        """What the server says of its newest block, as it is noted for the next survey."""
        self.probe()
        if self.newest:
            since = self.tip.since if self.tip and self.tip.time == self.newest else self.now
            self.tip = Sighting("https://api", self.newest, since, self.now, timedelta(hours=3))

    def watched(self, budget: int = 50) -> Watched:
        return Watched(
            DATASET,
            self.coverage,
            lambda: self.holder,
            lambda: self.last_active,
            self.probe,
            budget,
            timedelta(minutes=10),
            look_at_tip=self.look_at_tip,
        )

    def tick(self, after: timedelta = timedelta(0)) -> dg.SensorResult:
        """The next look, with the memory of the one before."""
        self.now += after
        result = tick(self.watched(), self.instance, self.memory, self.now)
        assert result.cursor is not None
        self.memory = msgspec.json.decode(result.cursor, type=Memory)
        return result

    def run(self, status: DagsterRunStatus, *, began: datetime, ended: datetime | None = None, **tags: str) -> str:
        """A run of this dataset as Dagster remembers it."""
        given = {**range_tags(Work((self.day(2),))), DATASET_TAG: DATASET, **tags}
        run = create_run_for_test(self.instance, job_name="stacks_sync", tags=given, remote_job_origin=ORIGIN)
        storage = self.instance.run_storage
        with storage.connect() as connection:  # type: ignore[attr-defined]
            values = {
                "status": status.value,
                "create_timestamp": began.replace(tzinfo=None),
                "start_time": began.timestamp() if status != DagsterRunStatus.NOT_STARTED else None,
                "end_time": ended.timestamp() if ended else None,
                "run_body": dg.serialize_value(run.with_status(status)),
            }
            connection.execute(RunsTable.update().where(RunsTable.c.run_id == run.run_id).values(**values))
        return run.run_id

    def fail(self) -> str:
        """A run that began just now, brought nothing and failed at once."""
        self.now += SECOND
        return self.run(DagsterRunStatus.FAILURE, began=self.now - SECOND, ended=self.now)

    def limit(self, until: datetime) -> None:
        """A run that was told to come back later, as a real one is; it ends now."""

        @dg.asset
        def transactions() -> None:
            error = RateLimited(f"rate limited until {until}", until)
            raise dg.Failure(str(error), metadata=_prospects(error))

        tags = {**range_tags(Work((self.day(2),))), DATASET_TAG: DATASET}
        done = dg.materialize([transactions], instance=self.instance, raise_on_error=False, tags=tags)
        times = {"start_time": (self.now - SECOND).timestamp(), "end_time": self.now.timestamp()}
        with self.instance.run_storage.connect() as connection:  # type: ignore[attr-defined]
            connection.execute(RunsTable.update().where(RunsTable.c.run_id == done.run_id).values(**times))

    def status(self, run_id: str) -> DagsterRunStatus:
        run = self.instance.get_run_by_id(run_id)
        assert run is not None
        return run.status


@pytest.fixture
def days() -> Iterator[Days]:
    """Today and yesterday open and fresh, six more days missing."""
    with dg.DagsterInstance.ephemeral() as instance:
        days = Days(instance)
        for ago in range(8):
            days.states[days.day(ago)] = "missing" if ago > 1 else "open"
        days.looked = {days.day(0): START - 5 * MINUTE, days.day(1): START - 5 * MINUTE}
        yield days


def complete(days: Days) -> None:
    days.states = {day: "open" if ago < 2 else "closed" for ago, day in enumerate(days.states)}


def launched(result: dg.SensorResult) -> tuple[str, str]:
    """The range a tick asked for, newest day first."""
    [request] = result.run_requests or []
    assert result.skip_reason is None
    assert request.run_key is None
    assert request.tags[DATASET_TAG] == DATASET
    return request.tags[RANGE_END], request.tags[RANGE_START]


def said(result: dg.SensorResult) -> str:
    assert not result.run_requests
    assert result.skip_reason is not None
    assert result.skip_reason.skip_message is not None
    return result.skip_reason.skip_message


def test_the_newest_missing_days_are_launched_in_one_run_of_eight_minutes(days: Days) -> None:
    assert launched(days.tick()) == ("2026-06-08", "2026-06-05")
    assert days.memory.says == (
        "2 of 8 days complete (25 %), 2 runs to go, ~12 min at 50 requests/min; now 2026-06-08..2026-06-05"
    )


def test_open_days_go_first_when_they_are_ten_minutes_old(days: Days) -> None:
    assert launched(days.tick(5 * MINUTE)) == ("2026-06-10", "2026-06-09")


def test_a_tick_while_the_lock_is_held_says_who_works(days: Days) -> None:
    days.holder = "process 4711"
    assert said(days.tick()) == (
        "2 of 8 days complete (25 %), 2 runs to go, ~12 min at 50 requests/min; now process 4711"
    )


@pytest.mark.parametrize(
    "status",
    [
        DagsterRunStatus.QUEUED,
        DagsterRunStatus.NOT_STARTED,
        DagsterRunStatus.STARTING,
        DagsterRunStatus.STARTED,
        DagsterRunStatus.CANCELING,
    ],
)
def test_a_tick_while_a_run_is_on_its_way_names_its_days(days: Days, status: DagsterRunStatus) -> None:
    days.run(status, began=START - 30 * SECOND, **{RANGE_START: "2026-06-05", RANGE_END: "2026-06-08"})
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
    assert launched(days.tick(SECOND)) == ("2026-06-08", "2026-06-05")  # the open days were looked at in between


def test_after_a_run_without_fruit_the_sensor_rests(days: Days) -> None:
    days.fail()
    assert said(days.tick(SECOND)).endswith("; nothing came in since 12:00 UTC, next try at 12:00:31")
    assert days.probes == 0
    assert launched(days.tick(30 * SECOND)) == ("2026-06-08", "2026-06-05")
    assert days.probes == 1
    assert days.memory.outage is None


def test_the_pause_doubles_with_every_run_without_fruit_up_to_five_minutes(days: Days) -> None:
    days.looked = {}
    pauses = []
    for _ in range(6):
        days.fail()
        said(days.tick())
        assert days.memory.outage is not None
        pauses.append(days.memory.outage.pause_seconds)
        days.now = days.memory.outage.until
        assert launched(days.tick())
    assert pauses == [30, 60, 120, 240, 300, 300]


def test_while_the_probe_fails_the_pause_grows_and_nothing_is_launched(days: Days) -> None:
    days.looked = {}
    days.fail()
    days.down = True
    pauses, probes = [], []
    for _ in range(6):
        assert "; nothing came in since 12:00 UTC" in said(days.tick(31 * SECOND))
        assert days.memory.outage is not None
        pauses.append(days.memory.outage.pause_seconds)
        probes.append(days.probes)
        days.now = max(days.now, days.memory.outage.until - 31 * SECOND)
    assert pauses == [60, 120, 240, 300, 300, 300]
    assert probes == [1, 2, 3, 4, 5, 6]


def test_the_reason_of_the_outage_is_named_and_a_tick_in_the_pause_asks_nothing(days: Days) -> None:
    days.looked = {}
    days.fail()
    days.down = True
    assert said(days.tick(40 * SECOND)).endswith(
        "nothing came in since 12:00 UTC: https://api answers nothing (connection refused)"
    )
    assert "next try at" in said(days.tick(30 * SECOND))
    assert days.probes == 1


def test_work_resumes_by_itself_when_the_probe_answers_after_hours(days: Days) -> None:
    days.looked = {}
    days.fail()
    days.down = True
    for _ in range(40):
        said(days.tick(6 * MINUTE))
    days.down = False
    assert launched(days.tick(6 * MINUTE)) == ("2026-06-10", "2026-06-09")
    assert days.memory.outage is None


@pytest.mark.parametrize("fruitful", [False, True])
def test_a_rate_limit_is_rested_out_whether_the_run_brought_something_or_not(days: Days, fruitful: bool) -> None:
    if fruitful:
        days.looked[days.day(0)] = START - MINUTE / 120  # half a second after the run began
    days.limit(START + 67 * MINUTE)
    days.looked = dict.fromkeys(days.looked, START - 5 * MINUTE) if not fruitful else days.looked
    for minutes in (0, 1, 60):
        days.now = START + minutes * MINUTE
        assert said(days.tick()).endswith("; rate limited until 2026-06-10 13:07:00 UTC")
    assert days.probes == 0
    days.now = START + 67 * MINUTE
    assert launched(days.tick())


def test_who_lands_a_day_meanwhile_ends_the_rest(days: Days) -> None:
    days.limit(START + 67 * MINUTE)
    days.now += MINUTE
    days.looked[days.day(0)] = days.looked[days.day(1)] = days.now
    assert launched(days.tick()) == ("2026-06-08", "2026-06-05")


def test_a_rate_limit_of_a_year_is_asked_about_after_a_day(days: Days) -> None:
    days.limit(START + 365 * DAY)
    assert said(days.tick(23 * 60 * MINUTE)).endswith("rate limited until 2026-06-11 12:00:00 UTC")
    days.now = START + DAY
    assert launched(days.tick())


def test_a_probe_that_is_rate_limited_says_until_when(days: Days) -> None:
    days.looked = {}
    days.fail()
    days.limited_until = days.now + 67 * MINUTE
    assert "rate limited until" in said(days.tick(40 * SECOND))
    said(days.tick(60 * MINUTE))
    assert days.probes == 1
    days.now, days.limited_until = days.limited_until, None
    assert launched(days.tick())


def test_a_finished_run_ends_the_outage(days: Days) -> None:
    days.looked = {}
    days.fail()
    said(days.tick())
    days.run(DagsterRunStatus.SUCCESS, began=days.now, ended=days.now + SECOND)
    assert launched(days.tick(2 * SECOND))
    assert days.probes == 0


def test_a_run_whose_process_is_gone_is_declared_failed_and_followed(days: Days) -> None:
    run_id = days.run(DagsterRunStatus.STARTED, began=START - 10 * MINUTE)
    assert launched(days.tick()) == ("2026-06-08", "2026-06-05")  # the open days were looked at since it began
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


@pytest.fixture
def behind(days: Days) -> Days:
    """All that a server has whose newest block is of the day before yesterday has landed; it was looked at just now."""
    states: list[State] = ["missing", "missing", "open", *(["closed"] * 5)]  # type: ignore[list-item]
    days.states = dict(zip(days.states, states, strict=True))
    days.looked = {days.day(2): START - 5 * MINUTE}
    days.newest = START - 2 * DAY
    days.tip = Sighting("https://api", days.newest, START - 9 * MINUTE, START, timedelta(hours=3))
    return days


def test_no_run_is_launched_until_a_server_that_is_behind_has_a_newer_block(behind: Days) -> None:
    pauses = []
    for _ in range(8):
        words = said(behind.tick())
        assert words.startswith("5 of 8 days complete") or words.startswith("6 of 8 days complete")
        assert "; the server's newest block is of 2026-06-08 12:00 UTC, 48 h " in words
        assert "nothing to do here" in words
        assert behind.memory.outage is not None
        assert words.endswith(f"; next look at {behind.memory.outage.until:%H:%M:%S} UTC")
        pauses.append(behind.memory.outage.pause_seconds)
        behind.now = behind.memory.outage.until
    assert pauses == [30, 60, 120, 240, 300, 300, 300, 300]
    assert behind.probes == 7
    behind.newest = behind.now - 5 * MINUTE
    assert launched(behind.tick()) == ("2026-06-10", "2026-06-10")
    assert behind.memory.outage is None


def test_a_tick_in_the_pause_asks_a_server_that_is_behind_nothing(behind: Days) -> None:
    said(behind.tick(29 * SECOND))
    assert behind.probes == 0
    said(behind.tick(SECOND))
    said(behind.tick(59 * SECOND))
    assert behind.probes == 1


def test_a_server_that_catches_up_day_by_day_is_followed(behind: Days) -> None:
    """Its newest block is still old, and newer than before: what it has now is read, no more."""
    behind.newest = START - DAY
    assert launched(behind.tick(MINUTE)) == ("2026-06-09", "2026-06-09")
    behind.states[behind.day(1)] = "open"
    behind.looked = dict.fromkeys([behind.day(1), behind.day(2)], behind.now)
    assert "nothing to do here" in said(behind.tick(MINUTE))


def test_older_days_are_fetched_while_the_server_is_behind(behind: Days) -> None:
    behind.states[behind.day(5)] = "missing"
    assert launched(behind.tick()) == ("2026-06-05", "2026-06-05")
    assert behind.probes == 0


def test_a_server_that_is_behind_and_goes_away_is_waited_for(behind: Days) -> None:
    behind.down = True
    assert said(behind.tick(MINUTE)).endswith(
        "it could not be asked again: https://api answers nothing (connection refused)"
    )
    behind.down, behind.limited_until = False, START + 40 * MINUTE
    assert "rate limited until" in said(behind.tick(2 * MINUTE))
    assert behind.memory.outage is not None
    assert behind.memory.outage.until == behind.limited_until


def test_after_a_night_without_a_daemon_the_server_is_asked_before_a_run_is_launched(behind: Days) -> None:
    assert "nothing to do here" in said(behind.tick(timedelta(hours=9)))
    assert behind.probes == 1
    behind.newest = START + timedelta(hours=18)
    assert launched(behind.tick(timedelta(hours=9))) == ("2026-06-10", "2026-06-10")
