"""Checks of the tables `blocks` and `miners_balance`, each for itself and against the other table.

Queries run over ranges of block numbers, so that a history of years needs no more memory than a month.
The proof of a day before it is stored is in `chains.ethereum_proof`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.ethereum_proof import ENOUGH
from stx_pipelines.store.dataset_store import DatasetStore
from stx_pipelines.store.inspect import reading
from stx_pipelines.store.statements import load_sql

if TYPE_CHECKING:
    import duckdb

MERGE = date(2022, 9, 15)
"""The first day with proof of stake. Before this day, each block paid its miner at least 2 ETH."""

BLOCKS_AT_ONCE = 200_000
"""Number of blocks per query, about a month."""


class Bounds(NamedTuple):
    """The largest plausible shares (0 to 1) of a day's blocks with a zero increase and with a negative increase."""

    zero: float
    negative: float


BEFORE_MERGE = Bounds(zero=0.05, negative=0.25)
"""A miner's balance falls only in a block in which the miner, a pool, pays its members from that account."""

SINCE_MERGE = Bounds(zero=0.30, negative=0.60)
"""A builder keeps a small part of most blocks' fees, but may pay the proposer all of a block's fees or more."""


class LoadedTable(NamedTuple):
    """The certificates of the stored days, and the id of the certificate that each loaded day came from."""

    stored: Mapping[date, Certificate]
    loaded: Mapping[date, str]

    def shown(self, day: date) -> Certificate | None:
        """Return the day's stored certificate if the table was loaded from it, otherwise None."""
        known = self.stored.get(day)
        return known if known is not None and known.id == self.loaded.get(day) else None


class EthereumTables(NamedTuple):
    """The database, and the stored and loaded days of both tables. The methods do not open the database."""

    database: Path
    blocks: LoadedTable
    balances: LoadedTable

    def unfinished(self) -> list[date]:
        """Return the stored days of which `blocks` may lack blocks: open days, and days whose file is not loaded."""
        shown = {day: self.blocks.shown(day) for day in self.blocks.stored}
        return [day for day, known in shown.items() if known is None or not known.is_closed]

    def waiting(self) -> list[date]:
        """Return the days whose loaded balances may belong to other blocks than the loaded blocks. They need a sync."""
        return [day for day in sorted(self.balances.loaded) if not self._is_settled(day)]

    def _is_settled(self, day: date) -> bool:
        known = self.balances.shown(day)
        return known is not None and known.is_of_same_blocks(self.blocks.shown(day))


def ethereum_tables(blocks: DatasetStore[Any], balances: DatasetStore[Any]) -> EthereumTables:
    """Return the stored and loaded days of both tables, without opening the database."""
    tables = (LoadedTable(s.files.certificates(), s.warehouse.published(s.dataset).loaded) for s in (blocks, balances))
    return EthereumTables(blocks.warehouse.path, *tables)


class IncreaseShares(NamedTuple):
    """The number of a day's blocks with a positive, a zero and a negative increase of the fee recipient's balance."""

    day: date
    positive: int
    zero: int
    negative: int

    @property
    def blocks(self) -> int:
        """The number of all blocks of the day."""
        return self.positive + self.zero + self.negative


def unlinked_blocks(database: Path, *, unfinished: Iterable[date] = (), wait: float = 0.0) -> list[int]:
    """Return the numbers of the blocks that do not follow the next lower block in the table, lowest first.

    Such a block has a wrong parent, repeats a number, or follows a gap. A gap counts only if all its days are loaded.
    A gap above an `unfinished` day does not count, because the table may lack blocks of that day. Raises `Busy` if
    another process still writes the table after `wait` seconds, and `StoreError` if the database cannot be read.
    """
    given = {"unfinished": list(unfinished)}
    with reading(database, wait) as connection:
        return _in_ranges(connection, "unlinked_blocks", given, "SELECT min(number), max(number) FROM warehouse.blocks")


def wrong_balances(database: Path, *, waiting: Iterable[date] = (), wait: float = 0.0) -> list[int]:
    """Return the numbers of the blocks whose row in `miners_balance` is wrong, or missing although its day is loaded.

    A row is wrong if it belongs to another block, is repeated, has a balance below zero, or has an increase other than
    `balance_after - balance_before`. It is also wrong if the block below has the same fee recipient and another
    `balance_after` than this row's `balance_before`. On `waiting` days only the arithmetic is checked, because the
    balances belong to other blocks than those in `blocks`. Raises `Busy` if another process still writes the table
    after `wait` seconds, and `StoreError` if the database cannot be read.
    """
    given = {"waiting": list(waiting)}
    span = (
        "SELECT min(n), max(n) FROM (SELECT number AS n FROM warehouse.blocks "
        "UNION ALL SELECT block_number FROM warehouse.miners_balance)"
    )
    with reading(database, wait) as connection:
        return _in_ranges(connection, "wrong_balances", given, span)


def increase_shares(database: Path, *, wait: float = 0.0) -> list[IncreaseShares]:
    """Return the counts of increases by sign for each day, oldest first. Raises the errors of `wrong_balances`."""
    with reading(database, wait) as connection:
        return [IncreaseShares(*row) for row in connection.execute(load_sql("increase_shares")).fetchall()]


def is_odd(shares: IncreaseShares) -> bool:
    """Return whether a day has implausibly many zero or negative increases. A day with few blocks is never odd."""
    bounds = BEFORE_MERGE if shares.day < MERGE else SINCE_MERGE
    return shares.blocks >= ENOUGH and (
        shares.zero > bounds.zero * shares.blocks or shares.negative > bounds.negative * shares.blocks
    )


def _in_ranges(connection: duckdb.DuckDBPyConnection, name: str, given: Mapping[str, object], span: str) -> list[int]:
    [(lowest, highest)] = connection.execute(span).fetchall()
    if lowest is None:
        return []
    found: list[int] = []
    for lo in range(lowest, highest + 1, BLOCKS_AT_ONCE):
        rows = connection.execute(load_sql(name), {**given, "lo": lo, "hi": lo + BLOCKS_AT_ONCE}).fetchall()
        found += [number for (number,) in rows]
    return found
