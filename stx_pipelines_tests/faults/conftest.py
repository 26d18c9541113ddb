"""What the fault suite shares: short or whole, dice that can be thrown again, and the comparison at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from random import Random

import pytest

from stx_pipelines_tests.cli.conftest import run
from stx_pipelines_tests.faults.undisturbed import assert_undisturbed, calm_down, refresh_metrics
from stx_pipelines_tests.world import World

__all__ = ["run"]  # a fixture, found by its name

MakeWorld = Callable[..., World]
EndsUndisturbed = Callable[..., None]


@pytest.fixture
def whole(request: pytest.FixtureRequest) -> bool:
    """Whether this is `make test-faults`, which takes its time."""
    return bool(request.config.getoption("--faults-whole"))


@pytest.fixture
def dice(request: pytest.FixtureRequest) -> Random:
    """The chance of this test: the same again with the same `--faults-seed`, whichever other tests run."""
    seed = request.config.getoption("--faults-seed")
    print(f"to see this again: pytest '{request.node.nodeid}' --faults-seed {seed}")
    return Random(f"{seed}:{request.node.name}")


@pytest.fixture
def ends_undisturbed(make_world: MakeWorld) -> EndsUndisturbed:
    """Calm the server down, refresh the metrics, and compare with a run that had no trouble at all.

    `days` are those that were asked for (all of the chain, if none are named); columns `without` are not compared.
    """

    def compare(world: World, *, days: Sequence[date] | None = None, without: Sequence[str] = ()) -> None:
        calm_down(world)
        calm = make_world(world.chain, **world.overrides)
        calm.now = world.now
        calm.landed(days)
        calm.assert_true(days)
        for each in (world, calm):
            refresh_metrics(each)
        assert_undisturbed(world, calm, without)

    return compare
