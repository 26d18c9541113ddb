"""A dataset in any state, its runs in Dagster, and its coverage sensor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import msgspec
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
from stx_pipelines.defs.assets.daily import materialize
from stx_pipelines.defs.partitions import DATASET_TAG, range_tags
from stx_pipelines.defs.sensors import Memory, Watched, tick
from stx_pipelines.sync.outcome import Outcome

DATASET = "transactions"
START = datetime(2026, 6, 10, 12, tzinfo=UTC)
"""The start of a test's clock. `Days.run` sets the times of runs, so that no test depends on the real clock."""

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
ORIGIN = RemoteJobOrigin(
    RemoteRepositoryOrigin(
        InProcessCodeLocationOrigin(LoadableTargetOrigin(module_name="stx_pipelines.definitions")), "repository"
    ),
    "stacks_sync",
)
"""The code location of a run. Dagster requires it for a run in the queue."""

RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


@dataclass
class Days:
    """A dataset in any state, its runs in Dagster, and its server."""

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
    sees_all: bool = False

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

    def check_tip(self) -> None:
        """Store the time of the server's newest block for the next coverage."""
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
            check_tip=self.check_tip,
            sees_all=self.sees_all,
        )

    def tick(self, after: timedelta = timedelta(0)) -> dg.SensorResult:
        """Move the clock by `after`, and evaluate the sensor with the cursor of the last tick."""
        self.now += after
        result = tick(self.watched(), self.instance, self.memory, self.now)
        assert result.cursor is not None
        self.memory = msgspec.json.decode(result.cursor, type=Memory)
        return result

    def run(self, status: DagsterRunStatus, *, began: datetime, ended: datetime | None = None, **tags: str) -> str:
        """Add a run of this dataset to Dagster's history."""
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
        """Add a run that began just now, stored no day and failed at once."""
        self.now += SECOND
        return self.run(DagsterRunStatus.FAILURE, began=self.now - SECOND, ended=self.now)

    def limit(self, until: datetime) -> None:
        """Add a run that ends now with a rate limit, and has the events of a real one."""

        def limited() -> Iterator[Outcome]:
            raise RateLimited(f"rate limited until {until}", until)
            yield

        @dg.asset
        def transactions(context):  # type: ignore[no-untyped-def]
            return materialize(context, limited(), lambda _: {})

        tags = {**range_tags(Work((self.day(2),))), DATASET_TAG: DATASET}
        done = dg.materialize([transactions], instance=self.instance, raise_on_error=False, tags=tags)
        times = {"start_time": (self.now - SECOND).timestamp(), "end_time": self.now.timestamp()}
        with self.instance.run_storage.connect() as connection:  # type: ignore[attr-defined]
            connection.execute(RunsTable.update().where(RunsTable.c.run_id == done.run_id).values(**times))

    def status(self, run_id: str) -> DagsterRunStatus:
        run = self.instance.get_run_by_id(run_id)
        assert run is not None
        return run.status


def complete(days: Days) -> None:
    """Make the two newest days open and all other days closed."""
    days.states = {day: "open" if ago < 2 else "closed" for ago, day in enumerate(days.states)}


def launched(result: dg.SensorResult) -> tuple[str, str]:
    """Return the newest and oldest day of the run that a tick requests."""
    [request] = result.run_requests or []
    assert result.skip_reason is None
    assert request.run_key is None
    assert request.tags[DATASET_TAG] == DATASET
    return request.tags[RANGE_END], request.tags[RANGE_START]


def said(result: dg.SensorResult) -> str:
    """Return the sentence with which a tick skips."""
    assert not result.run_requests
    assert result.skip_reason is not None
    assert result.skip_reason.skip_message is not None
    return result.skip_reason.skip_message
