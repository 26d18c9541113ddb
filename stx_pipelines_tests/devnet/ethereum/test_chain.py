"""Claims about the made-up Ethereum chain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from stx_pipelines.devnet.ethereum.chain import EthereumChain, EthereumSpec
from stx_pipelines_tests.devnet.conftest import FIRST_DAY

MakeSpec = Callable[..., EthereumSpec]


def increases(chain: EthereumChain) -> list[int]:
    """What each block did to its miner's balance, block 0 left out."""
    return [chain.balance(one.miner, one.number) - chain.balance(one.miner, one.number - 1) for one in chain.blocks[1:]]


def assert_linked(chain: EthereumChain) -> None:
    """Numbers without a gap, each parent's hash, times that strictly rise."""
    for parent, block in pairwise(chain.blocks):
        assert (block.number, block.parent_hash) == (parent.number + 1, parent.hash)
        assert block.timestamp > parent.timestamp
    assert len({block.hash for block in chain.blocks}) == len(chain.blocks)


def test_blocks_are_linked_and_stand_in_slots_of_which_some_are_missed(ethereum: EthereumChain) -> None:
    assert_linked(ethereum)
    gaps = Counter(block.timestamp - parent.timestamp for parent, block in pairwise(ethereum.blocks))
    assert set(gaps) <= {60, 120, 180, 240}
    assert 0.01 < 1 - gaps[60] / len(ethereum.blocks) < 0.08


def test_the_same_spec_gives_the_same_chain_however_it_grew(make_ethereum_spec: MakeSpec) -> None:
    at_once = EthereumChain(make_ethereum_spec())
    bit_by_bit = EthereumChain(make_ethereum_spec(tip=datetime(2026, 10, 1, tzinfo=UTC)))
    for hours in range(26):
        bit_by_bit.grow_to(datetime(2026, 10, 1, tzinfo=UTC) + timedelta(hours=hours))
    assert bit_by_bit.blocks == at_once.blocks
    assert increases(bit_by_bit) == increases(at_once)
    assert EthereumChain(make_ethereum_spec(seed=2)).blocks[0].hash != at_once.blocks[0].hash


def test_increases_are_positive_zero_and_negative_and_no_balance_is(ethereum: EthereumChain) -> None:
    signs = Counter((increase > 0) - (increase < 0) for increase in increases(ethereum))
    assert set(signs) == {1, 0, -1}
    assert min(signs.values()) > len(ethereum.blocks) // 20
    for block in ethereum.blocks:
        assert ethereum.balance(block.miner, block.number) >= 0


def test_some_balances_need_more_than_64_bits_and_one_87(ethereum: EthereumChain) -> None:
    bits = [ethereum.balance(one.address, ethereum.latest.number).bit_length() for one in ethereum.accounts.recipients]
    assert max(bits) == 87
    assert sum(size > 64 for size in bits) >= 5


def test_a_few_miners_build_most_blocks_and_some_build_several_in_a_row(ethereum: EthereumChain) -> None:
    built = Counter(block.miner for block in ethereum.blocks[1:])
    assert len(built) > 15
    assert sum(count for _, count in built.most_common(3)) > len(ethereum.blocks) / 2
    again = sum(parent.miner == block.miner for parent, block in pairwise(ethereum.blocks))
    assert 0.2 < again / len(ethereum.blocks) < 0.45


def test_balances_change_at_blocks_the_account_did_not_build_too(ethereum: EthereumChain) -> None:
    unrelated = [
        one.address
        for parent, block in pairwise(ethereum.blocks)
        for one in ethereum.accounts.recipients
        if one.address != block.miner
        and ethereum.balance(one.address, block.number) != ethereum.balance(one.address, parent.number)
    ]
    assert len(unrelated) > 20


def test_an_unknown_address_owns_nothing_and_case_does_not_matter(ethereum: EthereumChain) -> None:
    rich = ethereum.accounts.recipients[3].address
    assert ethereum.balance("0x" + "1" * 40, 5) == 0
    assert ethereum.balance(rich.upper().replace("X", "x"), 5) == ethereum.balance(rich, 5) > 0


def test_a_day_has_the_blocks_of_its_timestamps(ethereum: EthereumChain) -> None:
    first, second = ethereum.blocks_of(FIRST_DAY), ethereum.blocks_of(FIRST_DAY + timedelta(days=1))
    assert first + second == ethereum.blocks
    assert first[-1].timestamp < datetime(2026, 10, 2, tzinfo=UTC).timestamp() <= second[0].timestamp
    assert ethereum.blocks_of(FIRST_DAY - timedelta(days=1)) == []


