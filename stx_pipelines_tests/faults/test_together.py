"""Syncs, a backfill and the sensor at the same time on the same days: one correct table, one shared budget."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from stx_pipelines.clients.rate_limit import Budget
from stx_pipelines.clients.redaction import public_name
from stx_pipelines.coverage.chains import ETHEREUM, STACKS, Chain
from stx_pipelines_tests.clients.imaginary import busiest, grants, keep_grants, the_account
from stx_pipelines_tests.faults.processes import dagster_home, range_of_days, start, sync_of
from stx_pipelines_tests.faults.undisturbed import Followed
from stx_pipelines_tests.sync.ethereum.world import DevnetWorld
from stx_pipelines_tests.waiting import LONGEST
from stx_pipelines_tests.world import World

EndsUndisturbed = Callable[..., None]

SENSOR = """
import sys
import dagster as dg
from stx_pipelines.definitions import defs
chain = sys.argv[1]
sensor, job = defs.get_sensor_def(f"{chain}_coverage"), defs.get_job_def(f"{chain}_sync")
with dg.DagsterInstance.get() as instance:
    found = sensor.evaluate_tick(dg.build_sensor_context(instance=instance, definitions=defs))
    for request in found.run_requests or ():
        assert job.execute_in_process(instance=instance, tags=request.tags, raise_on_error=False).success
"""
"""A tick of the sensor, and the runs that the daemon would start for it."""


def work_at_once(world: Followed, chain: Chain, data: Path, *, whole: bool) -> None:
    """Run two syncs, a backfill and the sensor at the same time; assert that all succeed. Short form: one sync."""
    environment = world.environment | dagster_home(data.with_name("home"))
    backfill = range_of_days(chain, world.days[0], world.days[-1])
    ways = [*[sync_of(chain)] * (2 if whole else 1), backfill, ["-c", SENSOR, chain.name]]
    logs = [data.with_name(f"{n}.log") for n in range(len(ways))]
    working = [start(way, environment, log) for way, log in zip(ways, logs, strict=True)]
    ended = [process.wait(6 * LONGEST if whole else LONGEST) for process in working]
    assert ended == [0] * len(ways), [log.read_text()[-1500:] for log, code in zip(logs, ended, strict=True) if code]


def test_two_syncs_a_backfill_and_the_sensor_leave_one_table_and_keep_the_budget(
    make_recent: Callable[..., World], ends_undisturbed: EndsUndisturbed, whole: bool, data: Path
) -> None:
    """Enough requests to fill the busiest minute."""
    if not whole:
        pytest.skip("only with --faults-whole: four processes start slowly; test_rate_limit has two of them")
    days, per_minute = 60, 300
    world = make_recent(STACKS, days, hiro_requests_per_minute=per_minute)
    Budget(world.devnet.url, per_minute)
    keep_grants(the_account())
    work_at_once(world, STACKS, data, whole=whole)
    asked, granted = world.devnet.stats.requests, grants(the_account())
    assert asked <= len(granted)
    assert busiest(granted, 60_000) <= per_minute
    assert busiest(granted, 6_000) <= per_minute / 10
    assert asked <= 1.5 * sum(known.requests for known in world.certificates().values()) + 40
    world.overrides["hiro_requests_per_minute"] = 0
    ends_undisturbed(world)


def test_the_same_of_ethereum_whose_calls_are_counted(
    make_recent: Callable[..., DevnetWorld], ends_undisturbed: EndsUndisturbed, whole: bool, data: Path
) -> None:
    if not whole:
        pytest.skip(
            "only with --faults-whole: the budget and the locks are the same as above, and four processes start slowly"
        )
    per_second = 600
    world = make_recent(ETHEREUM, 60, calls_per_second=per_second)
    Budget(public_name(world.devnet.ethereum_url), calls_per_second=per_second)
    keep_grants(the_account())
    work_at_once(world, ETHEREUM, data, whole=whole)
    asked, granted = world.devnet.ethereum_stats.calls, grants(the_account())
    assert asked <= len(granted)
    for seconds in (1, 5, 20):
        assert busiest(granted, seconds * 1_000) <= seconds * per_second, seconds
    needed = sum(known.requests for dataset in ETHEREUM.tables for known in world.certificates(dataset).values())
    assert asked <= 1.5 * needed + 40
    world.options.clear()
    ends_undisturbed(world)
