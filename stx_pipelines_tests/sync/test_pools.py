"""A pool of threads is not waited for after an interrupt."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future

import pytest

from stx_pipelines.sync.pools import thread_pool
from stx_pipelines_tests.waiting import LONGEST


def raise_in_pool(error: BaseException, stop: threading.Event, work: Callable[[], bool]) -> Future[bool]:
    """Raise an error while a thread of a pool works. Return the result of the thread's work."""
    results = []
    with pytest.raises(type(error)), thread_pool(1, "test", stop) as pool:  # noqa: PT012
        results.append(pool.submit(work))
        raise error
    return results[0]


def test_an_interrupt_stops_the_requests_of_the_threads() -> None:
    stop = threading.Event()  # a request that ends at the stop signal only
    assert raise_in_pool(KeyboardInterrupt(), stop, lambda: stop.wait(LONGEST)).result()


def test_an_error_waits_for_the_threads_and_leaves_their_client_usable() -> None:
    stop = threading.Event()
    assert raise_in_pool(ValueError("one day"), stop, lambda: not stop.wait(0.05)).result()
    assert not stop.is_set()
