"""Everything that may start a run, started at once on the same days: one table, one budget."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import pytest

from stx_pipelines_tests.faults.processes import OURS, dagster_home, range_of_days, start
from stx_pipelines_tests.faults.undisturbed import DATASETS, Dataset
from stx_pipelines_tests.world import World, recent_chain

MakeWorld = Callable[..., World]
EndsUndisturbed = Callable[..., None]

SENSOR = """
import dagster as dg
from stx_pipelines.definitions import defs
sensor, job = defs.get_sensor_def("stacks_coverage"), defs.get_job_def("stacks_sync")
with dg.DagsterInstance.get() as instance:
    found = sensor.evaluate_tick(dg.build_sensor_context(instance=instance, definitions=defs))
    for request in found.run_requests or ():
        assert job.execute_in_process(instance=instance, tags=request.tags, raise_on_error=False).success
"""
"""A tick of the sensor, and what the daemon does with its answer."""


@pytest.mark.parametrize("dataset", DATASETS, ids=lambda each: each.asset)
def test_two_syncs_a_backfill_and_the_sensor_leave_one_table_and_keep_the_budget(
    make_world: MakeWorld, ends_undisturbed: EndsUndisturbed, dice: Random, whole: bool, dataset: Dataset, data: Path
) -> None:
    """Whole: so much to read that the busiest minute is full; short: every six seconds keep their share."""
    days, per_minute = (60, 300) if whole else (3, 240)
    chain = recent_chain(days, seed=dice.randrange(10**6))
    world = make_world(chain, stx_target_days=days, hiro_requests_per_minute=per_minute)
    environment = world.environment | dagster_home(data.with_name("home"))
    backfill = range_of_days(dataset, world.days[0], world.days[-1])
    ways = [[*OURS, *dataset.sync], [*OURS, *dataset.sync], backfill, ["-c", SENSOR]]
    logs = [data.with_name(f"{n}.log") for n in range(len(ways))]
    working = [start(way, environment, log) for way, log in zip(ways, logs, strict=True)]
    ended = [process.wait(900 if whole else 180) for process in working]
    assert ended == [0, 0, 0, 0], [log.read_text()[-1500:] for log, code in zip(logs, ended, strict=True) if code]
    arrivals = [arrived for arrived, *_ in world.devnet.stats.log]
    assert world.devnet.stats.busiest_60_seconds <= per_minute
    assert busiest(arrivals, 6) <= per_minute / 10 + 2
    assert len(arrivals) <= 1.5 * sum(known.requests for known in world.certificates().values()) + 40
    world.overrides["hiro_requests_per_minute"] = 0
    ends_undisturbed(world)


def busiest(arrivals: Sequence[float], seconds: float) -> int:
    """The most requests in any window of so many seconds."""
    return max(n + 1 - bisect_left(arrivals, arrived - seconds) for n, arrived in enumerate(arrivals))
