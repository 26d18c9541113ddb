"""The memory of a long sync, and the time of `status` while a sync writes."""

from __future__ import annotations

import math
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median

from stx_pipelines.cli.exit_codes import DONE, NOT_YET
from stx_pipelines_tests.benchmarks.compared_clients import Synced, sync
from stx_pipelines_tests.benchmarks.devnet_process import Served, devnet
from stx_pipelines_tests.benchmarks.figure_types import Figure, Goal, Measured, Scale
from stx_pipelines_tests.benchmarks.separate_process import Measurement, in_fresh_process
from stx_pipelines_tests.benchmarks.temporary_places import fresh_folder
from stx_pipelines_tests.world import child_environment, command

FLAT = 1.25
"""The most that memory may grow from 60 to 365 days: memory may vary between runs but must not depend on the days."""

_CALLS = 200


def memory(scale: Scale) -> Measured:
    """Measure the peak memory of a year and of two months."""
    with devnet(*scale.of((365, 15_000), (4, 400))) as served:
        months = _sync_days(served, scale.of(60, 2))
        year = _sync_days(served, scale.of(365, 4))
    behind = (
        f"{year.result.days} days, {year.result.transactions:,} transactions in {year.seconds:,.0f} s; "
        f"{months.result.days} days: {months.above_mb:,.0f} MB"
    )
    return Measured(year.above_mb, behind, also=year.above_mb <= FLAT * months.above_mb)


def _sync_days(served: Served, days: int) -> Measurement[Synced]:
    with fresh_folder() as folder:
        return in_fresh_process(sync, served.url, folder, served.whole_days[-days:])


def status(scale: Scale) -> Measured:
    """Time the whole command, process and imports included, again and again while a sync writes."""
    with devnet(*scale.of((45, 15_000), (4, 400))) as served, fresh_folder() as folder:
        settings = {"STX_DATA_DIR": str(folder), "HIRO_API_URL": served.url, "STX_TARGET_DAYS": "1000"}
        settings["HIRO_REQUESTS_PER_MINUTE"] = str(scale.of(6000, 600))
        with _syncing(served, settings) as is_alive:
            while is_alive() and not list(folder.glob("days/*/*.parquet")):
                time.sleep(0.05)
            _status(settings)  # after this the system has cached the files it reads
            seconds = []
            while is_alive() and len(seconds) < scale.of(_CALLS, 2):
                seconds.append(_status(settings))
    if not seconds:
        raise RuntimeError("the sync ended before status was measured")
    behind = f"{len(seconds)} calls, median {median(seconds):.2f} s, slowest {max(seconds):.2f} s"
    return Measured(sorted(seconds)[math.ceil(0.99 * len(seconds)) - 1], behind)


@contextmanager
def _syncing(served: Served, settings: dict[str, str]) -> Iterator[Callable[[], bool]]:
    """Run the command `sync` on the whole chain until the block ends; yield a function that says whether it runs."""
    first, last = (day.isoformat() for day in (served.whole_days[0], served.whole_days[-1]))
    arguments = ["sync", "--force-refresh", "--from", first, "--to", last]
    process = subprocess.Popen(
        [sys.executable, "-m", "stx_pipelines.cli", *arguments],
        env=child_environment(settings),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield lambda: process.poll() is None
    finally:
        process.kill()
        process.wait()


def _status(settings: dict[str, str]) -> float:
    started = time.monotonic()
    done = command(["status"], settings)
    seconds = time.monotonic() - started
    if done.returncode not in {DONE, NOT_YET}:
        raise RuntimeError(f"status failed: {done.stderr[-1000:]}")
    return seconds


FIGURES = [
    Figure(
        "memory",
        "peak memory of a sync of 365 days of 15,000 above the imports",
        Goal("<=", 200, " MB", also=f"<= {FLAT:g} x that of 60 days"),
        memory,
    ),
    Figure("status", "`stx-pipelines status` while a sync writes, 99th percentile", Goal("<=", 1, " s"), status),
]
