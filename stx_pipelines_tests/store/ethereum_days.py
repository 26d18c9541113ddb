"""Three days of Ethereum, small enough to check by eye, as day files and tables. Not here: claims (test_*.py).

There is a block every four hours. Fee recipients take turns, and one of them has two blocks in a row.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from stx_pipelines.chains.certificate import Certificate, State
from stx_pipelines.chains.datasets import BALANCES, BLOCKS, DATASETS, PARTS
from stx_pipelines.chains.days import DAY, window
from stx_pipelines.chains.ethereum import BalanceChange, BalanceKey, Block, balance_changes
from stx_pipelines.chains.increase_parts import IncreaseParts
from stx_pipelines.store.arrow import to_arrow
from stx_pipelines.store.data_folder import DataFolder
from stx_pipelines.store.day_files import DayFiles
from stx_pipelines.store.loading import DayFile
from stx_pipelines.store.warehouse import Warehouse

FIRST = 1_000
PER_DAY = 6
DAYS = [date(2026, 9, 1) + n * DAY for n in range(3)]
ALICE, BOB, CAROL = (f"0x{name * 20}" for name in ("a1", "b0", "c4"))
TURNS = (ALICE, BOB, BOB, CAROL)
INCREASES = (3 * 10**18 + 1, 0, -(10**17) - 7)
"""Increases in Wei, in turns. They have more digits than floating point."""


def block_hash(number: int, fork: str = "0") -> str:
    return f"0x{fork}{number:063x}"


def blocks_of(day: date, fork: str = "0") -> list[Block]:
    """Return the blocks of one of `DAYS`. Another `fork` has other hashes."""
    start, _ = window(day)
    first = FIRST + DAYS.index(day) * PER_DAY
    return [
        Block(
            number=number,
            hash=block_hash(number, fork),
            parent_hash=block_hash(number - 1, fork if number > first else "0"),
            miner=TURNS[number % len(TURNS)],
            timestamp=start + 14_400 * n,
            gas_used=21_000,
            gas_limit=30_000_000,
            base_fee_per_gas=7,
            transaction_count=n,
            size=500,
            extra_data="0x",
        )
        for n, number in enumerate(range(first, first + PER_DAY))
    ]


def changes_of(day: date, fork: str = "0") -> list[BalanceChange]:
    """Return the balance changes of a day's blocks. Balances change in own blocks only."""
    held = dict.fromkeys(TURNS, 10**26)
    balances = {}
    for number in range(FIRST, FIRST + len(DAYS) * PER_DAY):
        miner = TURNS[number % len(TURNS)]
        balances[BalanceKey(miner, number - 1)] = held[miner]
        held[miner] += INCREASES[number % len(INCREASES)]
        balances[BalanceKey(miner, number)] = held[miner]
    return balance_changes(blocks_of(day, fork), balances)


def certificate(dataset: str, day: date, blocks: Sequence[Block], state: State = "closed") -> Certificate:
    """Return the certificate of a day with these blocks."""
    first, last = (blocks[0], blocks[-1]) if blocks else (None, None)
    return Certificate(
        dataset=dataset,
        day=day,
        state=state,
        proof="by hand",
        expected=len(blocks),
        seen=len(blocks),
        published=len(blocks),
        left_out={},
        first_height=first.number if first else None,
        last_height=last.number if last else None,
        last_hash=last.hash if last else None,
        first_parent_hash=first.parent_hash if first else None,
        first_block_time=datetime.fromtimestamp(first.timestamp, UTC) if first else None,
        last_block_time=datetime.fromtimestamp(last.timestamp, UTC) if last else None,
        proved_to=9_999,
        tip_height=9_999,
        proved_at=datetime(2026, 10, 1, tzinfo=UTC),
        requests=9,
        seconds=2.0,
        route="by hand",
    )


def blocks_table(blocks: Sequence[Block]) -> pa.Table:
    """Return the table of a day file of `blocks`."""
    return to_arrow(DATASETS[BLOCKS], blocks)


def balances_table(changes: Sequence[BalanceChange]) -> pa.Table:
    """Return the table of a day file of `miners_balance`."""
    return to_arrow(DATASETS[BALANCES], changes)


def store_blocks(data: Path, day: date, blocks: Sequence[Block], state: State = "closed", *, load: bool = True) -> None:
    """Store a day of `blocks`, and load it unless `load` is false."""
    _store(data, blocks_table(blocks), certificate("blocks", day, blocks, state), load=load)


def store_balances(data: Path, day: date, blocks: Sequence[Block], changes: Sequence[BalanceChange]) -> None:
    """Store and load a day of `miners_balance` that belongs to these blocks."""
    _store(data, balances_table(changes), certificate("miners_balance", day, blocks), load=True)


def store_parts(data: Path, day: date, blocks: Sequence[Block], changes: Sequence[BalanceChange]) -> None:
    """Store and load a day of `increase_parts`. The fee is 3 ETH and 1 Wei, of which 5 Wei are not paid on."""
    fee = 3 * 10**18 + 1
    parts = (fee, fee - 5, 0, 0, 0, 9, fee - 5, CAROL)
    rows = [
        IncreaseParts(each.block_number, each.block_time, each.miner, *parts, each.balance_increase - 5, True)
        for each in changes
    ]
    _store(data, to_arrow(DATASETS[PARTS], rows), certificate(PARTS, day, blocks), load=True)


def _store(data: Path, table: pa.Table, of: Certificate, *, load: bool) -> None:
    files = DayFiles(data / "days" / of.dataset)
    stored = files.write(table, of)
    if load:
        Warehouse(DataFolder(data), wait=1.0).load(of.dataset, [DayFile(files.path(of.day), stored)])


def store_days(data: Path, days: Iterable[date] = DAYS) -> Path:
    """Store and load days of both tables. Return the path of the database."""
    for day in days:
        store_blocks(data, day, blocks_of(day))
        store_balances(data, day, blocks_of(day), changes_of(day))
    return data / "warehouse.duckdb"


def change(database: Path, *statements: str) -> None:
    """Change the tables with SQL, behind the back of the package."""
    with duckdb.connect(str(database)) as connection:
        for statement in statements:
            connection.execute(statement)
