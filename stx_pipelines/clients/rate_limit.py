"""The request budget: one for every thread and every process on this machine that asks the same server."""

from __future__ import annotations

import getpass
import math
import re
import tempfile
import threading
import time
from pathlib import Path

from pyrate_limiter import Limiter, Rate, SQLiteBucket

_SECONDS_BETWEEN_LOOKS = 1.0  # at the stop signal, while waiting for a place

SHARE = 0.98
"""How much of the limit is used: the rest absorbs what the server measures differently."""

_ENTRIES_PER_SECOND = 1_000
"""The account has a line per unit spent. Where calls come faster, a line stands for several."""


class _BootClockBucket(SQLiteBucket):
    """Counts on a clock that never jumps and that all processes share."""

    def now(self) -> int:
        return time.monotonic_ns() // 1_000_000

    def tidy(self) -> None:
        """Forget what is over, and what lies in the future: the clock began anew when the machine was started."""
        now = time.monotonic_ns() // 1_000_000
        self.leak(now)
        with self.lock:
            self.conn.execute(f"DELETE FROM '{self.table}' WHERE item_timestamp > ?", (now,)).close()
            self.conn.commit()


class Budget:
    """`spend` returns when a request may be sent. A limit of 0 means no limit.

    `requests_per_minute` are spread evenly. `calls_per_second` is for servers that count the calls inside a batch:
    any second has at most so many, and a batch is spent as a whole.

    The account is a small SQLite file behind a file lock that the kernel frees when a process dies; it lives in
    the machine's temporary folder, named after the server, so that a command and a daemon share it.
    """

    def __init__(
        self, server: str, requests_per_minute: int = 0, folder: Path | None = None, *, calls_per_second: int = 0
    ) -> None:
        self.requests_per_minute = requests_per_minute
        self.calls_per_second = calls_per_second
        self._calls_per_entry = max(1, math.ceil(calls_per_second / _ENTRIES_PER_SECOND))
        name = re.sub(r"[^A-Za-z0-9.-]+", "_", server.rsplit("://", maxsplit=1)[-1]).strip("_")
        self._file = (folder or _account_folder()) / f"budget-{name}.sqlite"
        self._turn = threading.Lock()
        self._paused_until = 0.0
        self._limiter = self._open()

    def _open(self) -> Limiter | None:
        if self.calls_per_second:
            rate = Rate(self._entries(self.calls_per_second), round(1_000 / SHARE))
        elif self.requests_per_minute:
            rate = spacing(self.requests_per_minute)
        else:
            return None
        self._file.parent.mkdir(parents=True, exist_ok=True)
        bucket = _BootClockBucket.init_from_file([rate], db_path=str(self._file), use_file_lock=True)
        assert isinstance(bucket, _BootClockBucket)  # the library's own annotation forgets the subclass
        bucket.tidy()
        return Limiter(bucket, buffer_ms=0)

    def spend(self, stop: threading.Event, cost: int = 1) -> None:
        """Wait for a free place for a request of `cost` calls; return early when `stop` is set.

        Raises ValueError for more calls than ever fit.
        """
        if self.calls_per_second and cost > self.calls_per_second:
            raise ValueError(f"{cost} calls at once never fit into {self.calls_per_second} a second")
        # One thread at a time waits: late wake-ups of a crowd would waste places.
        with self._turn:
            while (pause := self._paused_until - time.monotonic()) > 0 and not stop.is_set():
                stop.wait(pause)
            while self._limiter is not None and not stop.is_set():
                if self._limiter.try_acquire("request", self._entries(cost), timeout=_SECONDS_BETWEEN_LOOKS):
                    return

    def _entries(self, calls: int) -> int:
        return math.ceil(calls / self._calls_per_entry)

    def pause(self, seconds: float) -> None:
        """Let every thread of this process rest, because the server said so."""
        self._paused_until = max(self._paused_until, time.monotonic() + seconds)

    def lower_to(self, requests_per_minute: int) -> None:
        """Adopt a limit the server announced, if it is lower than ours."""
        if self._limiter is None or requests_per_minute >= self.requests_per_minute:
            return
        with self._turn:
            self.requests_per_minute = requests_per_minute
            self._limiter = self._open()


def spacing(requests_per_minute: int) -> Rate:
    """Requests evenly over the minute; in small groups where single ones would be under 100 ms apart."""
    group = max(1, round(requests_per_minute * SHARE / 600))
    interval_ms = round(60_000 * group / (requests_per_minute * SHARE))
    return Rate(group, interval_ms - 1)  # the limiter's window includes both its ends


def _account_folder() -> Path:
    return Path(tempfile.gettempdir()) / f"stx_pipelines-{getpass.getuser()}"
