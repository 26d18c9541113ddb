"""Does what the tables `blocks` and `miners_balance` say hold together? Questions to the tables themselves.

They are asked in stretches of block numbers, so that a history of years needs no more memory than a month.
Not here: what was proved when a day landed (`chains.ethereum_proof`).
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
"""The first day with proof of stake: until then a block paid its miner 2 ETH and more."""

_STRETCH = 200_000  # blocks; about a month


class Bounds(NamedTuple):
    """The largest shares of a day's blocks that are plausible, from 0 to 1."""

    zero: float
    negative: float


BEFORE_MERGE = Bounds(zero=0.05, negative=0.25)
"""Only a pool that pays its members out of the same account, in its own block, gets poorer by a block."""

SINCE_MERGE = Bounds(zero=0.30, negative=0.60)
"""A builder may pay the proposer all the fees, or more than them; most blocks leave it a little."""


class LoadedTable(NamedTuple):
    """The certificates of the days that have landed, and which of them the table was loaded from."""

    landed: Mapping[date, Certificate]
    loaded: Mapping[date, str]

    def shown(self, day: date) -> Certificate | None:
        """What the table's rows of this day rest on; None if the day has landed anew and is not loaded yet."""
        known = self.landed.get(day)
        return known if known is not None and known.id == self.loaded.get(day) else None


class EthereumTables(NamedTuple):
    """The database, and what is known of both tables without opening it."""

    database: Path
    blocks: LoadedTable
    balances: LoadedTable

    def unfinished(self) -> list[date]:
        """Days with blocks that the table does not have yet: still open, or landed anew and not loaded."""
        shown = {day: self.blocks.shown(day) for day in self.blocks.landed}
        return [day for day, known in shown.items() if known is None or not known.is_closed]

    def waiting(self) -> list[date]:
        """Days whose balances are not those of the blocks in the table: a run, or the loading, has to catch up."""
        return [day for day in sorted(self.balances.loaded) if not self._is_settled(day)]

    def _is_settled(self, day: date) -> bool:
        known = self.balances.shown(day)
        return known is not None and known.is_of_same_blocks(self.blocks.shown(day))


def ethereum_tables(blocks: DatasetStore[Any], balances: DatasetStore[Any]) -> EthereumTables:
    """What is known of both tables."""
    tables = (LoadedTable(s.files.certificates(), s.warehouse.published(s.dataset).loaded) for s in (blocks, balances))
    return EthereumTables(blocks.warehouse.path, *tables)


class IncreaseShares(NamedTuple):
    """How many blocks of a day left their fee recipient richer, as before, and poorer."""

    day: date
    positive: int
    zero: int
    negative: int

    @property
    def blocks(self) -> int:
        """All of them."""
        return self.positive + self.zero + self.negative


def unlinked_blocks(database: Path, *, unfinished: Iterable[date] = (), wait: float = 0.0) -> list[int]:
    """Blocks that do not follow from the one below: another parent, a repeated number, a gap between days we have.

    Above `unfinished` days, which have more blocks than the table shows, no gap is counted. Raises `Busy` after `wait`
    seconds while the table is written, and `StoreError`.
    """
    given = {"unfinished": list(unfinished)}
    with reading(database, wait) as connection:
        return _in_stretches(
            connection, "unlinked_blocks", given, "SELECT min(number), max(number) FROM warehouse.blocks"
        )


def wrong_balances(database: Path, *, waiting: Iterable[date] = (), wait: float = 0.0) -> list[int]:
    """Blocks without a row though their day has landed, with the row of another block, or with a wrong one.

    Wrong is: after - before is not the increase, a balance below zero, two rows, or a balance that the same fee
    recipient's row of the block below contradicts. `waiting` days have blocks that their balances do not follow yet:
    only their arithmetic is judged. Raises `Busy` after `wait` seconds while the table is written, and `StoreError`.
    """
    given = {"waiting": list(waiting)}
    span = (
        "SELECT min(n), max(n) FROM (SELECT number AS n FROM warehouse.blocks "
        "UNION ALL SELECT block_number FROM warehouse.miners_balance)"
    )
    with reading(database, wait) as connection:
        return _in_stretches(connection, "wrong_balances", given, span)


def increase_shares(database: Path, *, wait: float = 0.0) -> list[IncreaseShares]:
    """The signs of the increases, day by day, oldest first. Raises `Busy` after `wait` seconds, and `StoreError`."""
    with reading(database, wait) as connection:
        return [IncreaseShares(*row) for row in connection.execute(load_sql("increase_shares")).fetchall()]


def is_odd(shares: IncreaseShares) -> bool:
    """Whether a day has more zero or negative increases than is plausible. Too few blocks say nothing."""
    bounds = BEFORE_MERGE if shares.day < MERGE else SINCE_MERGE
    return shares.blocks >= ENOUGH and (
        shares.zero > bounds.zero * shares.blocks or shares.negative > bounds.negative * shares.blocks
    )


def _in_stretches(
    connection: duckdb.DuckDBPyConnection, name: str, given: Mapping[str, object], span: str
) -> list[int]:
    [(lowest, highest)] = connection.execute(span).fetchall()
    if lowest is None:
        return []
    found: list[int] = []
    for lo in range(lowest, highest + 1, _STRETCH):
        rows = connection.execute(load_sql(name), {**given, "lo": lo, "hi": lo + _STRETCH}).fetchall()
        found += [number for (number,) in rows]
    return found
