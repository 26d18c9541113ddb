"""The machine and the versions of a run, without names of hosts or people."""

from __future__ import annotations

import os
import platform
from datetime import UTC, date, datetime
from importlib.metadata import version
from pathlib import Path

import msgspec

_LIBRARIES = ("dagster", "duckdb", "msgspec", "pyarrow", "requests")
_CPUS = Path("/proc/cpuinfo")


class Machine(msgspec.Struct, frozen=True):
    """The machine, versions and day. `load_before` is the number of busy processes in the minute before the run."""

    cpu: str
    cores: int
    memory_gib: int
    system: str
    python: str
    versions: dict[str, str]
    load_before: float
    day: date


def this_machine() -> Machine:
    """Describe the machine that runs this process."""
    return Machine(
        cpu=_cpu(),
        cores=os.cpu_count() or 1,
        memory_gib=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        system=platform.system(),
        python=platform.python_version(),
        versions={name: version(name) for name in _LIBRARIES},
        load_before=round(os.getloadavg()[0], 1),
        day=datetime.now(UTC).date(),
    )


def _cpu() -> str:
    lines = _CPUS.read_text().splitlines() if _CPUS.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()
