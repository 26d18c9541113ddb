"""Fixtures of the fault suite: short or whole form, repeatable random numbers, the comparison at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from random import Random

import pytest

from stx_pipelines.coverage.chains import STACKS, Chain
from stx_pipelines_tests.cli.conftest import run
from stx_pipelines_tests.faults.undisturbed import Followed, assert_undisturbed, calm_down, has_metrics, refresh_metrics
from stx_pipelines_tests.sync.ethereum import world as ethereum
from stx_pipelines_tests.sync.ethereum.conftest import make_ethereum
from stx_pipelines_tests.world import World, recent_chain

__all__ = ["make_ethereum", "run"]  # fixtures, found by their names

MakeWorld = Callable[..., World]
MakeEthereum = Callable[..., ethereum.DevnetWorld]
MakeRecent = Callable[..., Followed]
EndsUndisturbed = Callable[..., None]


@pytest.fixture
def whole(request: pytest.FixtureRequest) -> bool:
    """Say whether this is `make test-faults`, the whole form."""
    return bool(request.config.getoption("--faults-whole"))


@pytest.fixture
def dice(request: pytest.FixtureRequest) -> Random:
    """Make this test's random numbers; they depend only on `--faults-seed` and the test's name."""
    seed = request.config.getoption("--faults-seed")
    print(f"to repeat this: pytest '{request.node.nodeid}' --faults-seed {seed}")
    return Random(f"{seed}:{request.node.name}")


@pytest.fixture
def make_recent(make_world: MakeWorld, make_ethereum: MakeEthereum, dice: Random) -> MakeRecent:
    """Make worlds around a random chain of the last `days` whole days and today; all these days are wanted."""

    def make(chain: Chain, days: int, **options: int) -> Followed:
        seed = dice.randrange(10**6)
        if chain is STACKS:
            return make_world(recent_chain(days, seed=seed), stx_target_days=days, **options)
        return make_ethereum(ethereum.recent_chain(days, seed=seed), **options)

    return make


@pytest.fixture
def ends_undisturbed(make_world: MakeWorld, make_ethereum: MakeEthereum, whole: bool) -> EndsUndisturbed:
    """Compare a world with an undisturbed sync and with the chain, after switching all faults off.

    `days` are the synced ones (all days of the chain by default); the columns in `without` are not compared. The short
    form compares metrics if the test made some. Metrics that are first made here from equal rows would be equal.
    """

    def follow_again(world: Followed) -> Followed:
        data = world.data.with_name(f"{world.data.name}-undisturbed")
        if isinstance(world, World):
            return make_world(world.chain, data=data, **world.overrides)
        return make_ethereum(world.chain, data=data, **world.options)

    def compare(world: Followed, *, days: Sequence[date] | None = None, without: Sequence[str] = ()) -> None:
        calm_down(world)
        calm = follow_again(world)
        calm.now = world.now
        calm.sync(days)
        if whole or has_metrics(world):
            for each in (world, calm):
                refresh_metrics(each)
        assert_undisturbed(world, calm, without)
        world.assert_true(days)

    return compare