def test_safe_and_finalized_follow_the_newest_block_and_finalized_can_move_back(ethereum: EthereumChain) -> None:
    newest = ethereum.latest.number
    assert (ethereum.safe.number, ethereum.finalized.number) == (newest - 32, newest - 64)
    ethereum.set_finalized_back(100)
    assert ethereum.finalized.number == newest - 164
    ethereum.grow(10)
    assert ethereum.finalized.number == newest - 154


def test_a_young_chain_has_finalized_nothing_but_block_0(make_ethereum_spec: MakeSpec) -> None:
    young = EthereumChain(make_ethereum_spec(tip=datetime(2026, 10, 1, 0, 5, tzinfo=UTC)))
    assert 0 < young.latest.number < 10
    assert young.finalized.number == 0


@pytest.mark.parametrize(("depth", "length"), [(1, None), (20, None), (30, 10), (5, 40), (80, 80)])
def test_replaced_blocks_are_others_and_the_chain_is_as_sound_as_before(
    ethereum: EthereumChain, depth: int, length: int | None
) -> None:
    before = list(ethereum.blocks)
    balances = {block.number: ethereum.balance(block.miner, block.number) for block in before}
    ethereum.reorg(depth, length)
    kept = len(before) - depth
    assert len(ethereum.blocks) == kept + (depth if length is None else length)
    assert ethereum.blocks[:kept] == before[:kept]
    assert not {block.hash for block in before[kept:]} & {block.hash for block in ethereum.blocks}
    assert {block.number: ethereum.balance(block.miner, block.number) for block in before[:kept]} == {
        number: balance for number, balance in balances.items() if number < kept
    }
    ethereum.grow(3)
    assert_linked(ethereum)


def test_a_reorg_changes_miners_and_balances(ethereum: EthereumChain) -> None:
    address = ethereum.accounts.recipients[0].address
    before = [block.miner for block in ethereum.blocks[-20:]]
    owned = ethereum.balance(address, ethereum.latest.number)
    ethereum.reorg(20)
    assert [block.miner for block in ethereum.blocks[-20:]] != before
    assert ethereum.balance(address, ethereum.latest.number) != owned


@pytest.mark.parametrize(("depth", "length"), [(0, None), (10**6, None), (3, -1)])
def test_an_impossible_reorg_is_refused_and_changes_nothing(ethereum: EthereumChain, depth: int, length: int) -> None:
    newest = ethereum.latest
    with pytest.raises(ValueError, match="reorganisation"):
        ethereum.reorg(depth, length)
    assert ethereum.latest == newest


def test_block_0_can_claim_1970_and_early_blocks_have_no_base_fee(make_ethereum_spec: MakeSpec) -> None:
    chain = EthereumChain(make_ethereum_spec(genesis_timestamp_zero=True, london_number=10))
    assert chain.blocks[0].timestamp == 0
    assert [block.base_fee_per_gas is None for block in chain.blocks[8:12]] == [True, True, False, False]


def test_the_base_fee_follows_the_rule(ethereum: EthereumChain) -> None:
    for parent, block in pairwise(ethereum.blocks):
        assert parent.base_fee_per_gas is not None
        assert block.base_fee_per_gas is not None
        target = parent.gas_limit // 2
        exact = parent.base_fee_per_gas * (1 + (parent.gas_used - target) / target / 8)
        assert abs(block.base_fee_per_gas - exact) <= 2


def test_a_long_chain_has_a_block_for_nearly_every_slot(make_ethereum_spec: MakeSpec) -> None:
    chain = EthereumChain(make_ethereum_spec(slot_seconds=3))
    assert len(chain.blocks) > 28_000
    assert [block.number for block in chain.blocks] == list(range(len(chain.blocks)))


@pytest.mark.parametrize(
    "wrong",
    [{"tip": datetime(2026, 10, 2)}, {"tip": datetime(2026, 9, 1, tzinfo=UTC)}, {"missed_share": 0.9}],  # noqa: DTZ001
)
def test_a_spec_no_chain_can_follow_is_refused(make_ethereum_spec: MakeSpec, wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must"):
        make_ethereum_spec(**wrong)
