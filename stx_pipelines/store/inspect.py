"""Comparisons: does the table agree with the day files, and what does an older database hold of them?

Day files are read by Arrow here. The tables are loaded by DuckDB's own reader, whose mistakes must not hide.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from stx_pipelines.chains.datasets import DATASETS, TRANSACTIONS
from stx_pipelines.store.day_files import DayFiles
from stx_pipelines.store.files import StoreError
from stx_pipelines.store.statements import day_sql, load_sql, named, of_day, with_added
from stx_pipelines.store.warehouse import DayFile, Warehouse, attach

if TYPE_CHECKING:
    import duckdb

_OVERLAP_COLUMNS = ("tx_id", *DATASETS[TRANSACTIONS].shown_by)


class Overlap(NamedTuple):
    """How much of a certified day another database holds; shares from 0 to 1."""

    day: date
    transactions: float
    wallets: float


def rows_per_day(database: Path, dataset: str, *, wait: float = 0.0) -> dict[date, int]:
    """Count the table's rows by UTC day. Raises `Busy` while it is written, `StoreError` when it cannot be read."""
    column = named(DATASETS[dataset].time_column)
    with reading(database, wait) as connection:
        query = f"SELECT {column}::DATE, count(*) FROM warehouse.{dataset} GROUP BY ALL"
        return dict(connection.execute(query).fetchall())


def held_days(warehouse: Warehouse, dataset: str) -> set[date]:
    """List the days in the database; those it was last said to hold, when it is gone or cannot be opened."""
    try:
        with reading(warehouse.path) as connection:
            query = "SELECT day FROM warehouse.coverage WHERE dataset = $dataset"
            return {day for (day,) in connection.execute(query, {"dataset": dataset}).fetchall()}
    except StoreError:
        return set(warehouse.published(dataset, even_if_lost=True).loaded)


def count_repeated(database: Path, *, wait: float = 0.0) -> int:
    """Count the rows whose tx_id stands in the table already."""
    with reading(database, wait) as connection:
        [(rows, distinct)] = connection.execute(
            "SELECT count(*), count(DISTINCT tx_id) FROM warehouse.transactions"
        ).fetchall()
    return int(rows - distinct)


def differing_days(database: Path, dataset: str, days: Sequence[DayFile]) -> list[date]:
    """List the days whose rows in the table are not exactly those of their file. Raises `StoreError`."""
    with reading(database) as connection:
        return [file.certificate.day for file in days if _differs(connection, dataset, file)]


def overlaps(database: Path, days: Sequence[DayFile]) -> Iterator[Overlap]:
    """Measure day by day what another database with a table `transactions` holds of our certified days."""
    with reading(database, advice="nothing was changed: give a database that has a table `transactions`") as connection:
        for file in days:
            rows_of_day = DayFiles(file.path.parent).columns(file.certificate.day, _OVERLAP_COLUMNS)
            connection.register("day_file", rows_of_day)
            [(rows, rows_there, wallets, wallets_there)] = connection.execute(load_sql("overlap")).fetchall()
            yield Overlap(
                file.certificate.day, rows_there / rows if rows else 1.0, wallets_there / wallets if wallets else 1.0
            )


def _differs(connection: duckdb.DuckDBPyConnection, dataset: str, file: DayFile) -> bool:
    proved_at = file.certificate.proved_at.replace(tzinfo=None)
    wanted = f"({day_sql(dataset)})"
    held = f"(FROM {with_added(dataset, f'warehouse.{dataset}')} WHERE {of_day(dataset)})"
    lacks, exceeds = f"FROM {wanted} EXCEPT ALL FROM {held}", f"FROM {held} EXCEPT ALL FROM {wanted}"
    query = f"SELECT count(*) FROM (({lacks}) UNION ALL ({exceeds}))"
    connection.register("day_file", DayFiles(file.path.parent).read(file.certificate.day))
    parameters = {"proved_at": proved_at, "day": file.certificate.day}
    [(differences,)] = connection.execute(query, parameters).fetchall()
    return bool(differences)


@contextmanager
def reading(
    database: Path, wait: float = 0.0, *, advice: str = "run `stx-pipelines rebuild`"
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the database as `warehouse`, read-only; it is closed afterwards.

    Raises `Busy` after `wait` seconds, and `StoreError` with this `advice` when it cannot be read.
    """
    import duckdb

    if not database.exists():
        raise StoreError(f"{database} does not exist; run `stx-pipelines rebuild` to make it from the day files")
    connection = duckdb.connect()
    try:
        attach(connection, database, wait=wait, read_only=True)
        yield connection
    except duckdb.Error as error:
        reason = (str(error).splitlines() or ["unknown"])[0]
        raise StoreError(f"{database} cannot be read ({reason}); {advice}") from error
    finally:
        connection.close()
