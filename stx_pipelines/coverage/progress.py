"""The progress of a run, which other processes can read during the run."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import msgspec

from stx_pipelines.chains.clock import is_past
from stx_pipelines.store.locks import process_name
from stx_pipelines.store.shared import SYNC, Shared
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
    waiting_since: datetime | None = None
    """The start of an outage of the server for whose end the run waits; None if it does not wait."""
    waiting_for: str | None = None
    """The name of that server."""
    waited_until: datetime | None = None
    """The end of the run's last wait; None if it has not waited."""
    host: str | None = None
    """The machine of the run; None without STX_SHARED_URL, because all runs are on this machine then."""

    @property
    def process(self) -> str:
        """The name of the run's process, as the holder of a lock is named."""
        return process_name(self.host, pid=self.pid)

    @property
    def requests_per_minute(self) -> float:
        """The average number of requests per minute since the run began."""
        seconds = max(0.001, (self.updated_at - self.started_at).total_seconds())
        return self.requests * 60 / seconds


def who_works(shared: Shared, *datasets: str) -> str | None:
    """Return the process that syncs one of these datasets now, for example `process 123`; None if there is none.

    A command that holds the lock of a dataset but fetches nothing is returned too, as `` `rebuild` (process 123) ``.
    """
    return next((process for name in (*datasets, SYNC) if (process := shared.holder(name))), None)


def last_report(shared: Shared, *datasets: str) -> Progress | None:
    """Return the newest report of the runs of these datasets that is not in the future; None if there is none."""
    now = datetime.now(UTC)
    found = (report for report in reports(shared, *datasets) if is_past(report.updated_at, now))
    return max(found, key=lambda report: report.updated_at, default=None)


def waiting_run(shared: Shared, *datasets: str) -> Progress | None:
    """Return the report of the run of these datasets that waits for its server now; None if there is none."""
    running = who_works(shared, *datasets)
    return next((r for r in reports(shared, *datasets) if r.waiting_since and running == r.process), None)


def reports(shared: Shared, *datasets: str) -> list[Progress]:
    """Return the reports of the runs of these datasets."""
    return [report for each in datasets if (report := shared.reported(each, Progress))]


def waiting_words(report: Progress) -> str:
    """Return what a waiting run does."""
    assert report.waiting_since is not None
    return f"waiting for the server since {report.waiting_since:%Y-%m-%d %H:%M} UTC ({report.waiting_for})"


class Reporter:
    """A writer that keeps the progress of a dataset up to date during a run. Use it as a context manager."""

    def __init__(self, shared: Shared, dataset: str, days_wanted: int, requests: Callable[[], int]) -> None:
        now = datetime.now(UTC)
        self.progress = Progress(os.getpid(), now, now, days_wanted, version=VERSION, host=shared.host)
        self._shared, self._dataset = shared, dataset
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

    def waiting(self, since: datetime | None, server: str) -> None:
        """Report that the run waits for the server since this time; None means that it does not wait any more."""
        with self._lock:
            if self.progress.waiting_since and not since:
                self.progress.waited_until = datetime.now(UTC)
            self.progress.waiting_since, self.progress.waiting_for = since, server if since else None
        self._write()

    def _write(self) -> None:
        with self._lock:
            self._written = time.monotonic()
            self.progress.requests = self._requests()
            self.progress.updated_at = datetime.now(UTC)
            self._shared.report(self._dataset, self.progress)
