"""Each alert is sent once and is one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import msgspec
import pytest
from dagster._core.test_utils import create_run_for_test

from stx_pipelines.chains.days import DAY
from stx_pipelines.clients.errors import ApiError, Behind
from stx_pipelines.clients.notify import AlertError
from stx_pipelines.coverage.health import HEALTHY, NOT_RUNNING, STALLED, Health
from stx_pipelines.coverage.status import DatasetStatus
from stx_pipelines.defs.alerts import Told, alert_sensor, failure_sensor, review
from stx_pipelines.defs.assets.daily import materialize
from stx_pipelines.defs.delivery import Post
from stx_pipelines.defs.watched import Seen
from stx_pipelines.store.data_folder import DataFolder
from stx_pipelines.sync.outcome import FailedDay
from stx_pipelines_tests.runbook import assert_shown

WELL = Health(HEALTHY, "healthy")
STILL = Health(STALLED, "stalled: process 7 works but nothing has landed for 12 min")


NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)
TODAY = NOW.date()
MINUTE = timedelta(minutes=1)


def status(
    missing: int = 0, *, wanted: int = 8, today: date = TODAY, landed_at: datetime | None = None, due: int | None = None
) -> DatasetStatus:
    """Return a status. Today and yesterday are open, the oldest `missing` days are missing, the others are closed."""
    first = today - (wanted - 1) * DAY
    closed = [(first + missing * DAY, today - 2 * DAY)] if missing < wanted - 2 else []
    return DatasetStatus(
        dataset="transactions",
        sentence=f"{wanted - missing} of {wanted} days complete",
        days_wanted=wanted,
        days_complete=wanted - missing,
        days_landed=wanted - missing,
        old_days_missing=missing,
        holes=[],
        failing=[],
        set_aside=[],
        waiting_to_load=[],
        damaged=[],
        rows=0,
        wallets=None,
        first_block_time=None,
        last_block_time=None,
        newest_day_looked_at=None,
        last_landed_at=landed_at,
        bytes_on_disk=0,
        running=None,
        progress=None,
        requests_per_minute=None,
        minutes_to_go=None,
        days_due=missing if due is None else due,
        first_wanted_day=first,
        closed_days=closed,
        last_active_at=None,
        stalled_after_seconds=600,
        note=None,
    )


def look(seen: DatasetStatus, health: Health, told: Told, now: datetime = NOW) -> tuple[list[str], Told]:
    return review(seen, health, told, now)


class Heard:
    """A channel that stores the sentences sent to it."""

    def __init__(self) -> None:
        self.sentences: list[str] = []

    def send(self, sentence: str) -> None:
        self.sentences.append(sentence)


class Broken:
    """A channel that cannot deliver."""

    def send(self, sentence: str) -> None:
        raise AlertError("the webhook answers 500")


class Failures:
    """The sensor of failed runs, and the sentences that it sends."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.heard = Heard()
        post = Post(DataFolder(Path("data")), lambda: [Broken(), self.heard])
        self.sensor = failure_sensor("failures", lambda: post, on=False)
        self.cursor: str | None = None
        self.tick()

    def tick(self) -> list[str]:
        """Evaluate the sensor, and return the sentences that it sends."""
        self.heard.sentences = []
        with dg.build_sensor_context(instance=self.instance, cursor=self.cursor) as context:
            done = self.sensor.evaluate_tick(context)
        self.cursor = done.cursor
        assert not any(reaction.error for reaction in done.dagster_run_reactions or [])
        return self.heard.sentences


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def fail(instance: dg.DagsterInstance) -> str:
    """Add a run that fails now, and return its id as alerts show it."""
    run = create_run_for_test(instance, job_name="stacks_sync")
    instance.report_run_failed(run, "The run's process no longer exists; stored days are kept.")
    return run.run_id[:8]


def test_where_all_is_well_nothing_is_told() -> None:
    sentences, after = review(status(), WELL, Told(), NOW)
    assert sentences == []
    assert after == Told(closed=status().closed_days, looked_at=NOW)


