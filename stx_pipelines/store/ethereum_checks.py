"""Does what the tables `blocks` and `miners_balance` say hold together? Questions to the tables themselves.

They are asked in stretches of block numbers, so that a history of years needs no more memory than a month.
Not here: what was proved when a day landed (`chains.ethereum_proof`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from stx_pipelines.store.inspect import reading
from stx_pipelines.store.warehouse import load_sql

if TYPE_CHECKING:
    import duckdb

_STRETCH = 200_000  # blocks; about a month


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
