"""The cost of proving and storing a day that has been read."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple
from unittest.mock import patch

from stx_pipelines.sync.outcome import FailedDay, ProvedDay
from stx_pipelines.sync.stacks.reader import Reader
from stx_pipelines.sync.stacks.sync import StacksSync
from stx_pipelines_tests.benchmarks.compared_clients import open_sync, sync
from stx_pipelines_tests.benchmarks.devnet_process import Served, devnet
from stx_pipelines_tests.benchmarks.figure_types import Figure, Goal, Measured, Scale
from stx_pipelines_tests.benchmarks.separate_process import in_copied_process
from stx_pipelines_tests.benchmarks.temporary_places import fresh_folder

LATENCY = 0.05  # seconds
REQUESTS_PER_MINUTE = 1_800
"""The limit for days in a row: twice that of the real API. Without a limit, reading uses every core, and proving and
storing cannot run at the same time.
"""


class OneDay(NamedTuple):
    """Seconds of a day that is synced alone, so that no two parts run at the same time."""

    reading: float
    proof: float
    file: float
    table: float


def one_after_another(url: str, folder: Path, days: Sequence[date]) -> list[OneDay]:
    """Sync days one by one and time each part. The first day includes the start of DuckDB."""
    stacks = open_sync(url, folder)
    with (
        _clock(Reader, "_prove") as proof,
        _clock(stacks.store, "keep") as file,
        _clock(stacks.store, "load_soon") as table,
    ):
        return [_timed_day(stacks, day, (proof, file, table)) for day in days]


def _timed_day(stacks: StacksSync, day: date, clocks: Sequence[list[float]]) -> OneDay:
    for each in clocks:
        each.clear()
    started = time.monotonic()
    [outcome] = stacks.sync([day])
    seconds = time.monotonic() - started
    if isinstance(outcome, FailedDay):
        raise RuntimeError(str(outcome.error))  # noqa: TRY004 - no caller gave a wrong type
    parts = [sum(each) for each in clocks]
    return OneDay(seconds - sum(parts), *parts)


@contextmanager
def _clock(owner: object, name: str) -> Iterator[list[float]]:
    """Collect the seconds of each call of a method until the block ends."""
    seconds: list[float] = []
    work = getattr(owner, name)

    def timed(*arguments: Any) -> Any:
        started = time.monotonic()
        try:
            return work(*arguments)
        finally:
            seconds.append(time.monotonic() - started)

    with patch.object(owner, name, timed):
        yield seconds


def only_read(url: str, folder: Path, days: Sequence[date]) -> int:
    """Read days without proving or storing them; return their number."""
    api = open_sync(url, folder, REQUESTS_PER_MINUTE).client

    def trust(_: Reader, plan: Any, read: Any) -> ProvedDay:
        return ProvedDay(read, plan)

    with patch.object(Reader, "_prove", trust):
        return sum(1 for _ in Reader(api, api.tip(), "stacks:made up").days(sorted(days, reverse=True)))


def proof_and_storing(scale: Scale) -> Measured:
    """Measure a day alone, and the share done while the next day is read when days follow each other."""
    with devnet(*scale.of((8, 15_000), (2, 400))) as served:
        with fresh_folder() as folder:
            in_copied_process(sync, served.url, folder, served.all_days)  # the server has written every row once
        served.turn(latency_seconds=LATENCY)
        with fresh_folder() as folder:
            days = in_copied_process(one_after_another, served.url, folder, served.whole_days).result[1:]
        with_both, without = _following(served)
    reading, proof, file, table = (1000 * median(part) for part in zip(*days, strict=True))
    total = (proof + file + table) / 1000 * len(served.whole_days)
    shown = max(0.0, with_both - without)
    behind = (
        f"proof {proof:,.0f} ms, day file {file:,.0f} ms, table {table:,.0f} ms against {reading:,.0f} ms reading; "
        f"{len(served.whole_days)} days in a row, {REQUESTS_PER_MINUTE:,} requests/min: {with_both:.2f} s, only "
        f"reading them: {without:.2f} s, done while the next day is read: {max(0.0, 1 - shown / total):.0%}"
    )
    return Measured((proof + file + table) / reading, behind, also=shown <= total / 2)


def _following(served: Served) -> tuple[float, float]:
    """Return the seconds of days in a row with and without proof and storing."""
    with fresh_folder() as folder:
        whole = in_copied_process(sync, served.url, folder, served.whole_days, REQUESTS_PER_MINUTE).seconds
        return whole, in_copied_process(only_read, served.url, folder, served.whole_days).seconds


FIGURES = [
    Figure(
        "proof_and_landing",
        "proof and storing of a day of 15,000 against reading it, 50 ms latency",
        Goal("<=", 0.15, also="at least half of it while the next day is read"),
        proof_and_storing,
    )
]
