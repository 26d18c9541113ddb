"""The store of the wallet metrics. It computes results from day files, keeps them as files and loads them as tables.

SQL runs in a separate DuckDB in memory, so that it never blocks the database. Each table of a result is one Parquet
file with the basis in its metadata. A file is replaced as a whole. The module `results` lists the tables.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from stx_pipelines.chains.datasets import DATASETS, TRANSACTIONS, WALLET_BALANCES
from stx_pipelines.metrics import options as metrics
from stx_pipelines.metrics.columns import COLUMNS
from stx_pipelines.metrics.computation import BASIS, Computation, Refreshed
from stx_pipelines.metrics.earlier import changed_rows
from stx_pipelines.metrics.history import History
from stx_pipelines.metrics.options import Basis, MetricOptions
from stx_pipelines.metrics.result_tables import Changed, ResultTables
from stx_pipelines.metrics.results import RESULTS, define, metric_sql, steps_of, tables_of
from stx_pipelines.metrics.reuse import NOTHING, Reuse, with_kept
from stx_pipelines.metrics.settled import SETTLED_ROWS, Settling
from stx_pipelines.metrics.settled_files import SettledFiles
from stx_pipelines.metrics.steps import step_ends
from stx_pipelines.metrics.wallet_lines import WALLETS, WalletLines, has_columns
from stx_pipelines.store.data_folder import DataFolder
from stx_pipelines.store.day_files import DayFiles
from stx_pipelines.store.files import StoreError, first_line
from stx_pipelines.store.locks import Busy, locked
from stx_pipelines.store.parquet import read_metadata
from stx_pipelines.store.scratch import Engine, scratch_database
from stx_pipelines.store.served import ResultFile
from stx_pipelines.store.warehouse import Warehouse

if TYPE_CHECKING:
    import duckdb

    from stx_pipelines.store.postgres_copy import PostgresCopy

_ATTEMPTS = 3


@dataclass
class MetricStore:
    """The files and tables of one data folder's results. `first_day` is the chain's first day, None if not known.

    `prices` are the day files of prices, None if prices are off. `served` is the copy in PostgreSQL, None if there is
    none. With `until`, later days are left out. With `target`, the result files are in that folder instead.
    """

    folder: DataFolder
    files: DayFiles
    warehouse: Warehouse
    options: MetricOptions = field(default_factory=MetricOptions)
    first_day: date | None = None
    engine: Engine = field(default_factory=Engine)
    prices: DayFiles | None = None
    served: PostgresCopy | None = None
    until: date | None = None
    target: DataFolder | None = None

    def path(self, table: str) -> Path:
        """Return the path of this table's file, whether it exists or not."""
        return (self.target or self.folder).metric(table)

    def basis(self) -> Basis:
        """Return the basis that results computed now have."""
        return self._history.basis()

    @property
    def _history(self) -> History:
        return History(self.files, self.prices, self._balances, self.options, self.first_day, self.until)

    @cached_property
    def _balances(self) -> DayFiles:
        return DayFiles(self.folder.days(WALLET_BALANCES))

    @property
    def _tables(self) -> ResultTables:
        return ResultTables(self.folder, self.warehouse, self.engine)

    def kept(self, table: str) -> Basis | None:
        """Return the basis in this table's file, None if the file is missing, damaged or from another program."""
        return read_metadata(self.path(table), BASIS, Basis)

    def wallet_lines(self) -> WalletLines | None:
        """Return the wallets for the page's search, None if their file is missing, damaged or of an old version."""
        basis = self.kept(WALLETS)
        is_whole = basis is not None and basis.days > 0 and has_columns(self.path(WALLETS))
        return WalletLines(self.path(WALLETS), self.folder.run, self.engine) if is_whole else None

    def stale(self) -> list[str]:
        """Return the stale results: a file or table is missing or was computed from other days or options.

        Does not open the database.
        """
        now, loaded = self.basis().fingerprint, self._tables.loaded()
        return [result for result, tables in RESULTS.items() if not self._are_fresh(tables, now, loaded)]

    def forget_settled(self) -> None:
        """Delete the settled rows, so that the next computation reads all days. Raises `Busy` during a computation."""
        with self._settled_lock():
            SettledFiles(self.folder).delete()

    def refresh(self, results: Collection[str] = tuple(RESULTS)) -> Refreshed:
        """Compute these results, replace their files and load their tables. Return the outcome.

        If the database is busy, the tables are not loaded. Then copy them to the server of STX_WAREHOUSE_URL; if it is
        away, a later run copies them. Raises `StoreError` if the results cannot be computed.
        """
        started = time.monotonic()
        with self._settled_files() as files:
            if files and set(results) == set(RESULTS):
                self._settle_long_history(files)
            with self._prepared(results, files) as run:
                changed = changed_rows(run, tables_of(results), self.path)
                rows = self._write(run, results)
        refreshed = Refreshed(run.basis, rows, time.monotonic() - started, self._load_patiently(changed))
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

    def load(self, changed: Mapping[str, Changed | None] | None = None) -> None:
        """Load the files of these tables (default: all) into the database in one transaction. Raises `Busy`.

        If a table has the other rows already, only those in `changed` are loaded.
        """
        changed = dict.fromkeys(tables_of(RESULTS)) if changed is None else changed
        known = {table: basis for table in changed if (basis := self.kept(table))}
        if known:
            self._tables.load(known, changed)

    def _are_fresh(self, tables: Sequence[str], fingerprint: str, loaded: Mapping[str, str]) -> bool:
        files = [basis.fingerprint if (basis := self.kept(table)) else None for table in tables]
        return {*files, *(loaded.get(table) for table in tables)} == {fingerprint}

    @contextmanager
    def _settled_files(self) -> Iterator[SettledFiles | None]:
        """Yield the files of the settled rows, None while another process computes the metrics."""
        with ExitStack() as alone:
            try:
                alone.enter_context(self._settled_lock())
                files = SettledFiles(self.folder)
            except Busy:
                files = None  # they may change while this process would read them
            yield files

    @contextmanager
    def _prepared(self, results: Collection[str], files: SettledFiles | None) -> Iterator[Computation]:
        """Run the steps of these results, then yield the computation with the connection that holds the steps' tables.

        Start again if the closed days change while the steps run, or if settled rows turn out to be wrong. Raises
        `StoreError` after the last attempt.
        """
        steps = steps_of(results)
        for _ in range(_ATTEMPTS):
            history = self._history
            basis, settling = history.basis(), history.settling() if files else None
            reuse = self._reuse(results, files, settling) if files and settling else NOTHING
            with self.session(basis, reuse, files, history) as connection:
                for step in steps:
                    connection.execute(metric_sql(f"base/{step}"))
                if self.basis().fingerprint != basis.fingerprint:
                    continue
                self._prove_count(connection, history.stated(basis, reuse))
                run = Computation(basis, connection, files, reuse, settling)
                if files and reuse.settled and run.reclassifies(reuse.settled):
                    files.delete()
                    continue
                yield run.without_new_settled()
                return
        raise StoreError(
            f"the day files below {self.files.folder} changed {_ATTEMPTS} times while the metrics read them; "
            "the old results are kept: compute them again after the sync has ended"
        )

    @contextmanager
    def session(
        self,
        basis: Basis,
        reuse: Reuse = NOTHING,
        files: SettledFiles | None = None,
        history: History | None = None,
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open a DuckDB in memory with views of the rows in the basis's day files. Raises `StoreError`.

        The days of `reuse` have no rows if `files` has what is known of them.
        """
        import duckdb

        history = history or self._history
        known, dataset = history.certificates, DATASETS[TRANSACTIONS]
        read = [day for day in metrics.days(basis) if reuse.reads(day)]
        rows = history.stated(basis, reuse)
        engine = self.engine.for_rows(rows, basis.transactions - rows)
        try:
            with scratch_database(self.folder.run, engine) as connection:
                define(
                    connection,
                    basis,
                    [self.files.path(day) for day in read],
                    history.price_paths(basis),
                    history.balance_paths(),
                    same_columns=not any(dataset.lacks_columns(known[day]) for day in read if day in known),
                    reuse=reuse,
                )
                (files or SettledFiles(self.folder)).define(connection, reuse)
                yield connection
        except duckdb.Error as error:
            raise StoreError(
                f"the wallet metrics could not be computed ({first_line(error)}); the old results are kept: "
                "if this happens again, run `stx-pipelines metrics --from-scratch`"
            ) from error

    def _settled_lock(self) -> AbstractContextManager[None]:
        return locked(self.folder.lock("settled"), "the files of settled metrics", wait=0)

    def _reuse(self, results: Collection[str], files: SettledFiles, settling: Settling) -> Reuse:
        """Return what these results can use of earlier computations and keep for later ones."""
        settled = files.read() if SETTLED_ROWS.keys() >= set(tables_of(results)) else None
        settled = settled if settled and settling.holds(settled) else None
        summed = files.read_sums() if settled else None
        summed = summed if summed and settled and settling.holds_sums(summed, settled) else None
        return with_kept(settling, settled, summed) if set(results) == set(RESULTS) else Reuse(settled, summed)

    def _settle_long_history(self, files: SettledFiles) -> None:
        """Settle a long history in steps before all of its results are computed, unless there are settled rows.

        The results of a step are not kept, so that readers only see those of all days.
        """
        settled, history = files.read(), self._history
        ends = step_ends(metrics.days(history.basis()), history.certificates)
        if not ends or (settled and history.settling().holds(settled)):
            return
        place = self.folder.steps
        shutil.rmtree(place.path, ignore_errors=True)  # of a run that was killed
        for end in ends:
            part = replace(self, until=end, target=place)
            with part._prepared(tuple(RESULTS), SettledFiles(place)) as run:
                part._write(run, tuple(RESULTS))
        files.take(place)
        shutil.rmtree(place.path, ignore_errors=True)

    def _write(self, run: Computation, results: Collection[str]) -> dict[str, int]:
        """Replace the files of these results, and those that are kept for later. Return each table's number of rows."""
        if run.reuse.kept:  # settled rows come first, and each part of a file has its order already
            run.connection.execute("SET preserve_insertion_order = true")
        rows = {table: run.write(table, self.path(table)) for table in tables_of(results)}
        if run.files:
            run.files.write(run.connection, run.reuse, self.path)
        return rows

    def _prove_count(self, connection: duckdb.DuckDBPyConnection, stated: int) -> None:
        """Raise `StoreError` if the day files do not have the number of transactions that their certificates state."""
        [(count,)] = connection.execute("SELECT coalesce(sum(tx_count), 0)::BIGINT FROM read_accounts").fetchall()
        if count != stated:
            raise StoreError(
                f"the covered day files have {count} transactions, but their certificates state {stated}; "
                "the old results are kept: run `stx-pipelines verify`"
            )

    def _load_patiently(self, changed: Mapping[str, Changed | None]) -> str | None:
        try:
            self.load(changed)
        except Busy as busy:
            return busy.holder
        return None
