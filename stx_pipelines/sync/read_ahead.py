"""A function that reads the next day while the caller stores the current one."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date
from typing import TypeVar

T = TypeVar("T")


def read_ahead(
    read: Callable[[date], T], days: Iterable[date], stop: threading.Event
) -> Iterator[tuple[date, Future[T]]]:
    """Yield each day, in the order given, with the future result of `read`, which runs in another thread.

    `stop` is set if the caller stops before the last day.
    """
    reading: deque[tuple[date, Future[T]]] = deque()
    pool = ThreadPoolExecutor(1, "reader")
    try:
        for day in days:
            reading.append((day, pool.submit(read, day)))
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
