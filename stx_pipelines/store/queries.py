"""Read-only queries of the database. Each function opens the database and closes it when it returns."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from stx_pipelines.store.files import StoreError, replace_file
from stx_pipelines.store.inspect import reading
from stx_pipelines.store.scratch import quoted
from stx_pipelines.store.statements import load_sql

if TYPE_CHECKING:
    import duckdb

BY_TYPE = (
    "SELECT tx_type, count(*) AS transactions, count(DISTINCT sender_address) AS wallets, "
    "sum(fee_ustx)::DECIMAL(32,0) * 0.000001 AS fees_stx FROM transactions GROUP BY ALL ORDER BY transactions DESC"
)
"""An example query for users to try: transactions, wallets and fees by type."""

FileFormat = Literal["csv", "json", "parquet"]

_OPTIONS: dict[FileFormat, str] = {
    "csv": "FORMAT csv, HEADER true",
    "json": "FORMAT json, ARRAY true",
    "parquet": "FORMAT parquet, COMPRESSION zstd",
}


def result_text(database: Path, query: str, *, wait: float = 0.0) -> str:
    """Return the result of a query as a table of text. DuckDB shortens long results.

    Raises `StoreError` if the database cannot be read or the query fails, and `Busy`.
    """
    with _result(database, query, wait) as (_, result):
        return str(result)


def write_result(database: Path, query: str, path: Path, form: FileFormat, *, wait: float = 0.0) -> int:
    """Write the result of a query to a file and return its number of rows. The file is replaced only as a whole.

    Numbers keep every digit in all formats. Raises `StoreError` if the database cannot be read, the query fails, or the
    file cannot be written, and `Busy`.
    """
    counts: list[int] = []
    with _result(database, query, wait) as (connection, result):
        replace_file(path, lambda aside: counts.append(_copy(connection, result, aside, form)))
    return counts[0]


def _copy(connection: duckdb.DuckDBPyConnection, rows: duckdb.DuckDBPyRelation, path: Path, form: FileFormat) -> int:
    """Write rows to a file and return their number. DuckDB finds the argument `rows` by its name."""
    [(count,)] = connection.execute(f"COPY (FROM rows) TO {quoted(str(path))} ({_OPTIONS[form]})").fetchall()
    return int(count)


@contextmanager
def _result(
    database: Path, query: str, wait: float
) -> Iterator[tuple[duckdb.DuckDBPyConnection, duckdb.DuckDBPyRelation]]:
    import duckdb

    with reading(database, wait) as connection:
        connection.execute("SET enable_progress_bar = false; USE warehouse")
        try:
            result = connection.sql(query)
            if result is None:
                raise StoreError("the query has no result: give one SELECT")
            yield connection, result
        except duckdb.Error as error:
            raise StoreError(f"the query failed: {error}") from error


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


def busiest_contract(database: Path) -> str:
    """Return the day of the contract with the most calls on the newest closed day, as one line of text."""
    found = _connect(database).sql(load_sql("busiest_contract")).fetchone()
    if found is None:
        return "no contract was called"
    day, contract, calls, wallets, failed, all_calls, fees = found
    said = f"{calls:,} calls by {wallets:,} wallets, {failed:,} of {all_calls:,} failed, {fees:,f} STX of fees"
    return f"{day} {contract}: {said}"


def _connect(database: Path) -> duckdb.DuckDBPyConnection:
    import duckdb

    return duckdb.connect(str(database.absolute()), read_only=True)
