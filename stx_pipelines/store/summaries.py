"""Summaries of a stored day for users, computed from the day's file. Amounts in Wei are integers, hours are UTC."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import pyarrow as pa


class DaySummary(NamedTuple):
    """Counts of all rows of a day of transactions, and the sum of their fees in microSTX.

    `by_hour` counts the rows of each UTC hour of burn block time, 0 to 23.
    """

    by_status: dict[str, int]
    by_type: dict[str, int]
    by_hour: list[int]
    fee_ustx: int


COLUMNS = ("burn_block_time", "tx_status", "tx_type", "fee_ustx")
"""The columns that `summarize` needs."""


def summarize(table: pa.Table) -> DaySummary:
    """Summarize a day of transactions. The table needs only `COLUMNS`."""
    return DaySummary(
        by_status=_counts(table.column("tx_status")),
        by_type=_counts(table.column("tx_type")),
        by_hour=_by_hour(table.column("burn_block_time")),
        fee_ustx=_exact_sum(table.column("fee_ustx")),
    )


def _exact_sum(column: pa.ChunkedArray) -> int:
    """Return the sum of whole numbers. A sum of 64-bit numbers would wrap."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return int(pc.sum(column.cast(pa.decimal128(38, 0))).as_py() or 0)


class BlocksSummary(NamedTuple):
    """Sums over all blocks of a day. `by_hour` and `by_miner` count the blocks per UTC hour and per fee recipient.

    `by_miner` begins with the fee recipient with the most blocks.
    """

    gas_used: int
    transactions: int
    by_hour: list[int]
    by_miner: dict[str, int]


class Recipient(NamedTuple):
    """A fee recipient, the number of its blocks, and the sum of its increases in Wei."""

    miner: str
    blocks: int
    increase: int


class Hour(NamedTuple):
    """The number of blocks in an hour, and the sum of all increases in that hour in Wei."""

    blocks: int
    increase: int


class BalancesSummary(NamedTuple):
    """The blocks of a day counted by the sign of their increase, and the sum of all increases in Wei.

    `recipients` begins with the fee recipient with the most blocks. `by_hour` has the 24 hours of the day (UTC).
    """

    positive: int
    zero: int
    negative: int
    increase: int
    recipients: list[Recipient]
    by_hour: list[Hour]


def summarize_blocks(table: pa.Table) -> BlocksSummary:
    """Summarize a day file of blocks."""
    import pyarrow.compute as pc

    return BlocksSummary(
        gas_used=pc.sum(table.column("gas_used")).as_py() or 0,
        transactions=pc.sum(table.column("transaction_count")).as_py() or 0,
        by_hour=_by_hour(table.column("timestamp")),
        by_miner=dict(Counter(table.column("miner").to_pylist()).most_common()),
    )


def summarize_balances(table: pa.Table) -> BalancesSummary:
    """Summarize a day file of balances."""
    import pyarrow.compute as pc

    increases = [int(wei) for wei in table.column("balance_increase").to_pylist()]
    hours = pc.hour(table.column("block_time")).to_pylist()
    positive, zero = sum(wei > 0 for wei in increases), increases.count(0)
    return BalancesSummary(
        positive=positive,
        zero=zero,
        negative=len(increases) - positive - zero,
        increase=sum(increases),
        recipients=_recipients(table.column("miner").to_pylist(), increases),
        by_hour=_increases_by_hour(hours, increases),
    )


def summarize_parts(table: pa.Table) -> dict[str, int]:
    """Return the sum in Wei of each part of a day file of parts, by the name of its column."""
    return {name: _exact_sum(table.column(name)) for name in table.column_names if name.endswith("_wei")}


def _recipients(miners: Sequence[str], increases: Sequence[int]) -> list[Recipient]:
    sums: Counter[str] = Counter()
    for miner, increase in zip(miners, increases, strict=True):
        sums[miner] += increase
    return [Recipient(miner, blocks, sums[miner]) for miner, blocks in Counter(miners).most_common()]


def _increases_by_hour(hours: Sequence[int], increases: Sequence[int]) -> list[Hour]:
    blocks, sums = Counter(hours), [0] * 24
    for hour, increase in zip(hours, increases, strict=True):
        sums[hour] += increase
    return [Hour(blocks[hour], sums[hour]) for hour in range(24)]


def _by_hour(times: pa.ChunkedArray) -> list[int]:
    import pyarrow.compute as pc

    hours = _counts(pc.hour(times))
    return [hours.get(hour, 0) for hour in range(24)]


def _counts(column: pa.ChunkedArray) -> dict[Any, int]:
    counted = column.value_counts().to_pylist()
    return {each["values"]: each["counts"] for each in sorted(counted, key=lambda each: -each["counts"])}
