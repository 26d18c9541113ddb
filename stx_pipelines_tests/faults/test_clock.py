"""A clock that jumps changes no row and does not stop the comparison of open days."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from click.testing import Result

from stx_pipelines_tests.world import World, at, recent_chain, today

MakeWorld = Callable[..., World]


def test_open_days_checked_in_the_future_are_checked_again(make_world: MakeWorld, run: Callable[..., Result]) -> None:
    """A clock that was three days ahead must not make `sync` skip an open day until then."""
    world = make_world(recent_chain(1), stx_target_days=1)
    world.now = at(world.days[-1]) + timedelta(days=3)
    world.stored()
    world.now = None
    world.chain.grow(burn_blocks=3)
    run(world, "sync")
    world.assert_true([day for day in world.days if day <= today()])  # before midnight the chain grows into tomorrow
