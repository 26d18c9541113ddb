"""The parts of increases: equal to a plain recount, also on a real node, and never wrong where a node is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from stx_pipelines.chains.datasets import PARTS
from stx_pipelines.coverage.chains import ETHEREUM
from stx_pipelines.devnet.ethereum.chain import EthereumBlock, EthereumChain
from stx_pipelines.devnet.ethereum.knobs import ReceiptCalls
from stx_pipelines_tests.anvil import anvil, finalized_lag, needs_anvil
from stx_pipelines_tests.runbook import assert_shown
from stx_pipelines_tests.sync.ethereum.planned import addresses
from stx_pipelines_tests.sync.ethereum.world import (
    DevnetWorld,
    World,
    failed,
    fetched,
    file_rows,
    make_chain,
    stored,
    table_rows,
)
from stx_pipelines_tests.world import FIRST_DAY, at

Make = Callable[..., DevnetWorld]


@pytest.fixture
def world(make_ethereum: Make) -> DevnetWorld:
    """Give a day and a half with blocks and balances stored."""
    made = make_ethereum(make_chain(1, bodies=True, slot_seconds=1_200))
    made.sync()
    return made


def recount(chain: EthereumChain, block: EthereumBlock) -> tuple[object, ...]:
    """Return the row of a block, counted from the chain's own transactions."""
    made, miner, base = chain.body(block), block.miner, block.base_fee_per_gas or 0
    own = [one for one in made if one.sender == miner]
    fees = sum(one.gas_used * (one.price - base) for one in made)
    own_value = sum(one.value for one in own if one.succeeded)
    own_gas = sum(one.gas_used * one.price for one in own)
    received = sum(one.value for one in made if one.to == miner and one.succeeded)
    withdrawals = (block.withdrawals_gwei or 0) * 10**9
    last = made[-1] if made and made[-1].sender == miner else None
    increase = chain.balance(miner, block.number) - chain.balance(miner, block.number - 1)
    rest = increase - (fees + received + withdrawals - own_value - own_gas)
    burnt = block.gas_used * base
    paid = (last.value, last.to) if last else (0, None)
    amounts = (fees, own_value, own_gas, received, withdrawals, burnt)
    return (block.number, block.timestamp, miner, *amounts, *paid, rest, True)


def assert_true(world: DevnetWorld, days: list[date] | None = None) -> None:
    """Assert that files and table equal the recount, row for row."""
    newest = world.chain.finalized.number
    truth = {
        day: [recount(world.chain, block) for block in world.chain.blocks_of(day) if 0 < block.number <= newest]
        for day in days or world.days
    }
    for day, rows in truth.items():
        assert file_rows(world.data, PARTS, day) == rows
    assert table_rows(world.data, PARTS) == sorted(row for rows in truth.values() for row in rows)


@pytest.mark.parametrize("receipts", ["blocks", "single"])
def test_rows_equal_a_recount_and_all_are_proved(world: DevnetWorld, receipts: ReceiptCalls) -> None:
    world.knobs.receipts = receipts
    world.calls()
    stored(world.parts())
    by_method = world.devnet.ethereum_stats.by_method
    assert ("eth_getTransactionReceipt" in by_method) == (receipts == "single")
    assert_true(world)
    rows = table_rows(world.data, PARTS)
    kinds = {one.kind for row in rows for one in world.chain.body(world.chain.blocks[row[0]])}
    assert kinds == {0, 1, 2, 3, 4}
    assert all(any(row[at] for row in rows) for at in range(3, 12))
    said = world.certificates(PARTS)[FIRST_DAY].proof
    assert f"parts of {len(file_rows(world.data, PARTS, FIRST_DAY))} of" in said
    assert said.endswith("; 0 negative rests")


def test_an_open_day_reads_only_its_new_blocks_and_a_changed_day_waits_for_its_blocks(world: DevnetWorld) -> None:
    stored(world.parts())
    world.chain.grow(4)
    world.sync()
    world.calls()
    assert fetched(world.parts()) == [world.days[-1]]
    assert world.calls() < 12, "four blocks with their receipts, and the identity of the chain"
    assert_true(world)
    world.chain.reorg(30)
    [awaited] = failed(world.parts(world.days[-1:], force=True)).values()
    assert "is not the stored one" in str(awaited)
    assert not world.store(PARTS).attempts.all(), "nothing is wrong with the day"
    world.sync()
    stored(world.parts())
    assert_true(world)


def test_a_node_without_receipts_fails_the_day_with_the_setting_that_helps(world: DevnetWorld) -> None:
    world.knobs.receipts = "none"
    error = str(failed(world.parts([FIRST_DAY]))[FIRST_DAY])
    assert "gives no receipts" in error
    symptom = "`... gives no receipts, neither by eth_getBlockReceipts nor by eth_getTransactionReceipt`"
    assert_shown(symptom, error)
    assert error.endswith("blocks and balances are kept: set ETH_RPC_URL to a node with receipts, or ETH_PARTS=0")
    assert PARTS not in {path.parent.name for path in world.data.glob("days/*/*.parquet")}
    world.knobs.receipts = "blocks"
    stored(world.parts([FIRST_DAY]))


def test_they_are_wanted_only_with_the_setting(world: DevnetWorld) -> None:
    project = world.project()
    assert [each.name for each in ETHEREUM.wanted(project)] == ["blocks", "miners_balance"]
    on = project.replaced(eth_parts=True)
    assert ETHEREUM.wanted(on)[-1].name == PARTS
    now = at(world.days[-1], 12)
    assert [day.stored for day in ETHEREUM.look(project, now).days] == [True, True]
    assert [day.stored for day in ETHEREUM.look(on, now).days] == [False, False]


@needs_anvil
def test_nothing_is_left_over_on_a_real_node(tmp_path: Path) -> None:
    """A builder that also sends, receives and pays: the parts explain every increase to the Wei."""
    start = int(at(FIRST_DAY).timestamp())
    sender, proposer, *miners = addresses(7, 5)
    with anvil("--timestamp", str(start - 100), *finalized_lag(4)) as node:
        for address in (sender, *miners):
            node.call("anvil_setBalance", address, hex(10**21))
            node.call("anvil_impersonateAccount", address)
        node.call("evm_mine", start - 50)
        for number in range(30):
            miner = miners[number % len(miners)]
            node.call("anvil_setCoinbase", miner)
            if number % 3:
                given = {"from": sender, "to": miner if number % 2 else proposer, "value": hex(number), "gas": "0x5208"}
                node.call("eth_sendTransaction", given | {"gasPrice": hex(3 * 10**9 + number)})
            if number % 5 == 0:
                paid = {"from": miner, "to": proposer, "value": hex(10**13 + number), "gas": "0x5208"}
                node.call("eth_sendTransaction", paid | {"maxFeePerGas": hex(2 * 10**9), "maxPriorityFeePerGas": "0x1"})
            node.call("evm_mine", start + 12 * number)
        world = World(node.url, tmp_path / "data")
        stored(world.blocks_sync().sync([FIRST_DAY]))
        stored(world.balances_sync().sync([FIRST_DAY]))
        stored(world.parts_sync().sync([FIRST_DAY]))
    rows = table_rows(world.data, PARTS)
    assert len(rows) == 26
    assert {(row[11], row[12]) for row in rows} == {(0, True)}
    assert {row[10] for row in rows} == {None, proposer}
    assert sum(row[6] > 0 for row in rows) > 5
