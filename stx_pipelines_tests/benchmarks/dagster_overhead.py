"""What Dagster adds: to the time of a sync, and to the start of a process."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from stx_pipelines_tests.benchmarks import clients
from stx_pipelines_tests.benchmarks.apart import apart
from stx_pipelines_tests.benchmarks.devnet_process import Served, devnet
from stx_pipelines_tests.benchmarks.figure import Figure, Goal, Measured, Scale
from stx_pipelines_tests.benchmarks.folders import fresh_folder
from stx_pipelines_tests.world import ROOT, child_environment

_STARTS = 5


def dagster(scale: Scale) -> Measured:
    """A range of days by Dagster's own command against the walk alone, processes and imports included."""
    with devnet(*scale.of((30, 15_000), (1, 400))) as served:
        with fresh_folder() as folder:
            apart(clients.sync, served.url, folder, served.whole_days)  # the server has written every row once
        alone = _walk_alone(served)
        with_dagster = _materialize(served)
    return Measured(with_dagster / alone, f"{with_dagster:.1f} s against {alone:.1f} s")


def _walk_alone(served: Served) -> float:
    """Seconds of a process that does nothing else."""
    with fresh_folder() as folder:
        days = [day.isoformat() for day in served.whole_days]
        command = [sys.executable, "-m", clients.__name__, served.url, str(folder), *days]
        started = time.monotonic()
        _succeed(command, Path.cwd(), {})
        return time.monotonic() - started


def _materialize(served: Served) -> float:
    """Seconds of `dagster asset materialize`, its history kept as the project keeps it."""
    with fresh_folder() as folder:
        folder.mkdir()
        shutil.copy(ROOT / "dagster.yaml", folder)
        first, last = served.whole_days[0], served.whole_days[-1]
        command = [sys.executable, "-m", "dagster", "asset", "materialize", "--select", "transactions"]
        command += ["--partition-range", f"{first}...{last}", "-m", "stx_pipelines.definitions"]
        settings = {"STX_DATA_DIR": str(folder), "HIRO_API_URL": served.url, "HIRO_REQUESTS_PER_MINUTE": "0"}
        started = time.monotonic()
        _succeed(command, folder, settings | {"DAGSTER_HOME": str(folder)})
        seconds = time.monotonic() - started
        landed = len(list(folder.glob("days/transactions/*.parquet")))
        if landed != len(served.whole_days):
            raise RuntimeError(f"dagster landed {landed} of {len(served.whole_days)} days")
        return seconds


def cold_start(scale: Scale) -> Measured:
    """Importing the code location against importing Dagster, in turns."""
    ours, dagsters = [], []
    for _ in range(scale.of(_STARTS, 1)):
        ours.append(_import("stx_pipelines.definitions"))
        dagsters.append(_import("dagster"))
    return Measured(median(ours) / median(dagsters), f"{median(ours):.2f} s against {median(dagsters):.2f} s")


def _import(module: str) -> float:
    started = time.monotonic()
    _succeed([sys.executable, "-c", f"import {module}"], Path.cwd(), {})
    return time.monotonic() - started


def _succeed(command: Sequence[str], folder: Path, settings: dict[str, str]) -> None:
    done = subprocess.run(
        command, cwd=folder, env=child_environment(settings), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[1:4])} failed: {done.stderr[-1000:]}")


FIGURES = [
    Figure("dagster", "`dagster asset materialize` of 30 days against the walk alone", Goal("<=", 1.15, " x"), dagster),
    Figure(
        "cold_start",
        "`import stx_pipelines.definitions` against `import dagster`",
        Goal("<=", 1.5, " x"),
        cold_start,
    ),
]