def test_the_cursor_of_an_earlier_version_is_read() -> None:
    before = b'{"failed_until":1780000000.5,"whole":true,"stalled":true,"closed":[["2026-06-03","2026-06-08"]]}'
    told = msgspec.json.decode(before, type=Told)
    assert told == Told(stalled=True, closed=[(date(2026, 6, 3), date(2026, 6, 8))])
    assert review(status(), STILL, told, NOW)[0] == []


def test_a_failed_run_is_told_once(instance: dg.DagsterInstance) -> None:
    failures = Failures(instance)
    run = fail(instance)
    assert failures.tick() == [f"run {run} failed: stored days are kept; its log is in the Dagster UI"]
    assert [failures.tick() for _ in range(3)] == [[], [], []]


def test_every_failed_run_is_told_oldest_first(instance: dg.DagsterInstance) -> None:
    """A tick reports a limited number of runs. The next tick reports the others."""
    failures = Failures(instance)
    runs = [fail(instance) for _ in range(23)]
    told = [sentence.split()[1] for _ in range(6) for sentence in failures.tick()]
    assert told == runs
    later = fail(instance)
    assert [sentence.split()[1] for sentence in failures.tick()] == [later]


def test_runs_that_failed_before_the_sensor_began_are_not_told(instance: dg.DagsterInstance) -> None:
    fail(instance)
    assert Failures(instance).tick() == []


def test_a_failed_step_gives_its_own_sentence(instance: dg.DagsterInstance) -> None:
    @dg.asset
    def days() -> None:
        raise dg.Failure("2026-06-03: burn block 7 has 3 transactions, read 2; the other days are kept")

    failures = Failures(instance)
    done = dg.materialize([days], instance=instance, raise_on_error=False)
    assert failures.tick() == [
        f"run {done.run_id[:8]} failed: 2026-06-03: burn block 7 has 3 transactions, read 2; the other days are kept"
    ]


def test_runs_that_succeed_are_not_told(instance: dg.DagsterInstance) -> None:
    @dg.asset
    def days() -> None: ...

    failures = Failures(instance)
    dg.materialize([days], instance=instance)
    assert failures.tick() == []


def test_a_fall_of_coverage_is_told_once_and_again_after_a_repair() -> None:
    told, said = Told(), []
    for missing in (5, 1, 0, 0, 1, 2, 1, 0, 0, 3, 3):  # the missing days of a new backfill are not a fall
        sentences, told = look(status(missing), WELL, told)
        said.append(sentences)
    assert [len(sentences) for sentences in said] == [0, 0, 0, 0, 1, 1, 0, 0, 0, 1, 0]
    assert said[4] == ["coverage fell below the target; days now incomplete: 2026-06-03; 7 of 8 days complete"]
    assert said[5] == ["coverage fell below the target; days now incomplete: 2026-06-04; 6 of 8 days complete"]
    assert "now incomplete: 2026-06-03, 2026-06-04, 2026-06-05;" in said[9][0]


def test_a_raised_or_lowered_target_and_a_new_day_are_no_fall() -> None:
    told = Told()
    for seen in (status(), status(12, wanted=20), status(wanted=5), status(3), status(2, today=TODAY + DAY)):
        sentences, told = look(seen, WELL, told)
        assert sentences == []
    assert look(status(3, today=TODAY + DAY), WELL, told)[0] != []


def test_an_outage_without_a_run_in_flight_is_told_once_as_a_stall() -> None:
    told, said, down = Told(), [], Health(NOT_RUNNING, "not running")
    for minutes in range(30):
        health = WELL if minutes % 5 == 0 else down  # in between, a run starts and fails
        sentences, told = look(status(3, landed_at=NOW), health, told, NOW + minutes * MINUTE)
        said += [(minutes, sentence) for sentence in sentences]
    [(minutes, sentence)] = said
    assert minutes == 11
    assert sentence.startswith("no day was stored for 11 min though 3 days are due; stored days are kept")
    assert_shown("`no day was stored for ... though ... due`", sentence)
    later = NOW + 31 * MINUTE
    assert look(status(2, landed_at=later), WELL, told, later)[1].idle_since == later


