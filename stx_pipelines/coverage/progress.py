"""The progress of a run, in a small file that other processes can read during the run."""

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
"""The longest time for which no process holds a dataset's lock between two runs of a daemon."""

_SECONDS_BETWEEN_WRITES = 0.5


class Progress(msgspec.Struct):
    """Counts since the run began. `rows` includes the rows of days that are still being read."""

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
    """The version of the package that runs; None if it is before 0.2.0."""

    @property
    def requests_per_minute(self) -> float:
        """The average number of requests per minute since the run began."""
        seconds = max(0.001, (self.updated_at - self.started_at).total_seconds())
        return self.requests * 60 / seconds


def who_works(folder: DataFolder, *datasets: str) -> str | None:
    """Return the process that syncs one of these datasets now, for example `process 123`; None if there is none."""
    locks = [*(folder.lock(dataset) for dataset in datasets), folder.lock("sync")]
    return next((process for lock in locks if (process := holder(lock))), None)


def last_report(folder: DataFolder, *datasets: str) -> Progress | None:
    """Return the newest report of the runs of these datasets; None if there is none."""
    reports = [report for each in datasets if (report := read_progress(folder.progress(each)))]
    return max(reports, key=lambda report: report.updated_at, default=None)


def read_progress(path: Path) -> Progress | None:
    """Return the report in this file; None if there is none that can be read."""
    return read_if_sound(path, Progress)


class Reporter:
    """A writer that keeps the progress file up to date during a run. Use it as a context manager."""

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
        """Count this number of rows of a page."""
        with self._lock:
            self.progress.rows += rows
            due = time.monotonic() - self._written > _SECONDS_BETWEEN_WRITES
        if due:
            self._write()

    def day(self, day: date, *, failed: bool) -> None:
        """Count a day that was stored or failed."""
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
