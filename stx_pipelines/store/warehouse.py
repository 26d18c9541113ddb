"""The DuckDB tables, loaded from day files: connect late, one short transaction, close at once.

The tables can be rebuilt from the files at any time. Readers who only want to know how far we are never open the
database: after every checkpoint its coverage is published as a small file.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from stx_pipelines.chains.datasets import DATASETS
from stx_pipelines.store import replacement
from stx_pipelines.store.data_folder import DataFolder
from stx_pipelines.store.files import (
    StoreError,
    forget_size,
    missing_bytes,
    read_if_sound,
    remember_size,
    replace_file,
)
from stx_pipelines.store.loading import (
    DayFile,
    WrongDayFile,
    fill_details,
    load_each,
    loaded_days,
    record,
    replace_day,
)
from stx_pipelines.store.locks import Busy, locked
from stx_pipelines.store.published import Published
from stx_pipelines.store.scratch import quoted
from stx_pipelines.store.statements import load_sql, schema_sql

if TYPE_CHECKING:
    import duckdb

_RETRY_SECONDS = 0.1
_ENGINE: dict[str, str | bool | int | float | list[str]] = {
    "threads": 1,  # a day is too small to share, and more of them only take more memory and time
    "memory_limit": "48MB",  # enough for days of a million rows; without a limit it grows with the table
    "checkpoint_threshold": "128MB",  # not between the days of a rebuild: every connection ends with one anyway
}
# In the older format a checkpoint takes twice as long in a large table, and each writes the last row group anew: of the
# usual 122,880 rows that is many days. No log: the day files are one, and nothing is published before a checkpoint.
_STORAGE = "STORAGE_VERSION 'v1.5.0', ROW_GROUP_SIZE 30720, RECOVERY_MODE no_wal_writes"
_MAGIC = slice(8, 12)  # where every file of DuckDB says so, behind a checksum


class Warehouse:
    """`data/warehouse.duckdb` and the coverage published beside it."""

    def __init__(self, folder: DataFolder, *, patience: float = 60.0) -> None:
        self.path = folder.database
        self.patience = patience
        self._folder = folder
        self._lock = folder.lock("warehouse")
        self._size = folder.run / "warehouse.size.json"
        self._idle: duckdb.DuckDBPyConnection | None = None  # an engine without a file: starting one costs 20 ms
        self._prepared = 0

    def load(self, dataset: str, days: Sequence[DayFile], *, wait: float | None = None) -> None:
        """Replace these days, each named once, in the table: in one transaction. Publish that they are loaded.

        Raises `Busy` when the database stays held by another process for `wait` seconds.
        """
        with self._connected(self.patience if wait is None else wait) as connection:
            connection.begin()
            for day in days:
                replace_day(connection, dataset, day)
            record(connection, dataset, days)
            connection.commit()
            loaded = loaded_days(connection, dataset)
        self._publish(dataset, lambda published: published.holding(loaded, _inode(self.path)))

    def load_details(self, dataset: str, parts: Iterable[Sequence[DayFile]], *, wait: float) -> None:
        """Fill the dataset's second table with the loaded days that it lacks, a transaction for each part.

        Do nothing if the published coverage says that it lacks none. Raises `Busy` as `load` does.
        """
        details = DATASETS[dataset].details
        if details is None or self.published(dataset).details:
            return
        for days in parts:
            with self._connected(wait) as connection:
                fill_details(connection, dataset, details, days)
        self._publish(dataset, partial(msgspec.structs.replace, details=True))

    def reconcile(self, dataset: str) -> None:
        """Publish what the database really holds. Raises `Busy` while another process holds it."""
        if not (self.path.exists() or replacement.old_database(self.path).exists()):
            return
        with self._connected(wait=0.0) as connection:
            loaded = loaded_days(connection, dataset)
        if loaded != self.published(dataset).loaded:
            self._publish(dataset, lambda published: published.holding(loaded, _inode(self.path)))

    def published(self, dataset: str, *, even_if_lost: bool = False) -> Published:
        """Read the published coverage; empty when nothing was loaded yet, or when the database is gone.

        Never opens the database. `even_if_lost` gives what a lost database was said to hold.
        """
        known = read_if_sound(self._folder.coverage(dataset), Published)
        if known is None:
            return Published()  # a lost file only means that days are loaded once more
        same = even_if_lost or known.inode == _inode(self.path)
        return known if same else known.holding({}, 0)

    def missing_bytes(self) -> int:
        """Count the bytes that the database's file lost since it was written. Never opens the database."""
        return missing_bytes(self.path, self._size)

    def mark_checked(self, dataset: str, days: Sequence[date], now: datetime) -> None:
        """Publish that these open days were compared with the chain's tip."""
        self._publish(dataset, lambda published: published.compared(days, now))

    def mark_tip(self, dataset: str, time: datetime, now: datetime, limit: timedelta) -> None:
        """Publish that the server's newest block is of this time, which is stale beyond `limit`."""
        self._publish(dataset, lambda published: published.with_tip(time, now, limit))

    def rebuild(
        self, datasets: Mapping[str, Sequence[DayFile]], needed: Mapping[str, Collection[date]] | None = None
    ) -> list[WrongDayFile]:
        """Make the database anew from day files, beside the old one, and put it in its place.

        A file whose rows disagree with its certificate is left out and handed back. Raises `LacksDays`, and keeps the
        old database, when the new one lacks a day that is `needed`.
        """
        wrong: list[WrongDayFile] = []
        loaded: dict[str, dict[date, str]] = {}
        with locked(self._lock, str(self.path), self.patience):
            fresh = Warehouse(DataFolder(self._folder.run / "rebuild"), patience=self.patience)
            replacement.remove_database(fresh.path)
            with fresh._attached(0) as connection:
                for dataset, days in datasets.items():
                    wrong += load_each(connection, dataset, days)
                    loaded[dataset] = loaded_days(connection, dataset)
            if lacking := replacement.days_lacking(needed or {}, loaded):
                replacement.remove_database(fresh.path)
                raise replacement.LacksDays(self.path, lacking, wrong)
            replacement.put_in_place(fresh.path, self.path)
            remember_size(self.path, self._size)
        for dataset, held in loaded.items():
            self._publish(dataset, partial(Published.holding, loaded=held, inode=_inode(self.path)))
        return wrong

    def _publish(self, dataset: str, change: Callable[[Published], Published]) -> None:
        with locked(self._folder.lock("coverage"), "the coverage file", self.patience):
            # What a lost database was said to hold is kept until another one is there: `health` goes by it.
            content = msgspec.json.encode(change(self.published(dataset, even_if_lost=True)))
            replace_file(self._folder.coverage(dataset), lambda aside: aside.write_bytes(content))

    @contextmanager
    def _connected(self, wait: float) -> Iterator[duckdb.DuckDBPyConnection]:
        with locked(self._lock, str(self.path), wait):
            forget_size(self._size)
            replacement.settle(self.path)
            with self._attached(wait) as connection:
                yield connection
            remember_size(self.path, self._size)

    @contextmanager
    def _attached(self, wait: float) -> Iterator[duckdb.DuckDBPyConnection]:
        import duckdb

        self._lock.parent.mkdir(parents=True, exist_ok=True)
        new = self._idle or duckdb.connect(config=_ENGINE | {"temp_directory": str(self._folder.run / "spill")})
        connection, self._idle = new, None
        try:
            attach(connection, self.path, wait)
            inode = _inode(self.path)
            if self._prepared != inode:
                connection.execute(schema_sql())
            yield connection
            connection.execute("CHECKPOINT warehouse")  # writes what was committed: a full disk is an error here
            connection.execute("DETACH warehouse")
            self._idle, self._prepared = connection, inode
        except duckdb.Error as error:
            raise StoreError(_explain(self.path, error)) from error
        finally:
            if self._idle is None:
                connection.close()


