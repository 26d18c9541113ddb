"""The store of the wallet metrics. It computes results from day files, keeps them as files and loads them as tables.

SQL runs in a separate DuckDB in memory, so that it never blocks the database. Each table of a result is one Parquet
file with the basis in its metadata. A file is replaced as a whole. The module `results` lists the tables.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.datasets import DATASETS, TRANSACTIONS, WALLET_BALANCES
from stx_pipelines.metrics import options as metrics
from stx_pipelines.metrics.columns import COLUMNS, comments_sql
from stx_pipelines.metrics.options import Basis, MetricOptions
from stx_pipelines.metrics.results import RESULTS, define, metric_sql, steps_of, tables_of
from stx_pipelines.metrics.wallet_lines import WALLETS, WalletLines, has_columns
from stx_pipelines.store.data_folder import DataFolder
from stx_pipelines.store.day_files import DayFiles
from stx_pipelines.store.files import StoreError, first_line, read_if_sound, replace_file
from stx_pipelines.store.locks import Busy, locked
from stx_pipelines.store.parquet import parquet_rows
from stx_pipelines.store.scratch import Engine, quoted, scratch_database
from stx_pipelines.store.served import ResultFile
from stx_pipelines.store.warehouse import Warehouse

if TYPE_CHECKING:
    import duckdb

    from stx_pipelines.store.postgres_copy import PostgresCopy

_KEY = "stx_pipelines.metrics"
_ATTEMPTS = 3


@dataclass(frozen=True)
class Refreshed:
    """The outcome of a refresh. `rows` is the number of rows per table, `basis` the basis that they were computed from.

    `seconds` is the time to compute and write the files. `waiting_for` is None if the tables were loaded. Otherwise it
    names the process that held the database.
    """

    basis: Basis
    rows: dict[str, int]
    seconds: float
    waiting_for: str | None = None


@dataclass
class MetricStore:
    """The files and tables of one data folder's results. `first_day` is the chain's first day, None if not known.

    `prices` are the day files of prices, None if prices are off. `served` is the copy in PostgreSQL, None if there is
    none.
    """

    folder: DataFolder
    files: DayFiles
    warehouse: Warehouse
    options: MetricOptions = field(default_factory=MetricOptions)
    first_day: date | None = None
    engine: Engine = field(default_factory=Engine)
    prices: DayFiles | None = None
    served: PostgresCopy | None = None

    def path(self, table: str) -> Path:
        """Return the path of this table's file, whether it exists or not."""
        return self.folder.metric(table)

    def basis(self) -> Basis:
        """Return the basis that results computed now have."""
        return metrics.basis(
            self.files.certificates(), self.options, self.first_day, self._priced(), self._balances.certificates()
        )

    @cached_property
    def _balances(self) -> DayFiles:
        return DayFiles(self.folder.days(WALLET_BALANCES))

    def _balance_paths(self) -> list[Path]:
        files = self._balances
        return [files.path(day) for day, known in files.certificates().items() if known.is_closed]

    def _priced(self) -> Mapping[date, Certificate] | None:
        return self.prices.certificates() if self.prices else None

    def _price_paths(self, basis: Basis) -> list[Path]:
        if self.prices is None:
            return []
        days = metrics.price_days(self.prices.certificates(), basis.coverage_start, basis.coverage_end)
        return [self.prices.path(day) for day in days]

    def kept(self, table: str) -> Basis | None:
        """Return the basis in this table's file, None if the file is missing, damaged or from another program."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            known = (pq.read_metadata(self.path(table)).metadata or {})[_KEY.encode()]
            return msgspec.json.decode(known, type=Basis)
        except (OSError, pa.ArrowException, KeyError, msgspec.MsgspecError):
            return None

    def wallet_lines(self) -> WalletLines | None:
        """Return the wallets for the page's search, None if their file is missing, damaged or of an old version."""
        basis = self.kept(WALLETS)
        is_whole = basis is not None and basis.days > 0 and has_columns(self.path(WALLETS))
        return WalletLines(self.path(WALLETS), self.folder.run, self.engine) if is_whole else None

    def stale(self) -> list[str]:
        """Return the stale results: a file or table is missing or was computed from other days or options.

        Does not open the database.
        """
        now, loaded = self.basis().fingerprint, self._loaded()
        return [result for result, tables in RESULTS.items() if not self._are_fresh(tables, now, loaded)]

    def refresh(self, results: Collection[str] = tuple(RESULTS)) -> Refreshed:
        """Compute these results, replace their files and load their tables. Return the outcome.

        If the database is busy, the tables are not loaded. Then copy them to the server of STX_WAREHOUSE_URL; if it is
        away, a later run copies them. Raises `StoreError` if the results cannot be computed.
        """
        started = time.monotonic()
        tables = tables_of(results)
        with self._prepared(results) as (basis, connection):
            rows = {table: self._write(connection, basis, table) for table in tables}
        refreshed = Refreshed(basis, rows, time.monotonic() - started, self._load_patiently(tables))
        self.serve_if_possible()
        return refreshed

    def serve_if_possible(self) -> None:
        """Copy the tables that the served copy lacks, if there is one. Log a sentence if that is not possible now."""
        if self.served:
            self.served.attempt(self.serve)

    def serve(self, *, again: bool = False) -> None:
        """Copy the tables that the served copy lacks, or all tables `again`, in one transaction. Raises `NotCopied`."""
        if self.served is None:
            return
        copied = {} if again else self.served.loaded_results()
        known = {table: self.kept(table) for table in tables_of(RESULTS)}
        files = [
            ResultFile(table, [column[:3] for column in COLUMNS[table]], self.path(table), basis.fingerprint)
            for table, basis in known.items()
            if basis is not None and copied.get(table) != basis.fingerprint
        ]
        if files:
            self.served.results(files)

    def load(self, tables: Collection[str] | None = None) -> None:
        """Load the files of these tables (default: all) into the database in one transaction. Raises `Busy`."""
        known = {table: self.kept(table) for table in tables or tables_of(RESULTS)}
        present = {table: basis.fingerprint for table, basis in known.items() if basis is not None}
        if not present:
            return
        with self.warehouse.connected() as connection:
            connection.begin()
            for table in present:
                rows = parquet_rows(self.path(table))
                connection.execute(f"CREATE OR REPLACE TABLE warehouse.{table} AS FROM {rows}")
                columns = [name for name, *_ in connection.execute(f"DESCRIBE warehouse.{table}").fetchall()]
                connection.execute(comments_sql(table, columns))
            connection.commit()
        self._mark_loaded(present)

    def _are_fresh(self, tables: Sequence[str], fingerprint: str, loaded: Mapping[str, str]) -> bool:
        files = [basis.fingerprint if (basis := self.kept(table)) else None for table in tables]
        return {*files, *(loaded.get(table) for table in tables)} == {fingerprint}

    @contextmanager
    def _prepared(self, results: Collection[str]) -> Iterator[tuple[Basis, duckdb.DuckDBPyConnection]]:
        """Run the steps of these results, then yield the basis and the connection that holds the steps' tables.

        Start again if the closed days change while the steps run. Raises `StoreError` after the last attempt.
        """
        steps = steps_of(results)
        for _ in range(_ATTEMPTS):
            basis = self.basis()
            with self.session(basis) as connection:
                for step in steps:
                    connection.execute(metric_sql(f"base/{step}"))
                if self.basis().fingerprint != basis.fingerprint:
                    continue
                _prove_count(connection, basis)
                yield basis, connection
                return
        raise StoreError(
            f"the day files below {self.files.folder} changed {_ATTEMPTS} times while the metrics read them; "
            "the old results are kept: compute them again after the sync has ended"
        )

    @contextmanager
    def session(self, basis: Basis) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open a DuckDB in memory with views of the rows in the basis's day files. Raises `StoreError`."""
        import duckdb

        try:
            with scratch_database(self.folder.run, self.engine.for_rows(basis.transactions)) as connection:
                covered = metrics.days(basis)
                known, dataset = self.files.certificates(), DATASETS[TRANSACTIONS]
                same = not any(dataset.lacks_columns(known[day]) for day in covered if day in known)
                paths = [self.files.path(day) for day in covered]
                define(connection, basis, paths, self._price_paths(basis), self._balance_paths(), same_columns=same)
                yield connection
        except duckdb.Error as error:
            raise StoreError(
                f"the wallet metrics could not be computed ({first_line(error)}); the old results are kept"
            ) from error

    def _write(self, connection: duckdb.DuckDBPyConnection, basis: Basis, table: str) -> int:
        import duckdb

        known = msgspec.json.encode(basis, order="deterministic").decode()
        options = f"FORMAT parquet, COMPRESSION zstd, KV_METADATA {{{quoted(_KEY)}: {quoted(known)}}}"
        rows = 0

        def write(aside: Path) -> None:
            nonlocal rows
            query = metric_sql(table)
            try:
                [(rows,)] = connection.execute(f"COPY ({query}) TO {quoted(str(aside))} ({options})").fetchall()
            except duckdb.Error as error:
                raise OSError(first_line(error)) from error

        replace_file(self.path(table), write)
        return rows

    def _load_patiently(self, tables: Collection[str]) -> str | None:
        try:
            self.load(tables)
        except Busy as busy:
            return busy.holder
        return None

    def _loaded(self) -> dict[str, str]:
        if not self.warehouse.path.exists():
            return {}
        # If the file is missing or damaged, the only effect is that the tables are loaded again.
        return read_if_sound(self.folder.coverage("metrics"), dict[str, str]) or {}

    def _mark_loaded(self, fingerprints: Mapping[str, str]) -> None:
        with locked(self.folder.lock("metrics"), "the list of loaded metrics", self.warehouse.wait):
            content = msgspec.json.encode({**self._loaded(), **fingerprints}, order="deterministic")
            replace_file(self.folder.coverage("metrics"), lambda aside: aside.write_bytes(content))


def _prove_count(connection: duckdb.DuckDBPyConnection, basis: Basis) -> None:
    """Raise `StoreError` if the day files do not have the number of transactions that their certificates state."""
    [(count,)] = connection.execute("SELECT coalesce(sum(tx_count), 0)::BIGINT FROM wallets").fetchall()
    if count != basis.transactions:
        raise StoreError(
            f"the covered day files have {count} transactions, but their certificates state {basis.transactions}; "
            "the old results are kept: run `stx-pipelines verify`"
        )
