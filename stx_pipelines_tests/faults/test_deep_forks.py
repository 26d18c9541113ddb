"""Forks far below closed days in the middle of a run: days of two forks never stand beside each other."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from stx_pipelines.chains.datasets import TRANSACTIONS
from stx_pipelines.devnet.stacks.chain import StacksChain
from stx_pipelines.store.neighbours import torn_days
from stx_pipelines_tests.faults.test_reorgs import at_random_requests
from stx_pipelines_tests.faults.undisturbed import sync_until_complete
from stx_pipelines_tests.world import World, make_chain, query

MakeWorld = Callable[..., World]


def deep_fork(chain: StacksChain, depth: int) -> None:
    chain.reorg(burn_blocks=depth)
    chain.grow(burn_blocks=1)


@pytest.mark.parametrize("moment", ["first sync", "forced refresh"])
@pytest.mark.parametrize("depth", [60, 80])
def test_a_deep_fork_in_the_middle_of_a_run_leaves_no_day_of_the_old_fork(
    make_world: MakeWorld, dice: Random, whole: bool, moment: str, depth: int
) -> None:
    """About three days are replaced after the first of them was stored."""
    for _ in range(6 if whole else 1):
        chain = make_chain(6, 20, seed=dice.randrange(10**6), burn_blocks_per_day=24, transactions_per_day=600)
        world = make_world(chain, stx_tip_age_minutes=0)
        forced = moment == "forced refresh"
        if forced:
            sync_until_complete(world)
        world.knobs.on_request = at_random_requests(dice, 1, 110, lambda c=chain: deep_fork(c, depth))
        requested = world.days  # the new fork may reach a further day
        world.stored(requested, force=forced)
        world.knobs.on_request = None
        assert chain.forks == 1
        assert query(world.data, "SELECT count(*) - count(DISTINCT tx_id) FROM transactions") == [(0,)]
        assert not torn_days(world.store(TRANSACTIONS).files, compare=True)
        certificates = [world.certificates()[day] for day in requested]
        known = [bool(world.chain.block_by_hash(each.last_hash)) for each in certificates if each.last_hash]
        # A fork below the last row that was read cannot be seen by this run: then no day is of the new fork.
        unseen = [day for day, is_new in zip(requested, known, strict=True) if not is_new]
        world.stored(requested)
        world.assert_true(requested)
        assert not unseen or max(unseen) == requested[-1]
