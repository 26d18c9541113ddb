"""The number of readers at work, which follows the request budget and the measured response times."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import ceil
from typing import NamedTuple

from stx_pipelines.clients.http import Http

FEWEST = 8
FIRST = 24  # without a budget, until the first responses are measured
MOST_READERS = 64
_PAGES = 3  # of each reader in a round
_GROWTH = 5 / 3  # in two rounds from 24 to 64
_PAYS = 1.2  # growth that raises the rate less does not pay
_SPARE = 1.5  # so that readers already wait when the budget allows the next request


class Round(NamedTuple):
    """What a number of `readers` achieved: the mean time of a response, and how many requests had to be repeated."""

    readers: int
    seconds: float
    repeated: int = 0

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.readers / self.seconds


def next_count(now: Round, before: Round, per_second: float) -> int:
    """Return the number of readers for the next round. `per_second` is the budget in requests; 0 means no limit.

    By Little's law, the number of requests under way is their rate times the time of a response. A budget gives the
    rate. Without a budget, the number grows while the rate does, which is tried again after a round without a change.
    """
    if now.repeated:  # the server refuses requests or is too slow
        wanted = min(now.readers, FIRST)
    elif per_second:
        wanted = ceil(_SPARE * per_second * now.seconds)
    elif now.readers > before.readers and now.rate < _PAYS * before.rate:
        wanted = before.readers
    elif now.readers < before.readers:
        wanted = now.readers
    else:
        wanted = ceil(_GROWTH * now.readers)
    return min(MOST_READERS, max(FEWEST, wanted))


@dataclass
class ReaderCount:
    """The number of readers of one run, `now`. `fixed` keeps it as it is; None lets it follow the responses of `http`.

    There are `threads` readers. Those above `now` wait for a turn.
    """

    http: Http
    fixed: int | None = None
    now: int = field(init=False)
    threads: int = field(init=False)
    _busy: int = field(default=0, init=False)
    _changed: threading.Condition = field(default_factory=threading.Condition, init=False, repr=False)

    def __post_init__(self) -> None:
        self.now = self.fixed or (FEWEST if self.http.budget.requests_per_minute else FIRST)
        self.threads = self.fixed or MOST_READERS
        self._before = Round(self.now, 1)
        self._begin_round()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait until fewer than `now` readers are at work, and work until the block ends."""
        with self._changed:
            self._changed.wait_for(lambda: self._busy < self.now)
            self._busy += 1
        try:
            yield
        finally:
            with self._changed:
                self._busy -= 1
                self._changed.notify()

    def follow(self) -> None:
        """Change the number if a round is over. Call this after each page."""
        if self.fixed:
            return
        with self._changed:
            usable = self.http.usable - self._usable
            if usable < _PAGES * self.now:
                return
            ended = Round(self.now, (self.http.seconds - self._seconds) / usable, self.http.repeated - self._repeated)
            self.now = next_count(ended, self._before, self.http.budget.requests_per_minute / 60)
            self._before = ended
            self._begin_round()
            self._changed.notify_all()

    def _begin_round(self) -> None:
        self._usable, self._seconds, self._repeated = self.http.usable, self.http.seconds, self.http.repeated
