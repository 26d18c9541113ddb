"""The DuckDB database and its tables, which are loaded from day files in short transactions.

The tables can be rebuilt from the files at any time. After every load the loaded days are published in a small file
beside the database, so that `status` and other readers need not open the database.
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
    first_line,
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
from stx_pipelines.store.scratch import Engine, interrupts_pass, quoted
from stx_pipelines.store.statements import load_sql, schema_sql

if TYPE_CHECKING:
    import duckdb

_RETRY_SECONDS = 0.1
_KEPT = "the day files are kept, and the next run loads them: close the database there, or wait until it is done"
_THREADS = 1  # more threads make one day slower to load and take more memory
_MEMORY = "48MB"  # enough for days of a million rows; without a limit, memory use grows with the table
_ENGINE: dict[str, str | bool | int | float | list[str]] = {
    "checkpoint_threshold": "128MB",  # no checkpoint between the days of a rebuild, which ends with a checkpoint anyway
}
# A checkpoint in the older format takes twice as long in a large table. Each checkpoint writes the last row group
# again, and a row group of the default size (122,880 rows) holds many days. No write-ahead log is needed, because after
# a crash the days are loaded from their files again, and nothing is published before a checkpoint.
_STORAGE = "STORAGE_VERSION 'v1.5.0', ROW_GROUP_SIZE 30720, RECOVERY_MODE no_wal_writes"
_MAGIC = slice(8, 12)  # bytes that read DUCK in every DuckDB file


class Warehouse:
    """The database `data/warehouse.duckdb` and the coverage files published beside it.

    `wait` is the number of seconds to wait for another process that holds the database.
    """

    def __init__(self, folder: DataFolder, *, wait: float = 60.0) -> None:
        self.path = folder.database
        self.wait = wait
        self._folder = folder
        self._lock = folder.lock("warehouse")
        self._size = folder.run / "warehouse.size.json"
        self._idle: duckdb.DuckDBPyConnection | None = None  # detached and kept, because a new connection takes 20 ms
        self._prepared = 0  # inode of the database file whose tables have been created

    def load(self, dataset: str, days: Sequence[DayFile], *, wait: float | None = None) -> None:
        """Replace the rows of these days in the table in one transaction, then publish that they are loaded.

        `days` has each day once. Raises `Busy` if another process still holds the database after `wait` seconds.
        """
        with self.connected(wait) as connection:
            is_first = not loaded_days(connection, dataset)
            connection.begin()
            for day in days:
                replace_day(connection, dataset, day)
            record(connection, dataset, days)
            connection.commit()
            loaded = loaded_days(connection, dataset)
        in_both = is_first or None  # the days loaded now are in both tables; the earlier ones as before
        self._publish(dataset, partial(Published.holding, loaded=loaded, inode=_inode(self.path), details=in_both))

    def lacks_details(self, dataset: str) -> bool:
        """Return whether the dataset's second table may lack loaded days. Never opens the database."""
        published = self.published(dataset)
        return DATASETS[dataset].details is not None and bool(published.loaded) and not published.details

    def load_details(self, dataset: str, parts: Iterable[Sequence[DayFile]], *, wait: float) -> None:
        """Load the days of each part into the dataset's second table, in one transaction per part.

        Raises `Busy` if another process still holds the database after `wait` seconds.
        """
        for days in parts:
            with self.connected(wait) as connection:
                fill_details(connection, dataset, days)
        self._publish(dataset, partial(msgspec.structs.replace, details=True))

    def reconcile(self, dataset: str) -> None:
        """Publish the days that the database holds. Raises `Busy` if another process holds the database."""
        if not (self.path.exists() or replacement.old_database(self.path).exists()):
            return
        with self.connected(wait=0.0) as connection:
            loaded = loaded_days(connection, dataset)
        if loaded != self.published(dataset).loaded:
            self._publish(dataset, partial(Published.holding, loaded=loaded, inode=_inode(self.path), details=False))

    def published(self, dataset: str, *, even_if_lost: bool = False) -> Published:
        """Return the published coverage of a dataset. Never opens the database.

        The coverage has no loaded days if the database is missing or was replaced by another file. With `even_if_lost`,
        it has the loaded days that were published for the missing database.
        """
        known = read_if_sound(self._folder.coverage(dataset), Published)
        if known is None:
            return Published()  # if the file is missing, the only effect is that days are loaded again
        same = even_if_lost or known.inode == _inode(self.path)
        return known if same else known.holding({}, 0)

    def missing_bytes(self) -> int:
        """Return the number of bytes that the database file lost since it was written. Never opens the database."""
        return missing_bytes(self.path, self._size)

    def mark_checked(self, dataset: str, days: Sequence[date], now: datetime) -> None:
        """Publish that these open days were compared with the tip and have not changed."""
        self._publish(dataset, lambda published: published.compared(days, now))

    def mark_tip(self, dataset: str, time: datetime, now: datetime, limit: timedelta) -> None:
        """Publish `time`, the time of the server's newest block. The block is stale if it is older than `limit`."""
        self._publish(dataset, lambda published: published.with_tip(time, now, limit))

    def rebuild(
        self, datasets: Mapping[str, Sequence[DayFile]], needed: Mapping[str, Collection[date]] | None = None
    ) -> list[WrongDayFile]:
        """Make a new database from day files, then replace the old database by it.

        Return the errors of the files that were left out because their rows disagree with their certificate. If the new
        database lacks a `needed` day, keep the old database and raise `LacksDays`.
        """
        wrong: list[WrongDayFile] = []
        loaded: dict[str, dict[date, str]] = {}
        with locked(self._lock, str(self.path), self.wait):
            fresh = Warehouse(DataFolder(self._folder.run / "rebuild"), wait=self.wait)
            replacement.remove_database(fresh.path)
            with interrupts_pass(), fresh._attached(0) as connection:
                for dataset, days in datasets.items():
                    wrong += load_each(connection, dataset, days)
                    loaded[dataset] = loaded_days(connection, dataset)
            if lacking := replacement.days_lacking(needed or {}, loaded):
                replacement.remove_database(fresh.path)
                raise replacement.LacksDays(self.path, lacking, wrong)
            replacement.put_in_place(fresh.path, self.path)
            remember_size(self.path, self._size)
        for dataset, held in loaded.items():
            self._publish(dataset, partial(Published.holding, loaded=held, inode=_inode(self.path), details=True))
        return wrong

    def _publish(self, dataset: str, change: Callable[[Published], Published]) -> None:
        with locked(self._folder.lock("coverage"), "the coverage file", self.wait):
            # Days of a missing database stay published until there is a new one, so that `health` reports the loss.
            content = msgspec.json.encode(change(self.published(dataset, even_if_lost=True)))
            replace_file(self._folder.coverage(dataset), lambda aside: aside.write_bytes(content))

    @contextmanager
    def connected(
        self, wait: float | None = None, *, engine: Engine | None = None
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open the database as `warehouse` for writing. Afterwards, write a checkpoint and close the database.

        `engine` is the memory and the threads to use instead of the few that loading days needs. Raises `Busy` if
        another process still holds the database after `wait` seconds (default: `self.wait`). Raises `StoreError` if the
        database cannot be used.
        """
        wait = self.wait if wait is None else wait
        with locked(self._lock, str(self.path), wait):
            forget_size(self._size)
            replacement.settle(self.path)
            with interrupts_pass(), self._attached(wait, engine) as connection:
                yield connection
            remember_size(self.path, self._size)

    @contextmanager
    def _attached(self, wait: float, engine: Engine | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
        import duckdb

        self._lock.parent.mkdir(parents=True, exist_ok=True)
        new = self._idle or duckdb.connect(config=_ENGINE | {"temp_directory": str(self._folder.run / "spill")})
        connection, self._idle = new, None
        threads, memory = (engine.threads, f"{engine.memory_mb}MB") if engine else (_THREADS, _MEMORY)
        try:
            connection.execute(f"SET threads = {threads}; SET memory_limit = '{memory}'")
            attach(connection, self.path, wait)
            inode = _inode(self.path)
            if self._prepared != inode:
                connection.execute(schema_sql())
            yield connection
            connection.execute("CHECKPOINT warehouse")  # a full disk is an error here
            connection.execute("DETACH warehouse")
            self._idle, self._prepared = connection, inode
        except duckdb.Error as error:
            raise StoreError(_explain(self.path, error)) from error
        finally:
            if self._idle is None:
                connection.close()


def attach(connection: duckdb.DuckDBPyConnection, path: Path, wait: float, *, read_only: bool = False) -> None:
    """Open the database file as `warehouse`, and define the macros of `sql/shown.sql`.

    Raises `Busy` if another process still holds the file after `wait` seconds.
    """
    import duckdb

    connection.execute(load_sql("shown"))
    connection.execute("SET enable_progress_bar = false")  # DuckDB may take a run for an interactive session
    name = quoted(str(path.absolute()))  # DuckDB would take a relative path like `postgres:x` for an address
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
                raise Busy(f"{path} is held open by {who}; {_KEPT}", who) from error
            time.sleep(_RETRY_SECONDS)


def _inode(path: Path) -> int:
    """Return the inode of the database file, 0 if it is missing or not a DuckDB file."""
    try:
        with path.open("rb") as file:
            return os.fstat(file.fileno()).st_ino if file.read(_MAGIC.stop)[_MAGIC] == b"DUCK" else 0
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise StoreError(_explain(path, error)) from error


def _explain(path: Path, error: duckdb.Error | OSError) -> str:
    reason = first_line(error)
    return (
        f"{path} could not be used ({reason}); the day files hold all its rows: "
        "make room if the disk is full, otherwise run `stx-pipelines rebuild`"
    )