def attach(connection: duckdb.DuckDBPyConnection, path: Path, wait: float, *, read_only: bool = False) -> None:
    """Open the database file as `warehouse`, patiently: another process may hold it. Raises `Busy`.

    The connection knows the rules of which rows the tables show.
    """
    import duckdb

    connection.execute(load_sql("shown"))
    connection.execute("SET enable_progress_bar = false")  # DuckDB takes a run's process for a person's
    name = quoted(str(path.absolute()))  # a relative one may look like an address: `postgres:x`
    deadline = time.monotonic() + wait
    while True:
        try:
            connection.execute(f"ATTACH {name} AS warehouse ({'READ_ONLY' if read_only else _STORAGE})")
            return
        except duckdb.IOException as error:
            holder = re.search(r"PID (\d+)", str(error))
            if holder is None:
                raise
            if time.monotonic() >= deadline:
                who = f"process {holder[1]}"
                raise Busy(f"{path} is held open by {who}", path, who) from error
            time.sleep(_RETRY_SECONDS)


def _inode(path: Path) -> int:
    """The number of the database's file; 0 if there is none, or no database in it."""
    try:
        with path.open("rb") as file:
            return os.fstat(file.fileno()).st_ino if file.read(_MAGIC.stop)[_MAGIC] == b"DUCK" else 0
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise StoreError(_explain(path, error)) from error


def _explain(path: Path, error: duckdb.Error | OSError) -> str:
    reason = (str(error).splitlines() or ["unknown"])[0]
    return (
        f"{path} could not be used ({reason}); the day files hold everything: "
        "make room if the disk is full, otherwise run `stx-pipelines rebuild`"
    )
