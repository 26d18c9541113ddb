"""A clock that only moves when code waits, and the entries of a budget's account."""

from __future__ import annotations

import sqlite3
import tempfile
import threading
from bisect import bisect_left
from contextlib import closing
from pathlib import Path

import pytest
from pyrate_limiter import limiter

from stx_pipelines.clients import http as http_module
from stx_pipelines.clients import rate_limit as budget_module


class Clock:
    """A stand-in for the module `time`. Only sleeping moves it."""

    def __init__(self) -> None:
        """Start a wall clock that is not on a whole second, and a boot clock."""
        self.start = 10**15
        self.wall = 2_000_000_000.25
        self.ns = self.start
        self.sleeps: list[float] = []

    @property
    def waited(self) -> float:
        """Seconds waited since the start."""
        return (self.ns - self.start) / 10**9

    def monotonic_ns(self) -> int:
        return self.ns

    def monotonic(self) -> float:
        return self.ns / 10**9

    def time(self) -> float:
        return self.wall + self.waited

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.ns += round(seconds * 10**9)

    def govern(self, patch: pytest.MonkeyPatch) -> None:
        """Become the clock of every budget and every client."""
        patch.setattr(budget_module, "time", self)
        patch.setattr(http_module, "time", self)
        patch.setattr(limiter, "monotonic", self.monotonic)
        patch.setattr(limiter, "sleep", self.sleep)


class Stop(threading.Event):
    """A stop signal; waiting for it takes imaginary time. It is set at the wait after `ends` waits."""

    def __init__(self, clock: Clock, ends: int | None = None) -> None:
        super().__init__()
        self.clock = clock
        self.ends = ends

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None, "this would wait for ever"
        if self.ends is not None and len(self.clock.sleeps) >= self.ends:
            self.set()
        elif not self.is_set():
            self.clock.sleep(timeout)
        return self.is_set()


def the_account() -> Path:
    """Return the test's only account, at a budget's default place."""
    [account] = Path(tempfile.gettempdir()).glob("*/budget-*.sqlite")
    return account


def keep_grants(account: Path) -> None:
    """Make an account record every entry permanently; a budget deletes old ones."""
    account.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(account)) as connection:
        connection.executescript(
            """
            CREATE TABLE IF NOT EXISTS rate_bucket (name VARCHAR, item_timestamp INTEGER);
            CREATE TABLE granted (moment INTEGER);
            CREATE TRIGGER keep AFTER INSERT ON rate_bucket BEGIN INSERT INTO granted VALUES (new.item_timestamp); END;
            """
        )


def grants(account: Path) -> list[int]:
    """Return the times of all entries in milliseconds, of every thread and process."""
    with closing(sqlite3.connect(account)) as connection:
        return [moment for (moment,) in connection.execute("SELECT moment FROM granted ORDER BY moment")]


def busiest(moments: list[int], milliseconds: float) -> int:
    """Return the most entries in any window of this length, one of its ends included."""
    return max(bisect_left(moments, first + milliseconds) - n for n, first in enumerate(moments))
