"""The request budget of a server, shared by all threads and processes of a user on this machine, or on several."""

from __future__ import annotations

import hashlib
import logging
import math
import os
import re
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from filelock import FileLock, Timeout
from pyrate_limiter import Limiter, Rate, SingleBucketFactory, SQLiteBucket

if TYPE_CHECKING:
    from psycopg_pool import ConnectionPool

log = logging.getLogger(__name__)

_SECONDS_BETWEEN_CHECKS = 1.0  # of the stop signal, while waiting
_LOCK_SECONDS = 10.0  # the longest wait for the lock of an account, which is held for milliseconds
_LONGEST_NAME = 100

_NAMED = 32  # the most characters of a server's name in a table's name, which PostgreSQL cuts at 63

SHARE = 0.98
"""The share of a limit that is used. The rest is a margin, because the server may measure time differently."""

_ENTRIES_PER_SECOND = 1_000
"""The most entries a second in the account. At a higher limit, each entry stands for several calls."""


Accounts = Callable[[], "ConnectionPool[Any] | None"]
"""A function that returns the pool of the PostgreSQL that has the accounts; None if they are files."""

_DAMAGED = {
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_ERROR,  # other tables or columns
    sqlite3.SQLITE_READONLY,  # the file was deleted or may not be written
}
"""The codes of SQLite's errors after which an account is made anew."""


class _Account(SQLiteBucket):
    """A file of the requests sent. It uses the boot clock, which never jumps and is the same in all processes."""

    lock: Any  # the library's annotation allows only a lock of threads

    @classmethod
    def open(cls, file: Path, rate: Rate) -> Self:
        """Open the account in `file`. Make a damaged one anew. Raises `OSError` and `sqlite3.Error`."""
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if file.parent.lstat().st_uid != os.geteuid():
            raise PermissionError(f"{file.parent} belongs to another user")
        lock = FileLock(f"{file}.lock", timeout=_LOCK_SECONDS)
        with lock:
            try:
                return cls._opened(file, rate, lock)
            except sqlite3.Error as error:
                if error.sqlite_errorcode & 0xFF not in _DAMAGED:
                    raise
                log.warning("%s is damaged (%s): it is made anew", file, error)
                for end in ("", "-wal", "-shm"):
                    Path(f"{file}{end}").unlink(missing_ok=True)
                return cls._opened(file, rate, lock)

    @classmethod
    def _opened(cls, file: Path, rate: Rate, lock: FileLock) -> Self:
        account = cls.init_from_file([rate], db_path=str(file))
        assert isinstance(account, cls)  # the library's annotation names only the base class
        account.lock, account.use_limiter_lock = lock, True  # the library's own lock waits without a limit
        account.conn.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL")
        account.tidy()
        return account

    def now(self) -> int:
        return time.monotonic_ns() // 1_000_000

    def check_lock(self) -> None:
        """Raise `Timeout`, which is an `OSError`, if another process keeps the lock for long."""
        with self.lock:
            pass

    def leak(self, current_timestamp: int | None = None) -> int:
        """Delete expired entries. The library does this now and then in a thread, where an error has no reader."""
        with suppress(OSError, sqlite3.Error):  # the next request meets the same error
            return super().leak(current_timestamp)
        return 0

    def tidy(self) -> None:
        """Delete expired entries, and entries in the future, which are from before the machine's last start."""
        now = self.now()
        super().leak(now)
        with self.lock:
            self.conn.execute(f"DELETE FROM '{self.table}' WHERE item_timestamp > ?", (now,)).close()
            self.conn.commit()


