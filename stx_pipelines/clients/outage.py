"""The wait of a `sync` for a server that stopped responding. All threads and clients of the command share it.

Requests stay in the hands of their threads during the wait and are sent again after it, so that no page is lost.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from stx_pipelines.clients.errors import ApiError, Denied, RateLimited, Unreachable

FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(minutes=5)
_BETWEEN_LINES = timedelta(minutes=10)
_LONGEST_DENIAL = timedelta(minutes=15)
_SECONDS_BETWEEN_CHECKS = 0.2  # of the stop signal, while another thread waits for the server

OnWait = Callable[[datetime | None], None]
"""Called with the start of the outage before each pause, and with None once the server responds again."""


@dataclass
class Outage:
    """The wait for the server `name`, which lasts `longest` at most, and 15 minutes after a response of 401 or 403.

    `probe` sends a small request. `tell` prints a line. There is no wait before the first answer of the server, and
    none while `on_wait` is None. `has_answered` is true once the server gave a usable response to any client.
    """

    name: str
    longest: timedelta
    probe: Callable[[threading.Event], object]
    tell: Callable[[str], None]
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Callable[[threading.Event, float], object] = threading.Event.wait
    on_wait: OnWait | None = None
    has_answered: bool = field(default=False, init=False)
    _since: datetime | None = field(default=None, init=False)
    _ended: int = field(default=0, init=False)  # the number of outages that are over
    _turn: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def answered(self) -> None:
        """Note that the server gave a usable response to a request."""
        self.has_answered = True
        self._since = None

    def is_over(self, trouble: ApiError, stop: threading.Event, *, is_first: bool) -> bool:
        """Wait until the server responds again. Return whether the request may be sent again.

        Return False if the server responds to other requests, or if the wait was too long. Even if it responds,
        return True for a request whose attempts have just ended for the first time (`is_first`), because the server
        may have been away during all of them.
        """
        if self.on_wait is None or not self.has_answered or not self.longest:
            return False
        before = self._ended
        while not self._turn.acquire(timeout=_SECONDS_BETWEEN_CHECKS):
            if stop.is_set():
                return False
        try:
            return self._ended > before or self._wait(trouble, stop, self.on_wait, is_first=is_first)
        finally:
            self._turn.release()

    def _wait(self, trouble: ApiError, stop: threading.Event, on_wait: OnWait, *, is_first: bool) -> bool:
        if self._responds(stop):
            return is_first
        began = self._since = self._since or self.clock()
        longest = min(self.longest, _LONGEST_DENIAL) if isinstance(trouble, Denied) else self.longest
        said, pause = None, FIRST_PAUSE
        while (now := self.clock()) < began + longest and not stop.is_set():
            if said is None or now - said >= _BETWEEN_LINES:
                self._say(trouble, began, longest, again=said is not None)
                said = now
            on_wait(began)
            self.sleep(stop, min(pause, began + longest - now).total_seconds())
            pause = min(pause * 2, LONGEST_PAUSE)
            if self._responds(stop):
                on_wait(None)
                self._ended += 1
                self.tell(f"{self.name} responds again")
                return True
        return False

    def _responds(self, stop: threading.Event) -> bool:
        try:
            self.probe(stop)
        except (Unreachable, Denied, RateLimited):
            return False
        except ApiError:
            return True  # the server itself refused the request
        return True

    def _say(self, trouble: ApiError, began: datetime, longest: timedelta, *, again: bool) -> None:
        if again:
            self.tell(f"still {waiting_sentence(self.name, began)}")
            return
        self.tell(
            f"{trouble}; {waiting_sentence(self.name, began)}, until {began + longest:%Y-%m-%d %H:%M} UTC at most; "
            "what was read is kept"
        )


def waiting_sentence(name: str, since: datetime) -> str:
    """Return what a waiting `sync` does. `name` is the server."""
    return f"waiting for the server {name} since {since:%Y-%m-%d %H:%M} UTC"
