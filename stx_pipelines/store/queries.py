"""Read-only queries of the database. Each function opens the database and closes it when it returns."""

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
"""An example query for users to try: transactions, wallets and fees by type."""


def wallets(database: Path) -> int:
    """Return the number of sender addresses in `transactions`."""
    [(count,)] = _connect(database).execute(load_sql("wallets")).fetchall()
    return int(count)


def by_type(database: Path) -> str:
    """Return the result of `BY_TYPE` as text, formatted by DuckDB."""
    return str(_connect(database).sql(BY_TYPE))


def top_fee_recipients(database: Path, limit: int = 10) -> str:
    """Return the fee recipients with the most blocks, and the sum of each one's increases in ETH, as text."""
    return str(_connect(database).sql(load_sql("top_fee_recipients"), params={"limit": limit}))


def _connect(database: Path) -> duckdb.DuckDBPyConnection:
    import duckdb

    return duckdb.connect(str(database.absolute()), read_only=True)
