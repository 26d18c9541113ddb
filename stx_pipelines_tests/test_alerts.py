"""What deserves a message is told once, in a sentence."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg
import msgspec
import pytest
from dagster._core.test_utils import create_run_for_test

from stx_pipelines.alerts import Told, alert_sensor, review
from stx_pipelines.sources.alerts import AlertError
from stx_pipelines.sync.status import HEALTHY, NOT_RUNNING, STALLED, DatasetStatus, Health

WELL = Health(HEALTHY, "healthy")
STILL = Health(STALLED, "stalled: process 7 works but nothing has landed for 12 min")


def status(missing: int = 0) -> DatasetStatus:
    return DatasetStatus(
        dataset="transactions",
        sentence=f"{8 - missing} of 8 days complete",
        days_wanted=8,
        days_complete=8 - missing,
        days_landed=8 - missing,
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
        last_landed_at=None,
        bytes_on_disk=0,
        running=None,
        progress=None,
        requests_per_minute=None,
        minutes_to_go=None,
    )


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def fail(instance: dg.DagsterInstance) -> str:
    """A run that failed now; its id as alerts say it."""
    run = create_run_for_test(instance, job_name="stacks_sync")
    instance.report_run_failed(run, "The run's process is gone; what had landed is kept.")
    return run.run_id[:8]


def since_now() -> Told:
    """The memory of a sensor that begins now; what happens next is later by the clock."""
    told = Told(datetime.now(UTC).timestamp())
    time.sleep(0.01)
    return told


def test_where_all_is_well_nothing_is_told(instance: dg.DagsterInstance) -> None:
    told = since_now()
    sentences, after = review(instance, status(), WELL, told)
    assert sentences == []
    assert after == Told(told.failed_until, whole=True, stalled=False)


def test_a_failed_run_is_told_once(instance: dg.DagsterInstance) -> None:
    told = since_now()
    run = fail(instance)
    sentences, told = review(instance, status(), WELL, told)
    assert sentences == [f"run {run} failed: what had landed is kept; the Dagster UI has its log"]
    for _ in range(3):
        sentences, told = review(instance, status(), WELL, told)
        assert sentences == []


def test_every_failed_run_is_told_oldest_first(instance: dg.DagsterInstance) -> None:
    told = since_now()
    runs = [fail(instance) for _ in range(3)]
    sentences, told = review(instance, status(), WELL, told)
    assert [sentence.split()[1] for sentence in sentences] == runs
    later = fail(instance)
    sentences, _ = review(instance, status(), WELL, told)
    assert [sentence.split()[1] for sentence in sentences] == [later]


def test_runs_that_failed_before_the_sensor_began_are_not_told(instance: dg.DagsterInstance) -> None:
    fail(instance)
    time.sleep(0.01)
    assert review(instance, status(), WELL, since_now())[0] == []


def test_a_failed_step_gives_its_own_sentence(instance: dg.DagsterInstance) -> None:
    @dg.asset
    def days() -> None:
        raise dg.Failure("2026-06-03: burn block 7 has 3 transactions, read 2; the other days are kept")

    told = since_now()
    done = dg.materialize([days], instance=instance, raise_on_error=False)
    sentences, _ = review(instance, status(), WELL, told)
    assert sentences == [
        f"run {done.run_id[:8]} failed: 2026-06-03: burn block 7 has 3 transactions, read 2; the other days are kept"
    ]


def test_runs_that_succeed_are_not_told(instance: dg.DagsterInstance) -> None:
    @dg.asset
    def days() -> None: ...

    told = since_now()
    dg.materialize([days], instance=instance)
    assert review(instance, status(), WELL, told)[0] == []


def test_a_fall_of_coverage_is_told_once_and_again_after_a_repair(instance: dg.DagsterInstance) -> None:
    told, said = since_now(), []
    for missing in (5, 1, 0, 0, 1, 2, 1, 0, 0, 3, 3):  # a backfill that is not there yet is no fall
        sentences, told = review(instance, status(missing), WELL, told)
        said.append(sentences)
    assert [bool(sentences) for sentences in said] == [False] * 4 + [True] + [False] * 4 + [True, False]
    assert said[4] == ["coverage fell below the target: 7 of 8 days complete"]


def test_a_stall_is_told_once_and_again_when_it_comes_back(instance: dg.DagsterInstance) -> None:
    told, said = since_now(), []
    for health in (WELL, STILL, STILL, Health(NOT_RUNNING, "not running"), STILL, WELL):
        sentences, told = review(instance, status(), health, told)
        said.append(sentences)
    assert said == [[], [STILL.sentence], [], [], [STILL.sentence], []]


def test_everything_new_is_told_together(instance: dg.DagsterInstance) -> None:
    told = msgspec.structs.replace(since_now(), whole=True)
    run = fail(instance)
    sentences, told = review(instance, status(1), STILL, told)
    assert len(sentences) == 3
    assert sentences[0].startswith(f"run {run} failed")
    assert review(instance, status(1), STILL, told)[0] == []


def test_the_sensor_tells_every_channel_and_remembers(instance: dg.DagsterInstance) -> None:
    class Broken:
        def send(self, sentence: str) -> None:
            raise AlertError("the webhook answers 500")

    class Heard:
        def __init__(self) -> None:
            self.sentences: list[str] = []

        def send(self, sentence: str) -> None:
            self.sentences.append(sentence)

    heard, now_health = Heard(), [WELL]
    sensor = alert_sensor("alerts", lambda _: status(), lambda _: now_health[0], lambda: [Broken(), heard], on=False)
    cursor = None
    for health in (WELL, STILL, STILL):
        now_health[0] = health
        with dg.build_sensor_context(instance=instance, cursor=cursor) as context:
            data = sensor.evaluate_tick(context)
        cursor = data.cursor
    assert heard.sentences == [STILL.sentence]
    assert data.skip_message == "nothing to tell"
