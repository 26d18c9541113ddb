"""Reorgs below stored days or while days are read: after the next sync, no stale row remains."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from stx_pipelines.chains.days import DAY
from stx_pipelines.clients.errors import Unreachable
from stx_pipelines.devnet.ethereum.values import Call
from stx_pipelines.sync.ethereum.balances import BALANCES
from stx_pipelines.sync.ethereum.blocks import BLOCKS
from stx_pipelines_tests.sync.ethereum.world import (
    DevnetWorld,
    failed,
    fetched,
    file_rows,
    make_chain,
    make_sparse_chain,
    stored,
    table_rows,
)
from stx_pipelines_tests.world import FIRST_DAY

MakeEthereum = Callable[..., DevnetWorld]

IN_TODAY, OVER_MIDNIGHT, DEEPER_THAN_A_DAY = 30, 60, 200
"""Numbers of blocks to replace. The chain's last day has 36, of which 26 are final."""


def both(world: DevnetWorld) -> None:
    for outcomes in world.sync():
        stored(outcomes)


def rows(world: DevnetWorld) -> list[object]:
    return [table_rows(world.data, BLOCKS), table_rows(world.data, BALANCES)]


@pytest.fixture
def world(make_stored: MakeEthereum) -> DevnetWorld:
    """Return a world whose days are all stored. Its last day ends at 6:00."""
    return make_stored(6, batch_size=30)


@pytest.mark.parametrize(("depth", "grown"), [(IN_TODAY, 0), (IN_TODAY, 7), (OVER_MIDNIGHT, 7), (DEEPER_THAN_A_DAY, 0)])
def test_a_reorg_is_repaired_by_the_next_sync(world: DevnetWorld, depth: int, grown: int) -> None:
    world.chain.reorg(depth, depth + grown)
    both(world)
    world.assert_true()


def test_a_reorg_of_20_blocks_reads_again_only_what_it_changed(world: DevnetWorld) -> None:
    """Ten of them were not final and not stored. Balances of unchanged blocks are kept."""
    world.chain.reorg(20)
    world.calls()
    assert fetched(world.blocks()) == [world.days[-1]]
    assert world.calls() <= 26 + 8
    assert fetched(world.balances()) == [world.days[-1]]
    assert world.calls() <= 2 * 10 + 8
    world.assert_true()


def test_a_reorg_of_blocks_that_are_not_final_needs_no_fetch(world: DevnetWorld) -> None:
    world.chain.reorg(9)
    assert [fetched(outcomes) for outcomes in world.sync()] == [[], []]
    world.assert_true()


def test_two_reorgs_without_a_sync_in_between(world: DevnetWorld) -> None:
    world.chain.reorg(DEEPER_THAN_A_DAY)
    world.chain.reorg(OVER_MIDNIGHT, OVER_MIDNIGHT + 10)
    both(world)
    world.assert_true()


def test_two_reorgs_with_a_sync_of_only_the_blocks_in_between(world: DevnetWorld) -> None:
    world.chain.reorg(OVER_MIDNIGHT)
    stored(world.blocks())
    world.chain.reorg(IN_TODAY)
    both(world)
    world.assert_true()


def test_balances_follow_the_blocks_and_not_the_node(world: DevnetWorld) -> None:
    """The stored blocks are of the old fork and the node is on the new one, so the day's blocks are read again."""
    world.chain.reorg(OVER_MIDNIGHT)
    world.chain.grow(1)
    stored(world.blocks([world.days[0]]))
    world.balances([world.days[-1]], force=True)
    both(world)
    world.assert_true()


def test_a_sync_of_today_alone_repairs_the_days_before(world: DevnetWorld) -> None:
    world.chain.reorg(DEEPER_THAN_A_DAY)
    assert fetched(world.blocks(world.days[-1:])) == world.days[::-1]
    world.assert_blocks()


def test_with_a_shorter_fork_blocks_that_are_no_longer_final_are_removed(world: DevnetWorld) -> None:
    world.chain.reorg(DEEPER_THAN_A_DAY, DEEPER_THAN_A_DAY - 100)
    both(world)
    world.assert_true()


def test_blocks_of_a_shorter_fork_may_move_to_the_next_day(world: DevnetWorld) -> None:
    """With missed slots, a block number moves from yesterday to today, although the newest number is lower."""
    world.chain.reorg(OVER_MIDNIGHT, 45)
    both(world)
    world.assert_true()


def test_an_empty_day_is_filled_by_a_reorg(make_ethereum: MakeEthereum) -> None:
    """Today had no final block; in the other fork, of the same height, it has one."""
    world = make_ethereum(make_chain(1, 1, 30, missed_share=0), batch_size=30)
    both(world)
    assert world.certificates()[world.days[-1]].seen == 0
    while (newest := world.chain.finalized).timestamp < world.chain.blocks_of(world.days[-1])[0].timestamp:
        world.chain.reorg(40, 39)
        world.chain.grow(1)
    assert newest.number == world.certificates()[world.days[-1]].tip_height
    both(world)
    world.assert_true()


def test_days_that_lose_their_blocks_in_a_reorg_are_empty(make_ethereum: MakeEthereum) -> None:
    world = make_ethereum(make_sparse_chain())
    both(world)
    world.chain.reorg(4, 1)
    world.chain.grow(3)
    both(world)
    world.assert_true()


def test_when_finalized_moves_back_stored_canonical_blocks_are_kept(world: DevnetWorld) -> None:
    before = rows(world)
    world.chain.set_finalized_back(100)
    assert [fetched(outcomes) for outcomes in world.sync()] == [[], []]
    assert rows(world) == before


