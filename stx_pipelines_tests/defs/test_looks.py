"""A look at the tip that finds it unmoved is made by the sensor itself: no run, no event."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from stx_pipelines.coverage.chains import ETHEREUM, STACKS, Chain
from stx_pipelines.defs.sensors import Memory, tick
from stx_pipelines.defs.watched import Watched, watch
from stx_pipelines_tests.defs.sensor_days import said
from stx_pipelines_tests.sync.ethereum.conftest import make_ethereum
from stx_pipelines_tests.sync.ethereum.world import DevnetWorld
from stx_pipelines_tests.sync.ethereum.world import recent_chain as recent_ethereum
from stx_pipelines_tests.world import World, recent_chain

__all__ = ["make_ethereum"]  # a fixture, found by its name

DAYS = 2
LONG_AGO = timedelta(minutes=11)  # open days are compared with the tip every ten minutes


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def look(world: World | DevnetWorld, chain: Chain, instance: dg.DagsterInstance) -> dg.SensorResult:
    """Evaluate the sensor of a chain as a tick does now."""
    watched = watch(lambda: world.project().replaced(stx_target_days=DAYS, eth_target_days=DAYS), chain)
    assert isinstance(watched, Watched)
    return tick(watched, instance, Memory(), datetime.now(UTC))


def let_time_pass(world: World | DevnetWorld, chain: Chain) -> None:
    """Make the last comparison of each open day old."""
    for dataset in chain.tables:
        store = world.store(dataset)
        store.mark_checked([*store.files.certificates()], datetime.now(UTC) - LONG_AGO)


def check(world: World | DevnetWorld, chain: Chain, instance: dg.DagsterInstance, count: Callable[[], int]) -> None:
    let_time_pass(world, chain)
    count()
    assert said(look(world, chain, instance)) == "3 of 3 days complete (100 %); the tip has not moved"
    assert 0 < count() <= 3
    assert said(look(world, chain, instance)) == "3 of 3 days complete (100 %); the target is reached"
    assert count() == 0
    assert instance.get_runs_count() == 0


def test_an_unmoved_tip_of_stacks_needs_no_run(make_world: Callable[..., World], instance: dg.DagsterInstance) -> None:
    world = make_world(recent_chain(DAYS))
    world.now = datetime.now(UTC) - LONG_AGO
    world.stored()
    check(world, STACKS, instance, world.requests)
    world.chain.grow(burn_blocks=1)
    let_time_pass(world, STACKS)
    assert look(world, STACKS, instance).run_requests


def test_a_reorg_of_stacks_at_the_same_height_needs_a_run(
    make_world: Callable[..., World], instance: dg.DagsterInstance
) -> None:
    world = make_world(recent_chain(DAYS))
    world.now = datetime.now(UTC) - LONG_AGO
    world.stored()
    world.chain.reorg(burn_blocks=2)
    assert look(world, STACKS, instance).run_requests


def test_an_unmoved_final_block_of_ethereum_needs_no_run(
    make_ethereum: Callable[..., DevnetWorld], instance: dg.DagsterInstance
) -> None:
    """The days of balances are of the blocks that were compared."""
    world = make_ethereum(
        recent_ethereum(DAYS, finality_blocks=1, safe_blocks=1)
    )  # today has a final block at any time
    world.now = datetime.now(UTC) - LONG_AGO
    world.sync()
    check(world, ETHEREUM, instance, world.calls)
    world.chain.grow(1)
    let_time_pass(world, ETHEREUM)
    assert look(world, ETHEREUM, instance).run_requests
