"""A pool of threads that an interrupt ends at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager


@contextmanager
def thread_pool(threads: int, name: str, stop: threading.Event) -> Iterator[ThreadPoolExecutor]:
    """Open a pool, and wait for its threads when the `with` block ends.

    If an interrupt ends the block, set `stop`, the stop signal of the client that the threads use. Otherwise the wait
    would last as long as the server does not respond.
    """
    with ThreadPoolExecutor(threads, name) as pool:
        try:
            yield pool
        except Exception:
            raise
        except BaseException:
            stop.set()
            raise
