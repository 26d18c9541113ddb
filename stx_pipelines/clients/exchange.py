"""A time limit and a stop signal for a request and its response.

A socket's own time-out bounds each wait but not their sum: a server that sends a byte now and then never exceeds it.
So one thread checks every exchange and shuts down the sockets of those that must end, which wakes their readers and
writers. The thread ends by itself when there are no exchanges.
"""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from types import TracebackType

_SECONDS_BETWEEN_CHECKS = 0.2


class Late(Exception):
    """The response was not whole at the end of its time limit."""


class Stopped(Exception):
    """The exchange was stopped."""


class Exchange:
    """A context of `seconds` for a request and its response, connecting included. It belongs to the thread that enters.

    Raises `Late` after these seconds and `Stopped` once `stop` is set, also in place of another error or a result: a
    response that was cut off can look whole.
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
        self._held.clear()  # a connection kept alive belongs to the next exchange
        for copy in self._copies:
            copy.close()
        if error is None or isinstance(error, Exception):
            self.check()

    def check(self) -> None:
        """Raise `Late` or `Stopped` if the exchange was ended. Call it between two reads."""
        if self._ended:
            raise self._ended from None

    def hold(self, sock: socket.socket, *, copy: bool = False) -> None:
        """Shut this socket down if the exchange must end. Use a copy where the socket will be handed to TLS."""
        held = sock.dup() if copy else sock
        if copy:
            self._copies.append(held)
        # Appended first, then checked. `look` does the reverse, so that no socket is missed.
        self._held.append(held)
        if self._ended:
            _shut_down(held)

    def look(self, now: float) -> None:
        """End the exchange if its time is over or it was stopped."""
        if self._ended:
            return
        if self._stop and self._stop.is_set():
            self._ended = Stopped("the exchange was stopped")
        elif now >= self._until:
            self._ended = Late(f"the answer was not whole after {self.seconds:g} s")
        else:
            return
        for sock in list(self._held):
            _shut_down(sock)


def hold(sock: socket.socket, *, copy: bool = False) -> None:
    """Shut this socket down if the exchange of this thread must end. Does nothing without an exchange."""
    exchange: Exchange | None = getattr(_here, "exchange", None)
    if exchange:
        exchange.hold(sock, copy=copy)


class _Watchdog:
    """The thread that checks all exchanges, started when it is needed.

    Many threads call it hundreds of times a second, so nothing here blocks or makes a system call.
    """

    def __init__(self) -> None:
        self._under_way: set[Exchange] = set()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def watch(self, exchange: Exchange) -> None:
        """Check this exchange from now on."""
        with self._starting:
            self._under_way.add(exchange)
            if self._thread is None or not self._thread.is_alive():  # a forked process does not inherit it
                self._thread = threading.Thread(target=self._look, name="watchdog", daemon=True)
                self._thread.start()

    def forget(self, exchange: Exchange) -> None:
        """Stop checking this exchange."""
        self._under_way.discard(exchange)

    def _look(self) -> None:
        while True:
            time.sleep(_SECONDS_BETWEEN_CHECKS)
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
        socket.socket.shutdown(sock, socket.SHUT_RDWR)  # TLS's own method would destroy the state that a reader uses


_here = threading.local()
_watchdog = _Watchdog()
