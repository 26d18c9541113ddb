"""What a run is doing now, in a small file that anybody can read while it works."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec

from stx_pipelines.store.data_folder import DataFolder
from stx_pipelines.store.files import read_if_sound, replace_file
from stx_pipelines.store.locks import holder
from stx_pipelines.version import VERSION

BETWEEN_RUNS = timedelta(minutes=2)
"""For at most so long nobody holds a dataset's lock between two runs of a daemon, or while one starts."""

_SECONDS_BETWEEN_WRITES = 0.5


class Progress(msgspec.Struct):
    """Counts since the run began. `rows` are transactions read so far, of days in hand as well."""

    pid: int
    started_at: datetime
    updated_at: datetime
    days_wanted: int
    days_done: int = 0
    days_failed: int = 0
    rows: int = 0
    requests: int = 0
    now: str = ""
    version: str | None = None
    """Of the package; None for a run of a version before 0.2.0."""

    @property
    def requests_per_minute(self) -> float:
        """The pace since the run began."""
        seconds = max(0.001, (self.updated_at - self.started_at).total_seconds())
        return self.requests * 60 / seconds


def who_works(folder: DataFolder, *datasets: str) -> str | None:
    """The process that works on one of these datasets now; None if none does."""
    locks = [*(folder.lock(dataset) for dataset in datasets), folder.lock("sync")]
    return next((process for lock in locks if (process := holder(lock))), None)


def last_report(folder: DataFolder, *datasets: str) -> Progress | None:
    """The newest report of the runs of these datasets; None when there is none."""
    reports = [report for each in datasets if (report := read_progress(folder.progress(each)))]
    return max(reports, key=lambda report: report.updated_at, default=None)


def read_progress(path: Path) -> Progress | None:
    """The last report; None when there is none."""
    return read_if_sound(path, Progress)


class Reporter:
    """Keeps the file up to date while a run lasts. Use as a context manager."""

    def __init__(self, path: Path, days_wanted: int, requests: Callable[[], int]) -> None:
        now = datetime.now(UTC)
        self.progress = Progress(os.getpid(), now, now, days_wanted, version=VERSION)
        self._path = path
        self._requests = requests
        self._lock = threading.Lock()
        self._written = 0.0

    def __enter__(self) -> Reporter:
        self._write()
        return self

    def __exit__(self, *_: object) -> None:
        self._write()

    def page(self, rows: int) -> None:
        """A page was read."""
        with self._lock:
            self.progress.rows += rows
            due = time.monotonic() - self._written > _SECONDS_BETWEEN_WRITES
        if due:
            self._write()

    def day(self, day: date, *, failed: bool) -> None:
        """A day is done, well or not."""
        if failed:
            self.progress.days_failed += 1
        else:
            self.progress.days_done += 1
        self.progress.now = day.isoformat()
        self._write()

    def _write(self) -> None:
        with self._lock:
            self._written = time.monotonic()
            self.progress.requests = self._requests()
            self.progress.updated_at = datetime.now(UTC)
            content = msgspec.json.encode(self.progress)
            replace_file(self._path, lambda aside: aside.write_bytes(content), durable=False)
