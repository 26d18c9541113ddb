"""The tables of the results in the database, loaded from the result files, and the list of what was loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from stx_pipelines.metrics.columns import comments_sql
from stx_pipelines.store.data_folder import DataFolder
from stx_pipelines.store.files import read_if_sound, replace_file
from stx_pipelines.store.locks import locked
from stx_pipelines.store.parquet import parquet_rows
from stx_pipelines.store.scratch import Engine
from stx_pipelines.store.warehouse import Warehouse

if TYPE_CHECKING:
    import duckdb

_LOAD_MB = 200


class Unchanged(NamedTuple):
    """The SQL condition of the rows that a table has already if it was loaded from results with this fingerprint.

    With a `key`, the rows are replaced whose key is that of a new row that does not meet the condition. Without, those
    are replaced that do not meet it themselves.
    """

    fingerprint: str
    condition: str
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

    def load(self, fingerprints: Mapping[str, str], unchanged: Mapping[str, Unchanged | None]) -> None:
        """Load the files of these tables, which have these fingerprints, in one transaction. Raises `Busy`.

        Rows in `unchanged` that the table has already are not loaded again.
        """
        with self.warehouse.connected(engine=replace(self.engine, memory_mb=_LOAD_MB)) as connection:
            loaded = self.loaded()
            self._mark(dict.fromkeys(fingerprints))  # if this process is killed now, all rows are loaded again
            connection.begin()
            for table in fingerprints:
                kept = unchanged.get(table)
                same = kept is not None and kept.fingerprint == loaded.get(table)
                self._load(connection, table, kept if same else None)
            connection.commit()
        self._mark(fingerprints)

    def _load(self, connection: duckdb.DuckDBPyConnection, table: str, kept: Unchanged | None) -> None:
        """Replace the rows of a table, except those in `kept`."""
        rows = parquet_rows(self.folder.metric(table))
        present = "FROM duckdb_tables() WHERE database_name = 'warehouse' AND table_name = ?"
        if kept and connection.execute(present, [table]).fetchall():
            others = f"NOT ({kept.condition})"
            replaced = f"{kept.key} IN (SELECT {kept.key} FROM {rows} WHERE {others})" if kept.key else others
            connection.execute(f"DELETE FROM warehouse.{table} WHERE {replaced}")
            connection.execute(f"INSERT INTO warehouse.{table} BY NAME FROM {rows} WHERE {others}")
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
