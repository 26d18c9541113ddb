"""The real node behaves as the tests of the client assume, and the planned chains have every kind of row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from stx_pipelines_tests.anvil import Call, Node, NodeError, anvil, finalized_lag, mined, needs_anvil, reorg
from stx_pipelines_tests.benchmarks.anvil_chain import loaded
from stx_pipelines_tests.sync.ethereum.planned import (
    MINERS,
    OTHER_MINERS,
    Block,
    Row,
    every_twelve_seconds,
    several_days,
)

START = datetime(2026, 9, 1, tzinfo=UTC)

OUT_OF_RANGE = "BlockOutOfRangeError: block height is {height} but requested was {number}"


@pytest.fixture(scope="module")
def days() -> list[Block]:
    """Return 2,000 blocks of the last three days."""
    return several_days()


@pytest.fixture(scope="module")
def node(days: list[Block]) -> Iterator[Node]:
    """Give a node that mined them, for reading only."""
    with mined(days) as running:
        yield running


def headers(node: Node, count: int) -> list[dict[str, Any]]:
    """Return blocks 0 to `count`, in order."""
    return node.batch([("eth_getBlockByNumber", hex(number), False) for number in range(count + 1)])


def rows(node: Node, found: Sequence[dict[str, Any]]) -> list[Row]:
    """Return the node's balances of these headers' fee recipients, without block 0."""
    wanted = [(header["miner"], int(header["number"], 16)) for header in found[1:]]
    before = balances(node, [(miner, number - 1) for miner, number in wanted])
    after = balances(node, wanted)
    return [Row(number, miner, *pair) for (miner, number), *pair in zip(wanted, before, after, strict=True)]


def balances(node: Node, wanted: Sequence[tuple[str, int]]) -> list[int]:
    calls: list[Call] = [("eth_getBalance", address, hex(number)) for address, number in wanted]
    return [int(value, 16) for value in node.batch(calls)]


def truth(chain: Sequence[Block]) -> list[Row]:
    return [block.row for block in chain]


def linked(found: Sequence[dict[str, Any]]) -> bool:
    return all(child["parentHash"] == parent["hash"] for parent, child in zip(found, found[1:], strict=False))


def number_of(node: Node, tag: str) -> int:
    return int(node.call("eth_getBlockByNumber", tag, False)["number"], 16)


def test_a_plan_has_every_kind_of_row(days: list[Block]) -> None:
    """Increases of every sign, balances beyond 64 bits, and balances that change between two own blocks."""
    increases = [row.balance_after - row.balance_before for row in truth(days)]
    for kind in (sum(n > 0 for n in increases), sum(n == 0 for n in increases), sum(n < 0 for n in increases)):
        assert kind > 200
    assert min(row.balance_before for row in truth(days)) == 0
    assert max(row.balance_after for row in truth(days)) > 2**64
    last: dict[str, int] = {}
    moved = repeated = 0
    previous = ""
    for row in truth(days):
        moved += row.balance_before != last.get(row.miner, 0)
        repeated += row.miner == previous
        last[row.miner], previous = row.balance_after, row.miner
    assert moved > 50
    assert repeated > 200
    assert set(last) == set(MINERS)


def test_several_days_are_three_utc_days_up_to_now(days: list[Block]) -> None:
    times = [datetime.fromtimestamp(block.timestamp, UTC) for block in days]
    newest = times[-1]
    assert timedelta(0) <= datetime.now(UTC) - newest < timedelta(minutes=10)
    assert sorted({time.date() for time in times}) == [newest.date() - timedelta(days=n) for n in (2, 1, 0)]
    assert all(later > earlier for earlier, later in zip(times, times[1:], strict=False))


@needs_anvil
def test_every_historical_balance_of_mined_blocks_is_the_planned_one(node: Node, days: list[Block]) -> None:
    """The 2,000 blocks are linked and have their planned times."""
    found = headers(node, len(days))
    assert linked(found)
    assert [int(header["timestamp"], 16) for header in found[1:]] == [block.timestamp for block in days]
    assert rows(node, found) == truth(days)


@needs_anvil
def test_a_loaded_chain_is_the_planned_one() -> None:
    """Hashes are linked, every balance is right, and nothing of the node's own first block remains."""
    chain = every_twelve_seconds(600, first=START)
    with loaded(chain) as node:
        found = headers(node, len(chain))
        assert number_of(node, "latest") == 600
        assert linked(found)
        assert [int(header["timestamp"], 16) for header in found] == [
            chain[0].timestamp - 1,
            *(block.timestamp for block in chain),
        ]
        assert rows(node, found) == truth(chain)


@needs_anvil
def test_a_reorg_replaces_the_newest_blocks_and_no_others() -> None:
    """The newest 20 of 60 blocks get other hashes, fee recipients and balances."""
    chain = every_twelve_seconds(60, first=START)
    with mined(chain) as node:
        before = headers(node, 60)
        changed = reorg(node, chain, 20)
        after = headers(node, 60)
        assert linked(after)
        assert [number for number in range(61) if before[number]["hash"] != after[number]["hash"]] == [*range(41, 61)]
        assert {header["miner"] for header in after[41:]} <= set(OTHER_MINERS)
        assert rows(node, after) == truth(changed)
        assert truth(changed)[:40] == truth(chain)[:40]


@needs_anvil
def test_a_pruned_node_refuses_old_balances_and_keeps_their_headers() -> None:
    """It keeps the newest state and 128 before it. The errors for a dropped and for a future state are the same."""
    chain = every_twelve_seconds(300, first=START)
    with mined(chain, states=128) as node:
        assert len(headers(node, 300)) == 301
        recent = chain[-129:]
        assert balances(node, [(b.row.miner, b.row.number) for b in recent]) == [b.row.balance_after for b in recent]
        for number in (0, 171, 301):
            with pytest.raises(NodeError) as refused:
                node.call("eth_getBalance", MINERS[0], hex(number))
            assert refused.value.code == -32602
            assert refused.value.message == OUT_OF_RANGE.format(height=300, number=number)


@needs_anvil
@pytest.mark.parametrize(("options", "lag"), [((), 64), (finalized_lag(2), 2), (finalized_lag(10), 10)])
def test_finalized_stays_behind_the_newest_block(options: tuple[str, ...], lag: int) -> None:
    """`finalized` is two epochs behind, and `safe` one."""
    with mined(every_twelve_seconds(80, first=START), *options) as node:
        assert [number_of(node, tag) for tag in ("latest", "safe", "finalized")] == [80, 80 - lag // 2, 80 - lag]


@needs_anvil
def test_a_body_beyond_two_megabytes_is_refused_as_one_error() -> None:
    """The number of calls is not limited, only the bytes."""
    call: Call = ("eth_getBalance", MINERS[0], "latest")
    with anvil() as node:
        assert len(node.batch([call] * 10_000)) == 10_000
        with pytest.raises(NodeError, match="-32600: Invalid request"):
            node.batch([call] * 20_000)
