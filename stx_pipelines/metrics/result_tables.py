"""The tables of the results in the database, loaded from the result files, and the list of what was loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from stx_pipelines.metrics.columns import comments_sql
from stx_pipelines.metrics.options import Basis
from stx_pipelines.metrics.settled import GROWING_ROWS
from stx_pipelines.store.data_folder import DataFolder
from stx_pipelines.store.files import read_if_sound, replace_file
from stx_pipelines.store.locks import locked
from stx_pipelines.store.parquet import parquet_rows
from stx_pipelines.store.scratch import Engine
from stx_pipelines.store.warehouse import Warehouse

if TYPE_CHECKING:
    import duckdb

_LOAD_MB = 200
_LOAD_MB_PER_MILLION = 2  # transactions of the results: 300 million need 200 to 300 MB for one more day


class Changed(NamedTuple):
    """The SQL conditions of the rows to load into a table that was loaded from results with this fingerprint before.

    No row meets two of them. They replace the rows with the same `key`, or without a key those that meet a condition.
    """

    fingerprint: str
    conditions: tuple[str, ...]
    key: str | None = None


@dataclass(frozen=True)
class ResultTables:
    """The tables of the results in the database of a data folder."""

    folder: DataFolder
    warehouse: Warehouse
    engine: Engine

    def loaded(self) -> dict[str, str]:
        """Return the fingerprint of each loaded table. Does not open the database."""
        if not self.warehouse.path.exists():
            return {}
        # If the file is missing or damaged, the only effect is that the tables are loaded again.
        return read_if_sound(self.folder.coverage("metrics"), dict[str, str]) or {}

    def load(self, known: Mapping[str, Basis], changed: Mapping[str, Changed | None]) -> None:
        """Load the files of these tables, which have these bases, in one transaction. Raises `Busy`.

        If a table has the other rows already, only those in `changed` are loaded.
        """
        fingerprints = {table: basis.fingerprint for table, basis in known.items()}
        millions = max(basis.transactions for basis in known.values()) // 1_000_000
        engine = replace(self.engine, memory_mb=_LOAD_MB + _LOAD_MB_PER_MILLION * millions)
        with self.warehouse.connected(engine=engine) as connection:
            loaded = self.loaded()
            self._mark(dict.fromkeys(fingerprints))  # if this process is killed now, all rows are loaded again
            connection.begin()
            for table in fingerprints:
                rows = changed.get(table)
                suffice = rows is not None and rows.fingerprint == loaded.get(table)
                self._load(connection, table, rows if suffice else None)
            connection.commit()
            connection.execute("RESET preserve_insertion_order")  # the connection is used again
        self._mark(fingerprints)

    def _load(self, connection: duckdb.DuckDBPyConnection, table: str, changed: Changed | None) -> None:
        """Replace the rows of a table in `changed`, None: all rows."""
        rows = parquet_rows(self.folder.metric(table))
        # The files of growing tables have no fixed order. To keep it would leave row groups with few rows, which DuckDB
        # merges at a later checkpoint.
        connection.execute(f"SET preserve_insertion_order = {table not in GROWING_ROWS}")
        present = "FROM duckdb_tables() WHERE database_name = 'warehouse' AND table_name = ?"
        if changed and connection.execute(present, [table]).fetchall():
            # DuckDB skips the row groups of other rows for each single condition, but not for conditions with OR.
            new = " UNION ALL ".join(f"FROM {rows} WHERE {condition}" for condition in changed.conditions)
            if changed.key:
                old = f"{changed.key} IN (SELECT {changed.key} FROM ({new}))"
            else:
                old = " OR ".join(f"({condition})" for condition in changed.conditions)
            connection.execute(f"DELETE FROM warehouse.{table} WHERE {old}")
            connection.execute(f"INSERT INTO warehouse.{table} BY NAME {new}")
            return
        connection.execute(f"CREATE OR REPLACE TABLE warehouse.{table} AS FROM {rows}")
        columns = [name for name, *_ in connection.execute(f"DESCRIBE warehouse.{table}").fetchall()]
        connection.execute(comments_sql(table, columns))

    def _mark(self, fingerprints: Mapping[str, str | None]) -> None:
        """Note the fingerprints of loaded tables, None for tables that are being loaded."""
        with locked(self.folder.lock("metrics"), "the list of loaded metrics", self.warehouse.wait):
            marks = {table: mark for table, mark in {**self.loaded(), **fingerprints}.items() if mark is not None}
            content = msgspec.json.encode(marks, order="deterministic")
            replace_file(self.folder.coverage("metrics"), lambda aside: aside.write_bytes(content))
