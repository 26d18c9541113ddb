"""A clock that moves only when code waits, and functions that read the account of a budget."""

from __future__ import annotations

import sqlite3
import tempfile
import threading
from bisect import bisect_left
from contextlib import closing
from pathlib import Path

import pytest
from pyrate_limiter import limiter

from stx_pipelines.clients import judgement as judgement_module
from stx_pipelines.clients import rate_limit as budget_module


class Clock:
    """A replacement for the module `time`. Its time moves only when code sleeps."""

    def __init__(self) -> None:
        """Start the boot clock, and the wall clock at a time that is not a whole second."""
        self.start = 10**15
        self.wall = 2_000_000_000.25
        self.ns = self.start
        self.sleeps: list[float] = []

    @property
    def waited(self) -> float:
        """The seconds waited since the start."""
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
        """Replace the clock of every budget and every client by this one."""
        patch.setattr(budget_module, "time", self)
        patch.setattr(judgement_module, "time", self)
        patch.setattr(limiter, "monotonic", self.monotonic)
        patch.setattr(limiter, "sleep", self.sleep)


class Stop(threading.Event):
    """A stop signal on this clock. It is set at the first wait after `ends` waits, or never if `ends` is None."""

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
    """Return the path of the test's only account, in a budget's default folder."""
    [account] = Path(tempfile.gettempdir()).glob("*/budget-*.sqlite")
    return account


def keep_grants(account: Path) -> None:
    """Make an account keep a copy of every entry, because a budget deletes old entries."""
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
    """Return the times in milliseconds of all entries that were kept, from every thread and process."""
    with closing(sqlite3.connect(account)) as connection:
        return [moment for (moment,) in connection.execute("SELECT moment FROM granted ORDER BY moment")]


def busiest(moments: list[int], milliseconds: float) -> int:
    """Return the largest number of entries in any window of this length. A window includes only its start."""
    return max(bisect_left(moments, first + milliseconds) - n for n, first in enumerate(moments))
