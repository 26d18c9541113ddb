"""A time limit and a stop signal for an exchange, which is a request and its response.

A socket's time-out limits each wait but not the sum of all waits. A server that sends one byte now and then never
exceeds it. Therefore one thread, the watchdog, checks all exchanges. It shuts down the sockets of an exchange that
must end, so that blocked reads and writes return. The watchdog ends when there are no exchanges.
"""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from types import TracebackType

_SECONDS_BETWEEN_CHECKS = 0.2


class Late(Exception):
    """The response was not whole when the time limit ended."""


class Stopped(Exception):
    """The stop signal ended the exchange."""


class Exchange:
    """A context manager that ends a request and its response after `seconds`. The time includes connecting.

    It belongs to the thread that enters it. It raises `Late` after these seconds and `Stopped` once `stop` is set.
    These replace any other error or result, because a response that was cut off can look whole.
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
        """Raise `Late` or `Stopped` if the watchdog ended the exchange. Call this between two reads."""
        if self._ended:
            raise self._ended from None

    def hold(self, sock: socket.socket, *, copy: bool = False) -> None:
        """Shut this socket down if the exchange must end. Pass `copy` if TLS will take over the socket."""
        held = sock.dup() if copy else sock
        if copy:
            self._copies.append(held)
        # Append first, then read `_ended`. `look` works in the reverse order, so that no socket is missed.
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
            self._ended = Late(f"the response was not whole after {self.seconds:g} s")
        else:
            return
        for sock in list(self._held):
            _shut_down(sock)


def hold(sock: socket.socket, *, copy: bool = False) -> None:
    """Shut this socket down if this thread's exchange must end. Do nothing if this thread has no exchange."""
    exchange: Exchange | None = getattr(_here, "exchange", None)
    if exchange:
        exchange.hold(sock, copy=copy)


class _Watchdog:
    """The thread that checks all exchanges. It is started when there is an exchange.

    Many threads call `watch` and `forget` hundreds of times a second, so these methods must be fast.
    """

    def __init__(self) -> None:
        self._under_way: set[Exchange] = set()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def watch(self, exchange: Exchange) -> None:
        """Check this exchange from now on."""
        with self._starting:
            self._under_way.add(exchange)
            if self._thread is None or not self._thread.is_alive():  # a forked process does not inherit the thread
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
    with suppress(OSError):  # the socket may not be connected
        socket.socket.shutdown(sock, socket.SHUT_RDWR)  # a TLS socket's method would clear the state that a reader uses


_here = threading.local()
_watchdog = _Watchdog()
