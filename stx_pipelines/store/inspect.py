"""Comparisons of a database with the day files.

This module reads day files with Arrow. The tables were loaded with DuckDB's reader, so a mistake of that reader shows
as a difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from stx_pipelines.chains.datasets import DATASETS
from stx_pipelines.store.day_files import DayFiles
from stx_pipelines.store.files import StoreError, first_line
from stx_pipelines.store.loading import DayFile
from stx_pipelines.store.scratch import interrupts_pass
from stx_pipelines.store.statements import day_sql, details_sql, named, of_day, with_added
from stx_pipelines.store.warehouse import Warehouse, attach

if TYPE_CHECKING:
    import duckdb


def rows_per_day(database: Path, dataset: str, *, wait: float = 0.0) -> dict[date, int]:
    """Return the number of the table's rows per UTC day. Raises the errors of `reading`."""
    column = named(DATASETS[dataset].time_column)
    with reading(database, wait) as connection:
        query = f"SELECT {column}::DATE, count(*) FROM warehouse.{dataset} GROUP BY ALL"
        return dict(connection.execute(query).fetchall())


def held_days(warehouse: Warehouse, dataset: str) -> set[date]:
    """Return the days that the database holds. If it cannot be opened, return the days last published as loaded."""
    try:
        with reading(warehouse.path) as connection:
            query = "SELECT day FROM warehouse.coverage WHERE dataset = $dataset"
            return {day for (day,) in connection.execute(query, {"dataset": dataset}).fetchall()}
    except StoreError:
        return set(warehouse.published(dataset, even_if_lost=True).loaded)


def count_repeated(database: Path, *, wait: float = 0.0) -> int:
    """Return the number of rows in `transactions` that repeat the tx_id of another row."""
    with reading(database, wait) as connection:
        [(rows, distinct)] = connection.execute(
            "SELECT count(*), count(DISTINCT tx_id) FROM warehouse.transactions"
        ).fetchall()
    return int(rows - distinct)


def differing_days(database: Path, dataset: str, days: Sequence[DayFile]) -> list[date]:
    """Return the days whose rows in the table differ from the rows in their file. Raises `StoreError`."""
    with reading(database) as connection:
        return [file.certificate.day for file in days if _differs(connection, dataset, file)]


def _differs(connection: duckdb.DuckDBPyConnection, dataset: str, file: DayFile) -> bool:
    of, day = DATASETS[dataset], {"day": file.certificate.day}
    connection.register("day_file", DayFiles(file.path.parent).read(file.certificate.day))
    values = day | {"proved_at": file.certificate.proved_at.replace(tzinfo=None)}
    held = f"FROM {with_added(of)} WHERE {of_day(dataset)}"
    if _are_different(connection, day_sql(of, file.certificate), held, values):
        return True
    if of.details is None or not _has_table(connection, of.details.name):
        return False
    held = f"SELECT * FROM warehouse.{of.details.name} WHERE day = $day"
    return _are_different(connection, details_sql(of, of.details, file.certificate), held, day)


def _are_different(connection: duckdb.DuckDBPyConnection, wanted: str, held: str, values: Mapping[str, object]) -> bool:
    lacks, exceeds = f"({wanted}) EXCEPT ALL ({held})", f"({held}) EXCEPT ALL ({wanted})"
    [(differences,)] = connection.execute(f"SELECT count(*) FROM (({lacks}) UNION ALL ({exceeds}))", values).fetchall()
    return bool(differences)


def _has_table(connection: duckdb.DuckDBPyConnection, name: str) -> bool:
    """Return whether the database has a table. A database that an earlier version made lacks the second tables."""
    query = "FROM duckdb_tables() WHERE database_name = 'warehouse' AND table_name = $name"
    return bool(connection.execute(query, {"name": name}).fetchall())


@contextmanager
def reading(
    database: Path, wait: float = 0.0, *, advice: str = "run `stx-pipelines rebuild`"
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the database read-only as `warehouse`, and close it afterwards.

    Raises `Busy` if another process still writes the database after `wait` seconds. Raises `StoreError` if the database
    cannot be read; the message ends with `advice`.
    """
    import duckdb

    if not database.exists():
        raise StoreError(f"{database} does not exist; run `stx-pipelines rebuild` to make it from the day files")
    connection = duckdb.connect()
    try:
        with interrupts_pass():
            attach(connection, database, wait=wait, read_only=True)
            yield connection
    except duckdb.Error as error:
        reason = first_line(error)
        raise StoreError(f"{database} cannot be read ({reason}); {advice}") from error
    finally:
        connection.close()
