"""Ends an exchange whose time is over, or that nobody waits for any more.

A socket's own time-out bounds each wait and not their sum: a server that sends a byte now and then is never late. So
one thread looks at every exchange under way and shuts down its sockets, which wakes whoever reads or writes. It ends
by itself when nothing is under way.
"""

from __future__ import annotations

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
        self._held: list[socket.socket] = []
        self._copies: list[socket.socket] = []

    def __enter__(self) -> Exchange:
        self._until = time.monotonic() + self.seconds
        _here.exchange = self
        _watchdog.watch(self)
        return self

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> None:
        _here.exchange = None
        _watchdog.forget(self)
        self._held.clear()  # what is kept alive belongs to the next exchange
        for copy in self._copies:
            copy.close()
        if error is None or isinstance(error, Exception):
            self.check()

    def check(self) -> None:
        """Raise `Late` or `Stopped` if the exchange was ended. For work between two reads, which no socket wakes."""
        if self._ended:
            raise self._ended from None

    def hold(self, sock: socket.socket, *, copy: bool = False) -> None:
        """Shut this socket down when the exchange ends too soon; as a copy, if it is handed on to TLS meanwhile."""
        held = sock.dup() if copy else sock
        if copy:
            self._copies.append(held)
        # First held, then looked at: `look` does it the other way round, so that none is missed between the two.
        self._held.append(held)
        if self._ended:
            _shut_down(held)

    def look(self, now: float) -> None:
        """End the exchange if it is time."""
        if self._ended:
            return
        if self._stop and self._stop.is_set():
            self._ended = Stopped("nobody waits for the answer any more")
        elif now >= self._until:
            self._ended = Late(f"the answer was not whole after {self.seconds:g} s")
        else:
            return
        for sock in list(self._held):
            _shut_down(sock)


def hold(sock: socket.socket, *, copy: bool = False) -> None:
    """Let the exchange under way in this thread, if there is one, shut this socket down when it ends too soon."""
    exchange: Exchange | None = getattr(_here, "exchange", None)
    if exchange:
        exchange.hold(sock, copy=copy)


class _Watchdog:
    """The thread that looks, started when it is needed.

    Requests pass by here by the hundred a second, from many threads: nothing here waits or calls the system.
    """

    def __init__(self) -> None:
        self._under_way: set[Exchange] = set()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def watch(self, exchange: Exchange) -> None:
        """Look at this exchange from now on."""
        with self._starting:
            self._under_way.add(exchange)
            if self._thread is None or not self._thread.is_alive():  # it is not in a process that was forked
                self._thread = threading.Thread(target=self._look, name="watchdog", daemon=True)
                self._thread.start()

    def forget(self, exchange: Exchange) -> None:
        """Look at it no more."""
        self._under_way.discard(exchange)

    def _look(self) -> None:
        while True:
            time.sleep(_SECONDS_BETWEEN_LOOKS)
            with self._starting:
                under_way = list(self._under_way)
                if not under_way:
                    self._thread = None
                    return
            now = time.monotonic()
            for exchange in under_way:
                exchange.look(now)


def _shut_down(sock: socket.socket) -> None:
    with suppress(OSError):  # not connected any more, or not yet
        socket.socket.shutdown(sock, socket.SHUT_RDWR)  # not TLS's own: that takes its state from under a reader


_here = threading.local()
_watchdog = _Watchdog()
