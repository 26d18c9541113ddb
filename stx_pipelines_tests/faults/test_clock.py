"""A clock that jumps changes no row and does not stop the comparison of open days."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from click.testing import Result

from stx_pipelines.chains.attempts import Attempts
from stx_pipelines.coverage.current import transactions_coverage
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


def test_a_clock_that_was_a_year_ahead_leaves_nothing_behind(make_world: MakeWorld) -> None:
    """An open day was proved, and a day failed, next year. The chain does not grow afterwards."""
    world, now = make_world(recent_chain(2), stx_target_days=2), datetime.now(UTC)
    world.now = now + timedelta(days=365)
    world.stored()
    world.project().store().attempts.add(world.days[-1], "odd", world.now)
    world.now = None
    assert not transactions_coverage(world.project(), now).is_complete
    world.stored()
    coverage = transactions_coverage(world.project(), datetime.now(UTC))
    assert coverage.is_complete
    assert Attempts(1, "odd", now + timedelta(days=365)).believed(now).due(now)
