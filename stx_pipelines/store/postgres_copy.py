"""The copy of the tables in PostgreSQL, which serves readers beside the DuckDB file.

The copy can be made again from the day files at any time. This module is imported only if STX_WAREHOUSE_URL is set.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psycopg.errors import UndefinedTable

from stx_pipelines.chains.datasets import DATASETS
from stx_pipelines.store.files import first_line
from stx_pipelines.store.loading import DayFile, refuse_another_count
from stx_pipelines.store.parquet import over_day_files, parquet_rows
from stx_pipelines.store.postgres import Connection, connect, lock_key, make_schema, server_name, told
from stx_pipelines.store.postgres_tables import (
    COVERAGE,
    RESULTS,
    Month,
    Table,
    column_sql,
    copy_sql,
    delete_day_sql,
    month_sql,
    months_of,
    note_sql,
    table_sql,
    tables_of,
)
from stx_pipelines.store.scratch import interrupts_pass
from stx_pipelines.store.served import NotCopied, ResultFile
from stx_pipelines.store.statements import day_sql, details_sql, load_sql, named

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

log = logging.getLogger(__name__)

_SETTING = "STX_WAREHOUSE_URL"
_MEMORY = "256MB"  # of DuckDB, which sorts the rows of a day
_ROWS_AT_ONCE = 20_000  # in memory as Arrow and as CSV
_LOCK_TIMEOUT = "30s"  # for another copy of the same day, and for an administrator who changes a table
_SHORT_LOCK_TIMEOUT = "5s"  # for a new column of a later version, because readers would wait behind it
_PAUSE_SECONDS = 60.0  # without attempts after the server was away, so that a run does not wait for it after each day
_COLUMNS = """
SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped
"""


class PostgresCopy:
    """The tables in the database at `url`, which may hold a password. Large sorts spill to the folder `spill`."""

    def __init__(self, url: str, spill: Path) -> None:
        self._url = url
        self._spill = spill
        self._made: set[str] = set()
        self._away: tuple[float, NotCopied] | None = None
        self._said: str | None = None

    @property
    def name(self) -> str:
        """The name of the server, without user and password."""
        return server_name(self._url)

    def attempt(self, work: Callable[[], object]) -> None:
        """Call `work`. If the copy cannot be changed now, log the sentence, unless it was the last one logged."""
        try:
            work()
            self._said = None
        except NotCopied as error:
            if str(error) != self._said:
                log.warning("%s", error)
            self._said = str(error)

    def loaded(self, dataset: str) -> dict[date, str]:
        """Return the copied days of a dataset with the ids of their certificates. Raises `NotCopied`."""
        return dict(self._noted(f"SELECT day, certificate FROM {COVERAGE.path} WHERE dataset = %s", dataset))

    def load(self, dataset: str, days: Sequence[DayFile]) -> None:
        """Replace the rows of these days in one transaction. Readers see the old rows until it ends.

        Raises `NotCopied`, and `WrongDayFile` for a file that has another number of rows than its certificate.
        """
        tables = tables_of(DATASETS[dataset])
        dates = [day.certificate.day for day in days]
        self._make([COVERAGE, *tables], months_of(tables, dates))
        with self._session() as connection:
            _lock_days(connection, dataset, dates)
            for day in days:
                self._replace(connection, tables, day)
                known = day.certificate
                connection.execute(note_sql(COVERAGE), (dataset, known.day, known.id, known.published))

    def remove(self, dataset: str, days: Sequence[date]) -> None:
        """Remove these days, which were copied before, in one transaction. Raises `NotCopied`."""
        with self._session() as connection:
            _lock_days(connection, dataset, days)
            for day in days:
                for table in tables_of(DATASETS[dataset]):
                    connection.execute(delete_day_sql(table, day))
                connection.execute(f"DELETE FROM {COVERAGE.path} WHERE dataset = %s AND day = %s", (dataset, day))

    def loaded_results(self) -> dict[str, str]:
        """Return the copied tables of the metrics with their fingerprints. Raises `NotCopied`."""
        return dict(self._noted(f"SELECT table_name, fingerprint FROM {RESULTS.path}"))

    def results(self, files: Sequence[ResultFile]) -> None:
        """Replace the rows of these tables in one transaction. Raises `NotCopied`."""
        tables = [Table(file.table, file.columns) for file in files]
        self._make([RESULTS, *tables])
        with self._session() as connection:
            connection.execute("SELECT pg_advisory_xact_lock(%s, %s)", lock_key(RESULTS.path))
            for table, file in zip(tables, files, strict=True):
                connection.execute(f"DELETE FROM {table.path}")
                select = f"SELECT {_common(table, file.path)} FROM {parquet_rows(file.path)}"
                rows = self._append(connection, table, select)
                connection.execute(note_sql(RESULTS), (table.name, file.fingerprint, rows))

    def _replace(self, connection: Connection, tables: Sequence[Table], day: DayFile) -> None:
        path, certificate = day
        of = DATASETS[certificate.dataset]
        proved_at = certificate.proved_at.astimezone(UTC).replace(tzinfo=None)
        selects: list[tuple[str, dict[str, object]]] = [(day_sql(of, certificate), {"proved_at": proved_at})]
        if of.details:
            selects.append((details_sql(of, of.details, certificate), {"day": certificate.day}))
        for table, (select, values) in zip(tables, selects, strict=True):
            connection.execute(delete_day_sql(table, certificate.day))
            refuse_another_count(day, self._append(connection, table, over_day_files(select, path), values))

    def _append(
        self, connection: Connection, table: Table, select: str, values: Mapping[str, object] | None = None
    ) -> int:
        """Append the rows of a query of files to a table. Return their number."""
        rows = 0
        with (
            self._read(select, values or {}) as batches,
            connection.cursor().copy(copy_sql(table, batches.schema.names)) as copy,
        ):
            for batch in batches:
                rows += batch.num_rows
                copy.write(_csv(batch))
        return rows

    @contextmanager
    def _read(self, select: str, values: Mapping[str, object]) -> Iterator[pa.RecordBatchReader]:
        import duckdb
        import pyarrow as pa

        try:
            with interrupts_pass(), self._engine.cursor() as reading:
                reading.execute(load_sql("shown"))
                yield reading.execute(select, values).to_arrow_reader(_ROWS_AT_ONCE)
        except (duckdb.Error, pa.ArrowException) as error:
            raise NotCopied(
                f"a file could not be read for {self.name} ({first_line(error)}); nothing was changed there: look for "
                "a damaged file with `stx-pipelines health --thorough`"
            ) from error

    @cached_property
    def _engine(self) -> duckdb.DuckDBPyConnection:
        import duckdb

        return duckdb.connect(config={"threads": 1, "memory_limit": _MEMORY, "temp_directory": str(self._spill)})

    def _make(self, tables: Sequence[Table], months: Sequence[Month] = ()) -> None:
        """Create missing tables, columns and partitions in a short transaction of their own. Raises `NotCopied`."""
        wanted = {*(table.name for table in tables), *(month.name for month in months)}
        if wanted <= self._made:
            return
        with self._session(_SHORT_LOCK_TIMEOUT) as connection:
            make_schema(connection)
            for table in tables:
                present = _columns(connection, table.path)
                lacking = [column_sql(table, column) for column in table.columns if column[0] not in present]
                for statements in lacking if present else [table_sql(table)]:
                    connection.execute(statements)
            for month in months:
                if not _columns(connection, month.path):
                    connection.execute(month_sql(month))
        self._made |= wanted

    def _noted(self, query: str, *values: str) -> list[tuple[Any, Any]]:
        with self._session() as connection:
            try:
                return [(key, noted) for key, noted in connection.execute(query, values)]
            except UndefinedTable:  # nothing was copied yet
                connection.rollback()
                return []

    @contextmanager
    def _session(self, lock_timeout: str = _LOCK_TIMEOUT) -> Iterator[Connection]:
        """Open a session with one transaction, which is committed when the `with` block ends. Raises `NotCopied`."""
        with self._told(), self._connect() as connection:
            connection.execute(f"SET lock_timeout = '{lock_timeout}'")
            yield connection

    def _connect(self) -> Connection:
        if self._away and time.monotonic() < self._away[0]:
            raise self._away[1]
        try:
            with self._told():
                return connect(self._url)
        except NotCopied as error:
            self._away = (time.monotonic() + _PAUSE_SECONDS, error)
            raise

    def _told(self) -> AbstractContextManager[None]:
        return told(self._url, _SETTING, NotCopied, "and the next run copies what is missing there")


def _lock_days(connection: Connection, dataset: str, days: Sequence[date]) -> None:
    """Let no other process replace these days until the transaction ends. The order prevents a deadlock."""
    for day in sorted(days):
        connection.execute("SELECT pg_advisory_xact_lock(%s, %s)", lock_key(str(day), f"{COVERAGE.path} {dataset}"))


def _columns(connection: Connection, table: str) -> set[str]:
    """Return the columns of a table; an empty set if there is no such table."""
    return {name for (name,) in connection.execute(_COLUMNS, (table,))}


def _common(table: Table, path: Path) -> str:
    """Return the columns of a table that a file of another version has too, for SQL."""
    import pyarrow.parquet as pq

    present = set(pq.read_schema(path).names)
    return named(*(name for name, *_ in table.columns if name in present))


def _csv(batch: pa.RecordBatch) -> memoryview:
    """Return rows as CSV without a header. A missing value is empty, and a text is in quotes, as COPY expects."""
    import pyarrow as pa
    from pyarrow import csv

    text = pa.BufferOutputStream()
    csv.write_csv(batch, text, csv.WriteOptions(include_header=False))
    return memoryview(text.getvalue())
