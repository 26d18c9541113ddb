"""Kill -9 of Dagster's daemon, its code server and its runs while a backfill is queued. Whole form only."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import dagster as dg
import pytest
from dagster._core.execution.backfill import BULK_ACTION_TERMINAL_STATUSES, BulkActionStatus, PartitionBackfill

from stx_pipelines.chains.datasets import TRANSACTIONS
from stx_pipelines.definitions import defs
from stx_pipelines_tests.faults.processes import dagster_home, kill_with_children, killed_at_random, start
from stx_pipelines_tests.waiting import wait_until
from stx_pipelines_tests.world import World, recent_chain

MakeWorld = Callable[..., World]
EndsUndisturbed = Callable[..., None]
DAYS = 40
DAEMON = ("-m", "dagster._daemon", "run", "-m", "stx_pipelines.definitions")


def queue_backfill(instance: dg.DagsterInstance, world: World, number: int) -> None:
    """Queue a backfill as the UI does."""
    instance.add_backfill(
        PartitionBackfill.from_asset_partitions(
            backfill_id=f"backfill-{number}",
            asset_graph=defs.resolve_asset_graph(),
            partition_names=[str(day) for day in world.days],
            asset_selection=[dg.AssetKey(TRANSACTIONS)],
            backfill_timestamp=time.time(),
            tags={},
            dynamic_partitions_store=instance,
            all_partitions=False,
            title=None,
            description=None,
            run_config=None,
        )
    )


def end_what_was_killed(instance: dg.DagsterInstance) -> None:
    """Mark the runs as failed that no process works on, as a person would in the UI."""
    for backfill in instance.get_backfills():
        if backfill.status not in BULK_ACTION_TERMINAL_STATUSES:
            instance.update_backfill(backfill.with_status(BulkActionStatus.CANCELED))
    for run in instance.get_runs():
        if not run.is_finished:
            instance.report_run_failed(run, "its process was killed")


def stored_days(world: World) -> set[str]:
    return {path.stem for path in world.data.glob(f"days/{TRANSACTIONS}/????-??-??.parquet")}


def test_kills_of_the_daemon_with_a_backfill_queued_change_nothing(
    make_world: MakeWorld,
    ends_undisturbed: EndsUndisturbed,
    monkeypatch: pytest.MonkeyPatch,
    dice: Random,
    whole: bool,
    data: Path,
) -> None:
    """20 kills, then a last backfill that is not killed stores the remaining days."""
    if not whole:
        pytest.skip("only with --faults-whole: a daemon takes ten seconds to start")
    world = make_world(recent_chain(DAYS, seed=dice.randrange(10**6)), stx_target_days=DAYS)
    environment = world.environment | dagster_home(data.with_name("home"))
    monkeypatch.setenv("DAGSTER_HOME", environment["DAGSTER_HOME"])
    log = data.with_suffix(".log")
    world.knobs.latency_seconds = 0.05
    with dg.DagsterInstance.get() as instance:
        for number in range(20):
            kept = stored_days(world)
            queue_backfill(instance, world, number)
            assert killed_at_random(world, start(DAEMON, environment, log), dice, 40), log.read_text()[-2000:]
            assert kept <= stored_days(world), "a stored day was lost"
            end_what_was_killed(instance)
        world.knobs.latency_seconds = 0.0
        queue_backfill(instance, world, 20)
        daemon = start(DAEMON, environment, log)
        try:
            await_end(instance, "backfill-20", daemon)
        finally:
            kill_with_children(daemon)
        last = instance.get_backfill("backfill-20")
        assert last is not None
        assert last.status == BulkActionStatus.COMPLETED_SUCCESS, log.read_text()[-2000:]
    ends_undisturbed(world)


def await_end(instance: dg.DagsterInstance, backfill_id: str, daemon: subprocess.Popen[bytes]) -> None:
    """Wait until the backfill is over or the daemon has ended."""

    def over() -> bool:
        backfill = instance.get_backfill(backfill_id)
        return backfill is not None and backfill.status in BULK_ACTION_TERMINAL_STATUSES

    wait_until(lambda: over() or daemon.poll() is not None, "the backfill is over")
