"""Functions that wait for an event, never for a fixed time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from stx_pipelines.devnet.ethereum.knobs import EthereumKnobs
from stx_pipelines.devnet.stacks.knobs import Knobs

T = TypeVar("T")

LONGEST = 600.0
"""The only time-out of the tests, in seconds. It ends a test that hangs. A slow machine needs less time."""

_BETWEEN_LOOKS = 0.01


def wait_until(question: Callable[[], T], what: str) -> T:
    """Call `question` until its result is true, and return the result. `what` names the event in the error message."""
    deadline = time.monotonic() + LONGEST
    while not (answer := question()):
        assert time.monotonic() < deadline, f"this never happened: {what}"
        time.sleep(_BETWEEN_LOOKS)
    return answer


def ended(thread: threading.Thread) -> bool:
    """Wait for a thread to end, and return whether it ended within the time-out."""
    thread.join(LONGEST)
    return not thread.is_alive()


@contextmanager
def answers_only_while(knobs: Knobs | EthereumKnobs, may: Callable[[], bool]) -> Iterator[None]:
    """Make a devnet of this process delay each response until `may` returns true or the `with` block ends."""
    over = threading.Event()

    def hold(_: object) -> None:
        while not over.is_set() and not may():
            over.wait(_BETWEEN_LOOKS)

    knobs.on_request = hold
    try:
        yield
    finally:
        knobs.on_request = None
        over.set()
