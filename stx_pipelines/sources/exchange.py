"""Ends an exchange whose time is over, or that nobody waits for any more.

A socket's own time-out bounds each wait and not their sum: a server that sends a byte now and then is never late. So
one thread looks at every exchange under way and shuts down its sockets, which wakes whoever reads or writes. It ends
by itself when nothing is under way.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from contextlib import suppress
from types import TracebackType

_SECONDS_BETWEEN_LOOKS = 0.2


class Late(Exception):
    """The answer was not whole when the time of its exchange was over."""


class Stopped(Exception):
    """Nobody waits for the answer any more."""


class Exchange:
    """A question and its answer, as a context of the thread that asks: `seconds` for all of it, from the connection on.

    Raises `Late` when they are over and `Stopped` when `stop` is set meanwhile, whatever else went wrong or right: an
    answer that was cut off can look whole.
    """

    def __init__(self, seconds: float, stop: threading.Event | None = None) -> None:
        self.seconds = seconds
        self._stop = stop
        self._until = 0.0
        self._ended: Late | Stopped | None = None
        self._held: list[int] = []

    def __enter__(self) -> Exchange:
        self._until = time.monotonic() + self.seconds
        _here.exchange = self
        _watchdog.watch(self)
        return self

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> None:
        _here.exchange = None
        _watchdog.forget(self)
        for handle in self._held:
            os.close(handle)
        if error is None or isinstance(error, Exception):
            self.check()

    def check(self) -> None:
        """Raise `Late` or `Stopped` if the exchange was ended. For work between two reads, which no socket wakes."""
        if self._ended:
            raise self._ended from None

    def hold(self, sock: socket.socket) -> None:
        """Shut this socket down when the exchange ends too soon. Any thread but this one may do so."""
        # A handle of its own: TLS takes the socket's away, and a number that was closed may be another's already.
        handle = os.dup(sock.fileno())
        with _watchdog.turn:
            self._held.append(handle)
            if self._ended:
                _shut_down(handle)

    def look(self, now: float) -> None:
        """End the exchange if it is time. The caller has the watchdog's turn."""
        if self._ended:
            return
        if self._stop and self._stop.is_set():
            self._ended = Stopped("nobody waits for the answer any more")
        elif now >= self._until:
            self._ended = Late(f"the answer was not whole after {self.seconds:g} s")
        else:
            return
        for handle in self._held:
            _shut_down(handle)


def hold(sock: socket.socket) -> None:
    """Let the exchange under way in this thread, if there is one, shut this socket down when it ends too soon."""
    exchange: Exchange | None = getattr(_here, "exchange", None)
    if exchange:
        exchange.hold(sock)


class _Watchdog:
    """The thread that looks, started when it is needed; `turn` keeps a handle open while it is shut down."""

    def __init__(self) -> None:
        self.turn = threading.Lock()
        self._under_way: set[Exchange] = set()
        self._thread: threading.Thread | None = None

    def watch(self, exchange: Exchange) -> None:
        """Look at this exchange from now on."""
        with self.turn:
            self._under_way.add(exchange)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._look, name="watchdog", daemon=True)
                self._thread.start()

    def forget(self, exchange: Exchange) -> None:
        """Look at it no more."""
        with self.turn:
            self._under_way.discard(exchange)

    def _look(self) -> None:
        while True:
            time.sleep(_SECONDS_BETWEEN_LOOKS)
            with self.turn:
                if not self._under_way:
                    self._thread = None
                    return
                now = time.monotonic()
                for exchange in self._under_way:
                    exchange.look(now)


def _shut_down(handle: int) -> None:
    with suppress(OSError), socket.socket(fileno=os.dup(handle)) as sock:  # not connected any more, or not yet
        sock.shutdown(socket.SHUT_RDWR)


_here = threading.local()
_watchdog = _Watchdog()
