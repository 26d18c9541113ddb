"""Syncs from a real node: 2,000 planned blocks, a rollback, and a node that keeps few states."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest

from stx_pipelines.chains.days import DAY, day_of
from stx_pipelines.chains.ethereum import BalanceChange
from stx_pipelines.sync.ethereum.balances import BALANCES
from stx_pipelines.sync.ethereum.blocks import BLOCKS
from stx_pipelines_tests.anvil import Node, finalized_lag, mined, needs_anvil, reorg
from stx_pipelines_tests.sync.ethereum.planned import OTHER_MINERS, Block, several_days
from stx_pipelines_tests.sync.ethereum.world import World, failed, fetched, file_rows, stored, table_rows
from stx_pipelines_tests.world import at

pytestmark = needs_anvil

LAG = 4
"""The number of blocks that are not final yet."""

NEWEST = at(date(2026, 9, 3), 12)


@pytest.fixture(scope="module")
def plan() -> list[Block]:
    """Return 2,000 blocks of two days and a half, with alternating fee recipients."""
    return several_days(newest=NEWEST)


@pytest.fixture
def node(plan: list[Block]) -> Iterator[Node]:
    with mined(plan, *finalized_lag(LAG)) as running:
        yield running


def days_of(plan: Sequence[Block]) -> list[date]:
    return sorted({day_of(block.timestamp) for block in plan})


def assert_true(world: World, node: Node, plan: Sequence[Block]) -> None:
    """Assert that files and tables have the planned row of every final block, with the node's block hash."""
    final = plan[:-LAG]
    names = node.batch([("eth_getBlockByNumber", hex(n), False) for n in range(1, len(final) + 1)])
    hashes = [header["hash"] for header in names]
    truth = [_change(block, name) for block, name in zip(final, hashes, strict=True)]
    assert table_rows(world.data, BALANCES) == truth
    in_files = [row for day in days_of(plan) for row in file_rows(world.data, BALANCES, day)]
    assert in_files == truth
    blocks = [row for row in table_rows(world.data, BLOCKS) if row[0] > 0]
    assert [(row[0], row[1], row[3], row[4]) for row in blocks] == [
        (row.block_number, row.block_hash, row.miner, row.block_time) for row in truth
    ]
    assert [row for day in days_of(plan) for row in file_rows(world.data, BLOCKS, day) if row[0] > 0] == blocks
    for older, newer in pairwise(world.certificates().values()):
        assert newer.first_parent_hash == older.last_hash


def _change(block: Block, name: str) -> BalanceChange:
    number, miner, before, after = block.row
    return BalanceChange(number, block.timestamp, miner, before, after, after - before, name, 0)


def sync(world: World, days: Sequence[date]) -> list[list[date]]:
    """Sync both datasets and return the days that were fetched."""
    both = [list(sync.sync(days)) for sync in (world.blocks_sync(), world.balances_sync())]
    for outcomes in both:
        stored(outcomes)
    return [fetched(outcomes) for outcomes in both]


def test_every_row_is_the_planned_one_and_a_rollback_of_20_blocks_is_repaired(
    data: Path, node: Node, plan: list[Block]
) -> None:
    """The new blocks have other fee recipients, and nothing of the old blocks remains."""
    world, days = World(node.url, data), days_of(plan)
    assert sync(world, days) == [days[::-1]] * 2
    assert_true(world, node, plan)
    changed = reorg(node, plan, 20)
    assert sync(world, days) == [days[-1:]] * 2
    assert_true(world, node, changed)
    assert {row[2] for row in table_rows(world.data, BALANCES)[-(20 - LAG) :]} <= set(OTHER_MINERS)
    assert sync(world, days) == [[], []]


def test_with_a_pruned_node_only_days_with_state_are_stored(data: Path) -> None:
    """128 states are enough for the last day, which has 100 blocks, but not for the day before."""
    times = several_days(300, days=3, newest=NEWEST)
    with mined(times, *finalized_lag(LAG), states=128) as node:
        world, days = World(node.url, data), days_of(times)
        stored(world.blocks_sync().sync(days))
        refused = failed(world.balances_sync().sync(days))
        oldest = len(times) - 128
        sentence = f"this node keeps no state before block {oldest}: use an archive node"
        assert refused == dict.fromkeys(days[1::-1], sentence)
        assert list(world.certificates(BALANCES)) == days[2:]
        assert days[-1] - days[0] == 2 * DAY