def test_blocks_that_are_no_longer_final_and_change_are_removed(world: DevnetWorld) -> None:
    """No block above the newest final one stays stored."""
    world.chain.set_finalized_back(100)
    world.chain.reorg(110)
    both(world)
    world.assert_true()
    world.chain.set_finalized_back(0)
    both(world)
    world.assert_true()


@pytest.mark.parametrize("missing", [5, 150])
def test_a_node_that_is_behind_is_refused_and_nothing_changes(
    world: DevnetWorld, make_ethereum: MakeEthereum, missing: int
) -> None:
    """It has the same chain with fewer blocks. That is no reorg, although its `finalized` is lower."""
    before = rows(world)
    behind = make_ethereum(make_chain(2, 6), data=world.data)
    behind.chain.reorg(10 + missing, 0)
    for attempt in (behind.blocks, lambda days: behind.blocks(days, force=True)):
        with pytest.raises(Unreachable, match=r"is behind: .*nothing was changed, try again when it has caught up"):
            attempt(world.days)
    assert rows(world) == before
    assert {known.state for known in world.certificates().values()} == {"closed", "open"}
    both(world)
    world.assert_true()


def test_a_fork_that_ends_below_stored_blocks_is_synced_once_it_differs_from_a_node_behind(
    world: DevnetWorld,
) -> None:
    """After a rollback the node first has fewer blocks, then other ones."""
    world.chain.reorg(OVER_MIDNIGHT, 5)
    with pytest.raises(Unreachable, match="is behind"):
        world.blocks()
    world.chain.grow(20)
    both(world)
    world.assert_true()


def test_a_rollback_to_the_end_of_a_day_is_not_a_node_behind(world: DevnetWorld) -> None:
    """The newest final block has the number of a stored day's last block, and another hash."""
    last = world.certificates()[world.days[1]].last_height
    assert last is not None
    depth = world.chain.latest.number - last + 5
    world.chain.reorg(depth, 15)
    assert world.chain.finalized.number == last
    both(world)
    world.assert_true()


@pytest.mark.parametrize(
    ("after", "depth"),
    [(3, OVER_MIDNIGHT), (5, DEEPER_THAN_A_DAY), (7, OVER_MIDNIGHT), (9, DEEPER_THAN_A_DAY), (13, DEEPER_THAN_A_DAY)],
)
def test_a_reorg_while_blocks_are_read_stores_no_mixture(make_ethereum: MakeEthereum, depth: int, after: int) -> None:
    """Stored days are linked, and the next sync stores the truth."""
    world = make_ethereum(make_chain(2, 6), batch_size=30)
    disturb(world, after, depth, "eth_getBlockByNumber")
    failed(world.blocks())
    for day in world.certificates():
        names = [(row[1], row[2]) for row in file_rows(world.data, BLOCKS, day)]
        assert all(lower[0] == upper[1] for lower, upper in pairwise(names)), day
    stored(world.blocks())
    world.assert_blocks()


@pytest.mark.parametrize(
    ("after", "depth"), [(1, OVER_MIDNIGHT), (3, DEEPER_THAN_A_DAY), (6, OVER_MIDNIGHT), (10, DEEPER_THAN_A_DAY)]
)
def test_a_reorg_while_balances_are_read_stores_no_mixture(make_ethereum: MakeEthereum, depth: int, after: int) -> None:
    """The day's blocks and balances are read again. Every stored row belongs to the block whose hash it has."""
    world = make_ethereum(make_chain(2, 6), batch_size=30)
    stored(world.blocks())
    old = {block.hash: block for block in world.chain.blocks}
    truth = {name: world.chain.balance(block.miner, block.number) for name, block in old.items()}
    disturb(world, after, depth, "eth_getBalance")
    assert failed(world.balances()) == {}
    truth |= {block.hash: world.chain.balance(block.miner, block.number) for block in world.chain.blocks}
    for _, _, _, _, wei_after, _, name, _ in table_rows(world.data, BALANCES):
        assert wei_after == truth[name]
    both(world)
    world.assert_true()


def disturb(world: DevnetWorld, after: int, depth: int, method: str, *, broken: bool = False) -> None:
    """Reorganise the chain before the response to the `after`th request of `method`. `broken` breaks a link of it."""
    requested = 0

    def reorg(calls: list[Call]) -> None:
        nonlocal requested
        requested += calls[0].method == method
        if requested == after:
            requested += 1
            world.chain.reorg(depth, depth + 5)
            if broken:
                block = world.chain.blocks[-depth]
                world.chain.blocks[-depth] = block._replace(parent_hash=block.hash)

    world.knobs.on_request = reorg


def test_a_day_that_cannot_be_read_again_fails_alone(make_ethereum: MakeEthereum) -> None:
    """The chain changes while balances are read, and the blocks of the new fork are not linked."""
    world = make_ethereum(make_chain(2, 6), batch_size=30)
    stored(world.blocks())
    disturb(world, 1, IN_TODAY, "eth_getBalance", broken=True)
    assert list(failed(world.balances())) == world.days[-1:]
    world.assert_balances(world.days[:-1])


def test_a_chain_that_keeps_changing_is_reported_and_the_day_is_not_stored(make_ethereum: MakeEthereum) -> None:
    world = make_ethereum(make_chain(1, 6))
    stored(world.blocks())
    world.knobs.on_request = lambda calls: world.chain.reorg(50) if calls[0].method == "eth_getBalance" else None
    refused = failed(world.balances(world.days[-1:]))
    assert "the chain kept changing while the balances" in refused[world.days[-1]]
    assert FIRST_DAY + DAY not in world.certificates(BALANCES)
    world.knobs.on_request = None
    both(world)
    world.assert_true()