def test_a_night_in_which_the_services_were_stopped_is_no_stall() -> None:
    down, seen = Health(NOT_RUNNING, "not running"), status(3, landed_at=NOW)
    sentences, told = look(seen, down, Told(), NOW)
    morning = NOW + 500 * MINUTE
    sentences, told = look(seen, down, told, morning)
    assert sentences == []
    said = []
    for minutes in range(1, 14):
        sentences, told = look(seen, down, told, morning + minutes * MINUTE)
        said += sentences
    assert [sentence[:31] for sentence in said] == ["no day was stored for 11 min th"]


@pytest.mark.parametrize("due", [0, 3])
def test_days_that_wait_or_that_land_are_no_stall(due: int) -> None:
    told = Told()
    for minutes in range(0, 90, 9):
        landed_at = NOW + minutes * MINUTE if due else NOW
        seen = status(3, landed_at=landed_at, due=due)
        sentences, told = look(seen, Health(NOT_RUNNING, "not running"), told, NOW + minutes * MINUTE)
        assert sentences == []


def test_a_stall_is_told_once_and_again_when_it_comes_back() -> None:
    told, said = Told(), []
    for health in (WELL, STILL, STILL, Health(NOT_RUNNING, "not running"), STILL, WELL):
        sentences, told = look(status(), health, told)
        said.append(sentences)
    assert said == [[], [STILL.sentence], [], [], [STILL.sentence], []]


def behind(hours: int) -> DatasetStatus:
    """Return the status with a server that is behind. Only today and yesterday are not complete."""
    sentence = f"6 of 8 days complete; the server's newest block is of ..., {hours} h old; nothing to do here"
    return msgspec.structs.replace(status(due=0), days_complete=6, behind=True, sentence=sentence)


def test_a_server_that_is_behind_is_told_once_and_again_when_it_comes_back() -> None:
    told, said = Told(), []
    old = Health(STALLED, "the server's newest block is of ...")
    for hours, health in ((0, STILL), (3, old), (4, old), (0, WELL), (5, old)):
        sentences, told = look(behind(hours) if hours else status(), health, told)
        said.append(sentences)
    assert said == [[STILL.sentence], [behind(3).sentence], [], [], [behind(5).sentence]]


def test_a_run_that_failed_because_the_server_is_behind_is_not_told_besides(instance: dg.DagsterInstance) -> None:
    days = [date(2026, 6, 9), date(2026, 6, 10)]
    late = [FailedDay(day, Behind("the server's newest block is of ...")) for day in days]

    def failing(failed: list[FailedDay]) -> str:
        @dg.asset
        def transactions(context):  # type: ignore[no-untyped-def]
            return materialize(context, iter(failed), lambda _: {})

        return dg.materialize([transactions], instance=instance, raise_on_error=False).run_id[:8]

    failures = Failures(instance)
    failing(late)
    assert failures.tick() == []
    assert look(behind(3), STILL, Told())[0] == [behind(3).sentence]
    run = failing([*late, FailedDay(date(2026, 6, 8), ApiError("burn block 7 is odd"))])
    assert failures.tick() == [
        f"run {run} failed: 3 of 3 days failed and were not published; the other days are stored; failed: "
        "2026-06-08: burn block 7 is odd; 2026-06-09, 2026-06-10: the server's newest block is of ..."
    ]


def test_everything_new_is_told_together() -> None:
    sentences, told = look(status(1), STILL, Told(closed=status().closed_days))
    assert len(sentences) == 2
    assert look(status(1), STILL, told)[0] == []


def test_the_sensor_tells_every_channel_and_remembers(instance: dg.DagsterInstance) -> None:
    heard, now_health = Heard(), [WELL]
    post = Post(DataFolder(Path("data")), lambda: [Broken(), heard])
    sensor = alert_sensor("alerts", lambda _: Seen(status(), now_health[0], post), on=False)
    cursor = None
    for health in (WELL, STILL, STILL):
        now_health[0] = health
        with dg.build_sensor_context(instance=instance, cursor=cursor) as context:
            data = sensor.evaluate_tick(context)
        cursor = data.cursor
    assert heard.sentences == [STILL.sentence]
    assert data.skip_message == "nothing to report"
