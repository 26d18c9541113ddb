"""SIGTERM as an interrupt, and an end to a command that was interrupted but goes on."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_GRACE_SECONDS = 10.0


@contextmanager
def interrupted_by_sigterm() -> Iterator[None]:
    """Raise `KeyboardInterrupt` at SIGTERM too, while the `with` block runs."""

    def stop(_: int, __: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def ended_by_signals(end: Callable[[], NoReturn], grace_seconds: float = _GRACE_SECONDS) -> Iterator[None]:
    """Call `end` in another thread if the `with` block goes on for `grace_seconds` after Ctrl-C or SIGTERM.

    The exception of a signal handler can be lost: in a library that catches everything, or while the main thread waits
    for others. Python writes each signal to a socket too, whatever the handler is. Use this in the main thread only.
    """
    received, sent = socket.socketpair()
    sent.setblocking(False)
    is_over = threading.Event()

    def watch() -> None:
        with received:
            while number := received.recv(1):
                if number[0] in _SIGNALS and not is_over.wait(grace_seconds):
                    end()

    before = signal.set_wakeup_fd(sent.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=watch, name="signals", daemon=True).start()
    try:
        yield
    finally:
        is_over.set()
        signal.set_wakeup_fd(before)
        sent.close()
