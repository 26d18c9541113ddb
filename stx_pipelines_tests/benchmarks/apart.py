"""A step in a process of its own: what it took, without the process's start and imports.

A module that defines steps imports what they need at its top: imports end before the clock starts.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Generic, NamedTuple, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_STATUS = Path("/proc/self/status")


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
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_timed, step, *arguments, **named).result()


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
