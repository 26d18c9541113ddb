"""A clock that jumps changes no row and keeps no day from being looked at."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from click.testing import Result

from stx_pipelines_tests.world import World, at, recent_chain, today

MakeWorld = Callable[..., World]


def test_a_clock_that_was_ahead_once_does_not_keep_open_days_fresh(
    make_world: MakeWorld, run: Callable[..., Result]
) -> None:
    """The day is looked at 'in the future': until then `status` calls it fresh, and nothing looks at it again."""
    world = make_world(recent_chain(1), stx_target_days=1)
    world.now = at(world.days[-1]) + timedelta(days=3)
    world.landed()
    world.now = None
    world.chain.grow(burn_blocks=3)
    run(world, "sync")
    world.assert_true([day for day in world.days if day <= today()])  # before midnight the chain grows into tomorrow
