"""Questions to the warehouse, read-only. Each opens the database, asks, and closes it at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from stx_pipelines.store.statements import load_sql

if TYPE_CHECKING:
    import duckdb

BY_TYPE = (
    "SELECT tx_type, count(*) AS transactions, count(DISTINCT sender_address) AS wallets, "
    "sum(fee_ustx)::DECIMAL(32,0) * 0.000001 AS fees_stx FROM transactions GROUP BY ALL ORDER BY transactions DESC"
)
"""A first question for people to try."""


def wallets(database: Path) -> int:
    """Count the addresses that ever sent a transaction."""
    [(count,)] = _connect(database).execute(load_sql("wallets")).fetchall()
    return int(count)


def by_type(database: Path) -> str:
    """Answer `BY_TYPE`, drawn as DuckDB draws it."""
    return str(_connect(database).sql(BY_TYPE))


def top_fee_recipients(database: Path, limit: int = 10) -> str:
    """Show the fee recipients with the most blocks, and by how much these changed their balances, drawn by DuckDB."""
    return str(_connect(database).sql(load_sql("top_fee_recipients"), params={"limit": limit}))


def _connect(database: Path) -> duckdb.DuckDBPyConnection:
    import duckdb

    return duckdb.connect(str(database.absolute()), read_only=True)
