"""A step in a process of its own: what it took, without the process's start and imports.

Every process is a copy of one that has imported everything already: libraries cost neither time nor memory here.
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
_PROCESSES.set_forkserver_preload(
    [f"stx_pipelines_tests.benchmarks.{module}" for module in ("clients", "devnet_process", "landing", "table")]
)


class Took(NamedTuple, Generic[T]):
    """What a step gave and took. `cpu_seconds` are of all its threads; `above_mb` is the most memory it had at
    once beyond what the imports had taken.
    """

    result: T
    seconds: float
    cpu_seconds: float
    above_mb: float


def apart(step: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> Took[T]:
    """Run a step in a new process."""
    return _in_process(_PROCESSES, step, *arguments, **named)


def alone(step: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> Took[T]:
    """Run a step in a process that imports everything itself: for memory.

    A copied process would count the libraries' own code as the step's, page by page, as it comes to be used.
    """
    return _in_process(get_context("spawn"), step, *arguments, **named)


def _in_process(context: BaseContext, step: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> Took[T]:
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(_timed, step, *arguments, **named).result()


@contextmanager
def beside(work: Callable[..., object], *arguments: Any) -> Iterator[Callable[[], bool]]:
    """Let this run in another process until the block ends; the block is told how to ask whether it still does."""
    process = _PROCESSES.Process(target=_while_wanted, args=(work, *arguments))
    process.start()
    try:
        yield process.is_alive
    finally:
        process.kill()
        process.join()


def _while_wanted(work: Callable[..., object], *arguments: Any) -> None:
    """Work, but not on when whoever wanted it was killed."""
    parent = parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    work(*arguments)


def _timed(step: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> Took[T]:
    before = _memory_mb("VmRSS")
    cpu, started = time.process_time(), time.monotonic()
    result = step(*arguments, **named)
    seconds, cpu = time.monotonic() - started, time.process_time() - cpu
    return Took(result, seconds, cpu, _memory_mb("VmHWM") - before)


def _memory_mb(name: str) -> float:
    """Resident memory now (VmRSS) or at most so far (VmHWM); elsewhere than on Linux always the latter."""
    if _STATUS.exists():
        # getrusage would do, but a process inherits its parent's peak.
        [kilobytes] = [line.split()[1] for line in _STATUS.read_text().splitlines() if line.startswith(name)]
        return int(kilobytes) / 1000
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1_000_000 if sys.platform == "darwin" else 1_000)
