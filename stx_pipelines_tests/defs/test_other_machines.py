"""The coverage sensor and runs on other machines: a live run is never reported as failed, a dead one is."""

from __future__ import annotations

import dagster as dg
import pytest
from dagster import DagsterRunStatus

from stx_pipelines.chains.days import DAY
from stx_pipelines.defs.assets.daily import materialize
from stx_pipelines.defs.partitions import DATASET_TAG, MACHINE_TAG
from stx_pipelines.defs.sensors import coverage_sensor
from stx_pipelines.defs.watched import Watched
from stx_pipelines.store.locks import this_machine
from stx_pipelines.store.shared import SharedError
from stx_pipelines_tests.defs.sensor_days import DATASET, MINUTE, START, Days, launched, said

STARTED, FAILURE = DagsterRunStatus.STARTED, DagsterRunStatus.FAILURE


def test_a_run_says_in_a_tag_on_which_machine_it_works(days: Days) -> None:
    @dg.asset
    def transactions(context):  # type: ignore[no-untyped-def]
        return materialize(context, iter(()), lambda _: {})

    done = dg.materialize([transactions], instance=days.instance, tags={DATASET_TAG: DATASET})
    run = days.instance.get_run_by_id(done.run_id)
    assert run is not None
    assert run.tags[MACHINE_TAG] == this_machine()


def test_without_shared_locks_a_run_on_another_machine_is_not_judged(days: Days) -> None:
    """The locks of this machine say nothing about it. Dagster's run monitoring ends it after its longest time."""
    run_id = days.run(STARTED, began=START - DAY, **{MACHINE_TAG: "worker-2"})
    assert said(days.tick()).endswith("; now 2026-06-08 on worker-2")
    assert days.status(run_id) is STARTED


def test_a_history_in_sqlite_is_of_one_machine_whatever_its_name_was(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dagster._core.storage.runs.SqliteRunStorage", type(days.instance.run_storage))
    run_id = days.run(STARTED, began=START - DAY, **{MACHINE_TAG: "laptop.in-another-network"})
    launched(days.tick())
    assert days.status(run_id) is FAILURE


@pytest.mark.parametrize("machine", ["worker-2", this_machine()])
def test_shared_locks_and_progress_judge_the_runs_of_all_machines(days: Days, machine: str) -> None:
    days.sees_all = True
    run_id = days.run(STARTED, began=START - DAY, **{MACHINE_TAG: machine})
    days.holder = f"process 7 on {machine}"
    said(days.tick())
    days.holder, days.last_active = None, START - MINUTE
    said(days.tick())
    assert days.status(run_id) is STARTED
    days.last_active = START - 3 * MINUTE
    assert launched(days.tick()) == ("2026-06-08", "2026-06-05")
    assert days.status(run_id) is FAILURE


def test_a_run_may_wait_for_a_worker_if_its_launcher_watches_workers(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dagster's run monitoring ends the wait. A run that has started must lock its dataset within two minutes."""
    monkeypatch.setattr(type(days.instance.run_launcher), "supports_check_run_worker_health", True)
    days.sees_all = True
    waits = days.run(DagsterRunStatus.STARTING, began=START - DAY)
    said(days.tick())
    assert days.status(waits) is DagsterRunStatus.STARTING
    dead = days.run(STARTED, began=START - DAY)
    said(days.tick())
    assert days.status(dead) is FAILURE


def test_while_the_shared_server_is_away_no_run_is_launched_or_judged(days: Days) -> None:
    def away() -> str:
        raise SharedError("PostgreSQL at db:5432 cannot be used")

    watched = days.watched()
    run_id = days.run(STARTED, began=START - DAY)
    job = dg.define_asset_job("job", selection=["transactions"])
    sensor = coverage_sensor("s", lambda: Watched(**{**vars(watched), "holder": away}), job, on=True)
    result = sensor(dg.build_sensor_context(instance=days.instance))
    assert isinstance(result, dg.SensorResult)
    assert said(result) == "PostgreSQL at db:5432 cannot be used"
    assert days.status(run_id) is STARTED
