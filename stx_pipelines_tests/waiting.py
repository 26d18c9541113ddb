"""How tests wait: for an event, never for a time. Not here: claims (test_*.py)."""

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
"""Seconds: the only time-out of the tests. It ends what would hang for ever; no machine is that slow."""

_BETWEEN_LOOKS = 0.01


def wait_until(question: Callable[[], T], what: str) -> T:
    """Ask until the answer is true, and give that answer."""
    deadline = time.monotonic() + LONGEST
    while not (answer := question()):
        assert time.monotonic() < deadline, f"it never came to this: {what}"
        time.sleep(_BETWEEN_LOOKS)
    return answer


def ended(thread: threading.Thread) -> bool:
    """Whether a thread comes to its end."""
    thread.join(LONGEST)
    return not thread.is_alive()


@contextmanager
def answers_only_while(knobs: Knobs | EthereumKnobs, may: Callable[[], bool]) -> Iterator[None]:
    """Let a devnet of this process keep back every answer until `may` allows it; after the block it answers all."""
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
