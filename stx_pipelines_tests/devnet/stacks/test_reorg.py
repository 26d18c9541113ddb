"""Tests of reorganisations of the made-up chain."""

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from stx_pipelines.devnet.days import DAY
from stx_pipelines.devnet.stacks.chain import StacksChain
from stx_pipelines.devnet.stacks.values import ChainSpec

from .test_chain import assert_bitcoins_rules, assert_nonces_rise, state


def test_replaced_stacks_blocks_have_new_hashes_on_the_same_heights(chain: StacksChain) -> None:
    before = list(chain.blocks)
    burns = [(burn.height, burn.hash, burn.time) for burn in chain.burn_blocks]
    chain.reorg(stacks_blocks=7)
    assert chain.blocks[:-7] == before[:-7]
    assert [block.height for block in chain.blocks] == [block.height for block in before]
    assert not {block.hash for block in before[-7:]} & {block.hash for block in chain.blocks}
    assert not {block.index_hash for block in before[-7:]} & {block.index_hash for block in chain.blocks}
    assert burns == [(burn.height, burn.hash, burn.time) for burn in chain.burn_blocks]


def test_orphaned_hashes_are_not_found(chain: StacksChain) -> None:
    orphan = chain.tip
    chain.reorg(stacks_blocks=1)
    assert chain.block_by_hash(orphan.hash) is None
    assert chain.block_by_hash(orphan.index_hash) is None
    assert chain.block_by_hash(chain.tip.index_hash) == chain.tip


def test_transactions_are_partly_dropped_partly_moved_partly_new(chain: StacksChain) -> None:
    before = {tx.tx_id: tx.block_height for tx in chain.transactions()}
    chain.reorg(stacks_blocks=60)
    after = {tx.tx_id: tx.block_height for tx in chain.transactions()}
    assert set(before) - set(after)
    assert set(after) - set(before)
    assert any(after[tx_id] > before[tx_id] for tx_id in set(before) & set(after))


def test_some_dropped_transactions_are_mined_later(chain: StacksChain) -> None:
    before = {tx.tx_id for tx in chain.transactions()}
    chain.reorg(stacks_blocks=60)
    dropped = before - {tx.tx_id for tx in chain.transactions()}
    chain.grow(burn_blocks=20)
    assert dropped & {tx.tx_id for tx in chain.transactions()}


@pytest.mark.parametrize("replaced", [{"stacks_blocks": 1}, {"stacks_blocks": 90}, {"burn_blocks": 12}])
def test_after_reorgs_and_growth_the_chain_obeys_all_rules(chain: StacksChain, replaced: dict[str, int]) -> None:
    for _ in range(3):
        chain.reorg(**replaced)
        chain.grow(burn_blocks=2)
    assert_nonces_rise(chain.transactions())
    assert_bitcoins_rules(chain)
    for below, block in pairwise(chain.blocks):
        assert (block.height, block.parent_hash) == (below.height + 1, below.hash)
        assert block.time > below.time
    assert len(chain.rows) == len(chain.transactions())
    assert len({tx.tx_id for tx in chain.transactions()}) == len(chain.rows)


def test_the_same_reorgs_make_the_same_chain(make_spec: Callable[..., ChainSpec]) -> None:
    chains = [StacksChain(make_spec()) for _ in range(2)]
    for chain in chains:
        chain.reorg(burn_blocks=4)
        chain.grow(burn_blocks=3)
        chain.reorg(stacks_blocks=5)
        chain.grow(burn_blocks=3)
    assert state(chains[0]) == state(chains[1])


def test_replaced_burn_blocks_have_new_hashes_times_and_stacks_blocks(chain: StacksChain) -> None:
    before = list(chain.burn_blocks)
    chain.reorg(burn_blocks=10)
    after = chain.burn_blocks
    assert after[:-10] == before[:-10]
    assert [burn.height for burn in after] == [burn.height for burn in before]
    assert not {burn.hash for burn in before[-10:]} & {burn.hash for burn in after[-10:]}
    assert [burn.time for burn in before[-10:]] != [burn.time for burn in after[-10:]]
    assert not {block.hash for burn in before[-10:] for block in burn.blocks} & {
        block.hash for burn in after for block in burn.blocks
    }


def test_a_replaced_burn_block_can_move_over_midnight(make_spec: Callable[..., ChainSpec]) -> None:
    moved = 0
    for seed in range(6):
        chain = StacksChain(make_spec(seed=seed, tip=datetime(2026, 10, 2, 1, tzinfo=UTC)))
        before = {burn.height: burn.time // DAY for burn in chain.burn_blocks}
        chain.reorg(burn_blocks=10)
        moved += any(burn.time // DAY != before[burn.height] for burn in chain.burn_blocks)
    assert moved


@pytest.mark.parametrize(
    "replaced", [{}, {"stacks_blocks": 1, "burn_blocks": 1}, {"stacks_blocks": -1}, {"stacks_blocks": 10**6}]
)
def test_an_impossible_reorg_is_refused_and_changes_nothing(chain: StacksChain, replaced: dict[str, int]) -> None:
    tip = chain.tip
    with pytest.raises(ValueError, match="reorganisation"):
        chain.reorg(**replaced)
    assert chain.tip == tip
