"""A function that reads or proves the next day while the caller stores the current one."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
T = TypeVar("T")


def read_ahead(
    read: Callable[[Item], T], items: Iterable[Item], stop: threading.Event
) -> Iterator[tuple[Item, Future[T]]]:
    """Yield each item, in the order given, with the future result of `read`, which runs in another thread.

    One item is read after the other. That of the next item has begun when an item is yielded.

    `stop` is set if the caller stops before the last item.
    """
    reading: deque[tuple[Item, Future[T]]] = deque()
    pool = ThreadPoolExecutor(1, "reader")
    try:
        for item in items:
            reading.append((item, pool.submit(read, item)))
            if len(reading) > 1:
                yield reading.popleft()
        while reading:
            yield reading.popleft()
    except BaseException:
        # After an error or an interrupt, do not wait for the days that are still being read.
        stop.set()
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()
