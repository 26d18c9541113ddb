"""The files of the settled rows: one Parquet file per table, with the settled days in its metadata."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from stx_pipelines.metrics.results import metric_sql
from stx_pipelines.metrics.settled import SETTLED_ROWS, Settled
from stx_pipelines.store.data_folder import DataFolder
from stx_pipelines.store.parquet import parquet_rows, read_metadata, write_rows

if TYPE_CHECKING:
    import duckdb

KEY = "stx_pipelines.settled"

_STEPS = ("settled_accounts", "settled_segment_counts")
"""Settled rows that are no rows of a result: one per account, and one per cohort, window, definition and segment."""

_TABLES = tuple(table for table, rows in SETTLED_ROWS.items() if rows)


class SettledFiles:
    """The files of the settled rows in a data folder. They can be deleted: then all days are read again."""

    def __init__(self, folder: DataFolder) -> None:
        self._folder = folder

    def read(self) -> Settled | None:
        """Return the days that the files were made from, None if a file is missing, damaged or made from others."""
        first, *others = (read_metadata(self._folder.settled(name), KEY, Settled) for name in (*_STEPS, *_TABLES))
        return first if all(other == first for other in others) else None

    def define(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Create the views of the settled rows that statements in the folder `sql` use."""
        for name in _STEPS:
            connection.execute(f"CREATE VIEW {name} AS FROM {parquet_rows(self._folder.settled(name))}")

    def whole(self, table: str, settled: Settled) -> str:
        """Return the query for all rows of a table: the settled rows, then those that follow from the days read."""
        query = metric_sql(table)
        if table not in _TABLES:
            return query
        rows = parquet_rows(self._folder.settled(table))
        return f"FROM {rows} UNION ALL (FROM ({query}) WHERE NOT ({settled.condition(table)}))"

    def write(self, connection: duckdb.DuckDBPyConnection, settled: Settled, result: Callable[[str], Path]) -> None:
        """Replace the files. `result` gives the path of a result's file, from which its settled rows are taken.

        A kill in between leaves files of different days, which are not used.
        """
        for name in _STEPS:
            write_rows(connection, metric_sql(f"settled/{name}"), self._folder.settled(name), {KEY: settled})
        for table in _TABLES:
            rows = f"FROM {parquet_rows(result(table))} WHERE {settled.condition(table)}"
            write_rows(connection, rows, self._folder.settled(table), {KEY: settled})

    def delete(self) -> None:
        """Delete the files, so that the next computation reads all days."""
        for name in (*_STEPS, *_TABLES):
            self._folder.settled(name).unlink(missing_ok=True)
