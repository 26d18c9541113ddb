"""What it costs to prove and land a day that has been read."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple
from unittest.mock import patch

from stx_pipelines.sync.stacks import ProvedDay, Reader
from stx_pipelines_tests.benchmarks.apart import apart
from stx_pipelines_tests.benchmarks.clients import open_walk, sync
from stx_pipelines_tests.benchmarks.devnet_process import Served, devnet
from stx_pipelines_tests.benchmarks.figure import Figure, Goal, Measured, Scale
from stx_pipelines_tests.benchmarks.folders import fresh_folder

LATENCY = 0.05  # seconds


class OneDay(NamedTuple):
    """Seconds of a day that comes home alone, so that nothing runs beside anything else."""

    reading: float
    proof: float
    landing: float

    @property
    def ratio(self) -> float:
        """Of proof and landing to reading."""
        return (self.proof + self.landing) / self.reading


def one_day(url: str, folder: Path, day: date) -> OneDay:
    """Bring one day home and take each part's time."""
    walk = open_walk(url, folder)
    spent = {"proof": 0.0, "landing": 0.0}

    def timed(part: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any) -> Any:
            started = time.monotonic()
            try:
                return work(*arguments)
            finally:
                spent[part] += time.monotonic() - started

        return run

    started = time.monotonic()
    with (
        patch.object(Reader, "_prove", timed("proof", Reader._prove)),
        patch.object(walk.landing, "keep", timed("landing", walk.landing.keep)),
        patch.object(walk.landing, "load_soon", timed("landing", walk.landing.load_soon)),
    ):
        list(walk.bring_home([day]))
    return OneDay(time.monotonic() - started - sum(spent.values()), **spent)


def only_read(url: str, folder: Path, days: Sequence[date]) -> int:
    """Read days and do nothing with them; how many there were."""
    api = open_walk(url, folder).api

    def trust(_: Reader, plan: Any, read: Any) -> ProvedDay:
        return ProvedDay(read, plan)

    with patch.object(Reader, "_prove", trust):
        return sum(1 for _ in Reader(api, api.tip()).days(sorted(days, reverse=True)))


def proof_and_landing(scale: Scale) -> Measured:
    """Of a day alone; and how much of it is hidden when days follow each other."""
    with devnet(*scale.of((5, 15_000), (2, 400))) as served:
        with fresh_folder() as folder:
            apart(sync, served.url, folder, served.all_days)  # the server has written every row once
        served.turn(latency_seconds=LATENCY)
        alone = [_alone(served) for _ in range(scale.times)]
        following = [_following(served) for _ in range(scale.times)]
    middle = sorted(alone)[len(alone) // 2]
    with_landing, without = (median(run[part] for run in following) for part in (0, 1))
    shown = with_landing - without
    total = (middle.proof + middle.landing) * len(served.whole_days)
    behind = (
        f"{1000 * middle.proof:,.0f} ms proof and {1000 * middle.landing:,.0f} ms landing against "
        f"{1000 * middle.reading:,.0f} ms reading; {len(served.whole_days)} days: {with_landing:.2f} s, only reading "
        f"them: {without:.2f} s, hidden: {max(0.0, 1 - shown / total):.0%}"
    )
    return Measured(median(run.ratio for run in alone), behind, also=shown <= total / 2)


def _alone(served: Served) -> OneDay:
    with fresh_folder() as folder:
        return apart(one_day, served.url, folder, served.whole_days[0]).result


def _following(served: Served) -> tuple[float, float]:
    """Seconds with and without proof and landing."""
    with fresh_folder() as folder:
        whole = apart(sync, served.url, folder, served.whole_days).seconds
        return whole, apart(only_read, served.url, folder, served.whole_days).seconds


FIGURES = [
    Figure(
        "proof_and_landing",
        "proof and landing of a day of 15,000 against reading it, 50 ms latency",
        Goal("<=", 0.15, also="hidden behind the next day's reading"),
        proof_and_landing,
    )
]
