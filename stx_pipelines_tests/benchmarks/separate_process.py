"""The time and memory of a step in a separate process, without the process's start and imports.

Most processes are copies of one that has imported everything already.
"""

from __future__ import annotations

import os
import resource
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any, Generic, NamedTuple, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_STATUS = Path("/proc/self/status")
_PROCESSES = get_context("forkserver")
_PROCESSES.set_forkserver_preload(["stx_pipelines_tests.benchmarks.__main__"])  # it imports every figure


class Measurement(NamedTuple, Generic[T]):
    """The result and the cost of a step: seconds, CPU seconds of all its threads, and the process's peak memory.

    `above_mb` is the peak memory without that of the imports.
    """

    result: T
    seconds: float
    cpu_seconds: float
    peak_mb: float
    above_mb: float


def in_copied_process(step: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> Measurement[T]:
    """Run a step in a new process that is a copy of one with all imports done."""
    return _in_process(_PROCESSES, step, *arguments, **named)


def in_fresh_process(step: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> Measurement[T]:
    """Run a step in a new process that imports everything itself, to measure memory.

    In a copied process the pages of the libraries would count as the step's memory once they are used.
    """
    return _in_process(get_context("spawn"), step, *arguments, **named)


def _in_process(context: BaseContext, step: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> Measurement[T]:
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(_timed, step, *arguments, **named).result()


@contextmanager
def running_beside(work: Callable[..., object], *arguments: Any) -> Iterator[Callable[[], bool]]:
    """Run `work` in another process until the block ends; yield a function that says whether it still runs."""
    process = _PROCESSES.Process(target=_while_wanted, args=(work, *arguments))
    process.start()
    try:
        yield process.is_alive
    finally:
        process.kill()
        process.join()


def _while_wanted(work: Callable[..., object], *arguments: Any) -> None:
    """Work until done, or until the parent process has ended."""
    parent = parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    work(*arguments)


def _timed(step: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> Measurement[T]:
    before = _memory_mb("VmRSS")
    cpu, started = time.process_time(), time.monotonic()
    result = step(*arguments, **named)
    seconds, cpu = time.monotonic() - started, time.process_time() - cpu
    peak = _memory_mb("VmHWM")
    return Measurement(result, seconds, cpu, peak, peak - before)


def _memory_mb(name: str) -> float:
    """Return the resident memory now (VmRSS) or its peak so far (VmHWM); outside Linux always the peak."""
    if _STATUS.exists():
        # Not getrusage: there a process inherits its parent's peak.
        [kilobytes] = [line.split()[1] for line in _STATUS.read_text().splitlines() if line.startswith(name)]
        return int(kilobytes) / 1000
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1_000_000 if sys.platform == "darwin" else 1_000)
