"""The request budget of a server, shared by all threads and processes of a user on this machine, or on several."""

from __future__ import annotations

import getpass
import hashlib
import math
import re
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyrate_limiter import Limiter, Rate, SingleBucketFactory, SQLiteBucket

if TYPE_CHECKING:
    from psycopg_pool import ConnectionPool

_SECONDS_BETWEEN_CHECKS = 1.0  # of the stop signal, while waiting

_NAMED = 32  # the most characters of a server's name in a table's name, which PostgreSQL cuts at 63

SHARE = 0.98
"""The share of a limit that is used. The rest is a margin, because the server may measure time differently."""

_ENTRIES_PER_SECOND = 1_000
"""The most entries a second in the account. At a higher limit, each entry stands for several calls."""


Accounts = Callable[[], "ConnectionPool[Any] | None"]
"""A function that returns the pool of the PostgreSQL that has the accounts; None if they are files."""


class _BootClockBucket(SQLiteBucket):
    """An account of the requests sent. It uses the boot clock, which never jumps and is the same in all processes."""

    def now(self) -> int:
        return time.monotonic_ns() // 1_000_000

    def tidy(self) -> None:
        """Delete expired entries, and entries in the future, which are from before the machine's last start."""
        now = time.monotonic_ns() // 1_000_000
        self.leak(now)
        with self.lock:
            self.conn.execute(f"DELETE FROM '{self.table}' WHERE item_timestamp > ?", (now,)).close()
            self.conn.commit()


class Budget:
    """A limit on the requests or calls to a server. `spend` waits until a request may be sent.

    `requests_per_minute` spreads requests evenly over the minute. `calls_per_second` is for servers that count the
    calls inside a batch. No second has more calls, and all calls of a batch count at once. 0 means no limit.

    The requests sent are counted in a small SQLite file, the account. The file is in `folder`, by default in the
    machine's temporary folder, and is named after the server, so that a command and a daemon share it. The kernel
    releases the file's lock when a process ends.

    If `accounts` gives a pool, the account is a table of its PostgreSQL, which several machines share. There is one for
    each server and `key`, the secret for which the server counts requests. The table's name has a digest of both.
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
        name = re.sub(r"[^A-Za-z0-9.-]+", "_", server.rsplit("://", maxsplit=1)[-1]).strip("_")
        self._file = (folder or _account_folder()) / f"budget-{name}.sqlite"
        self._accounts = accounts
        self._table = f"{name[:_NAMED]}_{hashlib.sha256(f'{name} {key}'.encode()).hexdigest()[:12]}"
        self._turn = threading.Lock()
        self._paused_until = 0.0
        self._is_lowered = False
        self._limiter = self._open()

    def _open(self) -> Limiter | None:
        if self.calls_per_second:
            rate = Rate(self._entries(self.calls_per_second), round(1_000 / SHARE))
        elif self.requests_per_minute:
            rate = spacing(self.requests_per_minute)
        else:
            return None
        if pool := self._accounts():
            from stx_pipelines.clients.shared_account import SharedAccount  # its driver is an extra

            shared = SharedAccount(pool, self._table, [rate])
            return Limiter(SingleBucketFactory(shared, schedule_leak=False), buffer_ms=0)
        self._file.parent.mkdir(parents=True, exist_ok=True)
        bucket = _BootClockBucket.init_from_file([rate], db_path=str(self._file), use_file_lock=True)
        assert isinstance(bucket, _BootClockBucket)  # the library's annotation names only the base class
        bucket.tidy()
        return Limiter(bucket, buffer_ms=0)

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
            while self._limiter is not None and not stop.is_set():
                if self._limiter.try_acquire("request", self._entries(cost), timeout=_SECONDS_BETWEEN_CHECKS):
                    return

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
    return Path(tempfile.gettempdir()) / f"stx_pipelines-{getpass.getuser()}"