class Budget:
    """A limit on the requests or calls to a server. `spend` waits until a request may be sent.

    `requests_per_minute` spreads requests evenly over the minute. `calls_per_second` is for servers that count the
    calls inside a batch. No second has more calls, and all calls of a batch count at once. 0 means no limit.

    The requests sent are counted in a small SQLite file, the account. The file is in `folder`, by default in a folder
    of this user in the machine's temporary folder. It is named after the server and the `key` by which the server knows
    its caller, so that a command and a daemon share it. The kernel releases the file's lock when a process ends. If the
    file cannot be used, this process counts only its own requests, and the log says so.

    If `accounts` gives a pool, the account is a table of its PostgreSQL, which several machines share. The table's name
    has a digest of the server and the key.
    """

    def __init__(
        self,
        server: str,
        requests_per_minute: int = 0,
        folder: Path | None = None,
        *,
        calls_per_second: int = 0,
        accounts: Accounts = lambda: None,
        key: str = "",
    ) -> None:
        self.requests_per_minute = requests_per_minute
        self.calls_per_second = calls_per_second
        self._calls_per_entry = max(1, math.ceil(calls_per_second / _ENTRIES_PER_SECOND))
        self._server, self._key, self._accounts = server, key, accounts
        name = re.sub(r"[^A-Za-z0-9.-]+", "_", server.rsplit("://", maxsplit=1)[-1]).strip("_")[:_LONGEST_NAME]
        whose = f"-{hashlib.sha256(key.encode()).hexdigest()[:8]}" if key else ""
        self._file = (folder or _account_folder()) / f"budget-{name}{whose}.sqlite"
        self._table = f"{name[:_NAMED]}_{hashlib.sha256(f'{name} {key}'.encode()).hexdigest()[:12]}"
        self._turn = threading.Lock()
        self._paused_until = 0.0
        self._is_lowered = False
        self._limiter = self._open()

    def part(self, name: str, requests_per_minute: int) -> Budget:
        """Return a smaller budget of its own for some of the requests to the same server."""
        return Budget(
            f"{self._server}-{name}", requests_per_minute, self._file.parent, accounts=self._accounts, key=self._key
        )

    def _open(self) -> Limiter | None:
        rate = self._rate()
        if rate is None:
            return None
        if pool := self._accounts():
            from stx_pipelines.clients.shared_account import SharedAccount  # its driver is an extra

            shared = SharedAccount(pool, self._table, [rate])
            return Limiter(SingleBucketFactory(shared, schedule_leak=False), buffer_ms=0)
        try:
            return Limiter(_Account.open(self._file, rate), buffer_ms=0)
        except (OSError, sqlite3.Error) as error:
            return self._alone(rate, error)

    def _rate(self) -> Rate | None:
        if self.calls_per_second:
            return Rate(self._entries(self.calls_per_second), round(1_000 / SHARE))
        return spacing(self.requests_per_minute) if self.requests_per_minute else None

    def _alone(self, rate: Rate, error: Exception) -> Limiter:
        """Return a limiter that counts only the requests of this process, because the account cannot be used."""
        held = f"another process keeps {error.lock_file} locked" if isinstance(error, Timeout) else ""
        log.warning(
            "%s cannot be used (%s), so this process counts only its own requests until it starts again",
            self._file,
            held or error,
        )
        return Limiter(rate, buffer_ms=0)

    def spend(self, stop: threading.Event, cost: int = 1) -> None:
        """Wait until a request of `cost` calls may be sent. Return early when `stop` is set.

        Raises ValueError if `cost` exceeds `calls_per_second`. A limit that was lowered is spent as a whole by batches
        that are larger.
        """
        # Only one thread waits for the account. Several would wake up late and leave a part of the budget unused.
        with self._turn:
            if self._is_lowered:
                cost = min(cost, self.calls_per_second)
            if self.calls_per_second and cost > self.calls_per_second:
                raise ValueError(f"{cost} calls at once exceed the limit of {self.calls_per_second} a second")
            while (pause := self._paused_until - time.monotonic()) > 0 and not stop.is_set():
                stop.wait(pause)
            errors = 0
            while self._limiter is not None and not stop.is_set():
                try:
                    if self._take(self._limiter, self._entries(cost)):
                        return
                except (OSError, sqlite3.Error) as error:
                    errors += 1
                    rate = self._rate()
                    self._limiter = self._alone(rate, error) if rate and errors > 1 else self._open()

    def _take(self, limiter: Limiter, entries: int) -> bool:
        """Return whether the entries were added in time. Raises `OSError` and `sqlite3.Error`."""
        if limiter.try_acquire("request", entries, timeout=_SECONDS_BETWEEN_CHECKS):
            return True
        for bucket in limiter.buckets():
            if isinstance(bucket, _Account):
                bucket.check_lock()  # the limiter does not tell a lock held by another process from a used-up budget
        return False

    def charge(self, requests: int) -> None:
        """Pause this process for as long as these requests would take, because a request cost more than one."""
        if self.requests_per_minute:
            self.pause(60 / self.requests_per_minute * requests)

    def _entries(self, calls: int) -> int:
        return math.ceil(calls / self._calls_per_entry)

    def pause(self, seconds: float) -> None:
        """Pause all requests of this process for this time. Called when the server demands a pause."""
        self._paused_until = max(self._paused_until, time.monotonic() + seconds)

    def lower_to(self, requests_per_minute: int) -> None:
        """Use the limit that the server reported if it is lower than the current limit."""
        if self._limiter is None or requests_per_minute >= self.requests_per_minute:
            return
        with self._turn:
            self.requests_per_minute = requests_per_minute
            self._limiter = self._open()

    def lower_calls_to(self, calls_per_second: int) -> bool:
        """Adopt a number of calls a second that the server reported; return False if the current one is no higher."""
        with self._turn:
            if 0 < self.calls_per_second <= calls_per_second:
                return False
            self._is_lowered, self.calls_per_second = True, calls_per_second
            self._calls_per_entry = max(1, math.ceil(calls_per_second / _ENTRIES_PER_SECOND))
            self._limiter = self._open()
            return True


def spacing(requests_per_minute: int) -> Rate:
    """Return a rate that spreads requests evenly. It allows them in small groups at least about 100 ms apart."""
    group = max(1, round(requests_per_minute * SHARE / 600))
    interval_ms = round(60_000 * group / (requests_per_minute * SHARE))
    return Rate(group, interval_ms - 1)  # the limiter's window includes its start and its end


def _account_folder() -> Path:
    return Path(tempfile.gettempdir()) / f"stx_pipelines-{os.getuid()}"
