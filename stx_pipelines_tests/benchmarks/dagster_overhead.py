"""The time that Dagster adds to a sync and to the start of a process."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from stx_pipelines_tests.benchmarks import compared_clients
from stx_pipelines_tests.benchmarks.devnet_process import Served, devnet
from stx_pipelines_tests.benchmarks.figure_types import Figure, Goal, Measured, Scale
from stx_pipelines_tests.benchmarks.separate_process import in_copied_process
from stx_pipelines_tests.benchmarks.temporary_places import fresh_folder
from stx_pipelines_tests.world import ROOT, child_environment

_STARTS = 5


def dagster(scale: Scale) -> Measured:
    """Compare Dagster's own command over a range of days with the sync alone, processes and imports included."""
    with devnet(*scale.of((30, 15_000), (1, 400))) as served:
        with fresh_folder() as folder:
            # A first sync, so that the server has written every row once.
            in_copied_process(compared_clients.sync, served.url, folder, served.whole_days)
        alone = _sync_alone(served)
        with_dagster = _materialize(served)
    return Measured(with_dagster / alone, f"{with_dagster:.1f} s against {alone:.1f} s")


def _sync_alone(served: Served) -> float:
    """Return the seconds of a process that only syncs."""
    with fresh_folder() as folder:
        days = [day.isoformat() for day in served.whole_days]
        command = [sys.executable, "-m", compared_clients.__name__, served.url, str(folder), *days]
        started = time.monotonic()
        _succeed(command, Path.cwd(), {})
        return time.monotonic() - started


def _materialize(served: Served) -> float:
    """Return the seconds of `dagster asset materialize` with the project's Dagster storage."""
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
        stored = len(list(folder.glob("days/transactions/*.parquet")))
        if stored != len(served.whole_days):
            raise RuntimeError(f"dagster stored {stored} of {len(served.whole_days)} days")
        return seconds


def cold_start(scale: Scale) -> Measured:
    """Compare importing the code location with importing Dagster, in turns."""
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
    Figure("dagster", "`dagster asset materialize` of 30 days against the sync alone", Goal("<=", 1.15, " x"), dagster),
    Figure(
        "cold_start",
        "`import stx_pipelines.definitions` against `import dagster`",
        Goal("<=", 1.5, " x"),
        cold_start,
    ),
]
