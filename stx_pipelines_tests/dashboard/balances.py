"""Small day files of `miners_balance` with known sums. Not here: tests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

WEI = pa.decimal128(38, 0)
SCHEMA = pa.schema(
    [
        ("block_number", pa.int64()),
        ("block_time", pa.timestamp("us")),
        ("miner", pa.dictionary(pa.int32(), pa.string())),
        ("balance_before", WEI),
        ("balance_after", WEI),
        ("balance_increase", WEI),
        ("block_hash", pa.string()),
    ]
)

HUGE = 99_999_999_999 * 10**18 + 7
"""More Wei than fit in 64 bits, and more digits than floating point has."""


class Block(NamedTuple):
    """A block and its recipient's balance before and after it, in Wei."""

    number: int
    miner: str
    before: int
    after: int


def address(name: str) -> str:
    """Return an address of one repeated digit."""
    return "0x" + name * 40


def write_day(data_folder: Path, day: date, blocks: Sequence[Block]) -> Path:
    """Write a day file with a block every 12 seconds from midnight on."""
    start = datetime.combine(day, datetime.min.time())
    rows = [
        {
            "block_number": block.number,
            "block_time": start + timedelta(seconds=12 * place),
            "miner": block.miner,
            "balance_before": Decimal(block.before),
            "balance_after": Decimal(block.after),
            "balance_increase": Decimal(block.after - block.before),
            "block_hash": f"0x{block.number:064x}",
        }
        for place, block in enumerate(blocks)
    ]
    path = data_folder / "days" / "miners_balance" / f"{day}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, SCHEMA), path)
    return path


def write_days(data_folder: Path) -> None:
    """Write 1 and 3 September. The second day and block 103 are missing.

    A: 3 blocks, +1 ETH, +1 Wei, -3 ETH. B: 2 blocks, the first unchanged, then a huge increase. C: one loss of 1 Wei.
    """
    eth = 10**18
    a, b, c = address("a"), address("b"), address("c")
    first = [
        Block(100, a, eth, 2 * eth),
        Block(101, b, 5, 5),
        Block(102, a.upper().replace("X", "x"), 2 * eth, 2 * eth + 1),
    ]
    second = [Block(104, c, 1, 0), Block(105, a, 3 * eth, 0), Block(106, b, 0, HUGE)]
    write_day(data_folder, date(2026, 9, 1), first)
    write_day(data_folder, date(2026, 9, 3), second)
