"""Kill -9 at random moments: stored days are kept, and the end result equals that of an undisturbed sync.

The request at which a process is killed, and the time after it, are random.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import pyarrow.parquet as pq
import pytest
from click.testing import Result

from stx_pipelines.coverage.chains import ETHEREUM, STACKS, Chain
from stx_pipelines_tests.faults.processes import (
    KILLED,
    dagster_home,
    killed_at_random,
    of_dagster,
    range_of_days,
    start,
    sync_of,
)
from stx_pipelines_tests.faults.undisturbed import Followed, refresh_metrics
from stx_pipelines_tests.world import World, recent_chain

MakeWorld = Callable[..., World]
MakeRecent = Callable[..., Followed]
EndsUndisturbed = Callable[..., None]
DAYS = 12
REQUESTS_PER_DAY = 10
"""About the number of requests of a day."""


def finished(world: Followed) -> set[Path]:
    return set(world.data.glob("days/*/????-??-??.parquet"))


def a_world(make_recent: MakeRecent, chain: Chain, days: int) -> Followed:
    world = make_recent(chain, days)
    world.knobs.latency_seconds = 0.01
    return world


@pytest.mark.parametrize("chain", [STACKS, ETHEREUM], ids=lambda chain: chain.name)
def test_kills_during_a_sync_change_nothing(
    make_recent: MakeRecent,
    ends_undisturbed: EndsUndisturbed,
    run: Callable[..., Result],
    dice: Random,
    whole: bool,
    chain: Chain,
    data: Path,
) -> None:
    """50 kills, 2 in the short form. Once a data folder is complete, a new one is used."""
    kills, days = (50, DAYS) if whole else (2, 3)
    while kills > 0:
        world = a_world(make_recent, chain, days)
        while kills > 0:
            kept = finished(world)
            process = start(sync_of(chain), world.environment, log := data.with_suffix(".log"))
            was_killed = killed_at_random(world, process, dice, REQUESTS_PER_DAY * days // 3)
            assert kept <= finished(world), "a stored day was lost"
            kills -= was_killed
            if not was_killed:
                assert process.returncode == 0, log.read_text()[-2000:]
                break
        world.knobs.latency_seconds = 0.0
        done = run(world, "sync", "--chain", chain.name)
        assert done.exit_code == 0, done.output[-2000:]
        ends_undisturbed(world)


@pytest.mark.parametrize("chain", [STACKS, ETHEREUM], ids=lambda chain: chain.name)
def test_kills_during_a_backfill_change_nothing(
    make_recent: MakeRecent, ends_undisturbed: EndsUndisturbed, dice: Random, whole: bool, chain: Chain, data: Path
) -> None:
    """20 kills of a backfill of all days in one run, started again after each kill; short form: 1 kill, Stacks only."""
    if chain is ETHEREUM and not whole:
        pytest.skip(
            "only with --faults-whole: Dagster's part is the same as for Stacks, and its processes start slowly"
        )
    kills, days = (20, DAYS) if whole else (1, 3)
    while kills > 0:
        world = a_world(make_recent, chain, days)
        log = data.with_suffix(".log")
        environment = world.environment | dagster_home(data.with_name("home"))
        backfill = range_of_days(chain, world.days[0], world.days[-1])
        while kills > 0:
            kept = finished(world)
            process = start(backfill, environment, log)
            was_killed = killed_at_random(world, process, dice, REQUESTS_PER_DAY * days // 2)
            assert kept <= finished(world), "a stored day was lost"
            kills -= was_killed
            if not was_killed:
                assert process.returncode == 0, log.read_text()[-2000:]
                break
        world.knobs.latency_seconds = 0.0
        done = of_dagster(backfill, environment)
        assert done.exit_code == 0, done.output[-2000:]
        ends_undisturbed(world)


COMPUTE = """
from stx_pipelines.project import Project
from stx_pipelines.metrics.open import open_metrics
store = open_metrics(Project.load())
print("ready", flush=True)
store.refresh()
"""


def test_kills_during_metrics_change_nothing(
    make_world: MakeWorld, ends_undisturbed: EndsUndisturbed, dice: Random, whole: bool, data: Path
) -> None:
    """20 kills (1 in the short form). Every result file is readable after each kill and up to date at the end."""
    kills, days = (20, DAYS) if whole else (1, 6)
    world = make_world(recent_chain(days, seed=dice.randrange(10**6)), stx_target_days=days)
    world.stored(world.days[-4:])
    refresh_metrics(world)
    world.stored()
    started = time.monotonic()
    refresh_metrics(world)
    longest = 1.5 * (time.monotonic() - started)
    results = {path for path in world.data.rglob("*.parquet") if "days" not in path.parts}
    for n in range(kills):
        process = start(["-c", COMPUTE], world.environment, log := data.with_suffix(f".{n}.log"))
        while process.poll() is None and "ready" not in log.read_text():
            time.sleep(0.005)
        time.sleep(dice.uniform(0, longest))
        process.kill()
        assert process.wait() in {KILLED, 0}, log.read_text()
        for path in results:
            pq.read_table(path)  # raises an error for a broken file
    ends_undisturbed(world)
