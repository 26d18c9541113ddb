"""The speed of a Stacks sync: requests, use of the budget, comparison with other ways to read the same pages."""

from __future__ import annotations

from math import ceil
from pathlib import Path
from statistics import median

from stx_pipelines_tests.benchmarks.compared_clients import Synced, bare_threads, naive_pager, requests_of_a_sync, sync
from stx_pipelines_tests.benchmarks.devnet_process import Served, devnet
from stx_pipelines_tests.benchmarks.figure_types import Figure, Goal, Measured, Scale, ratio_of_medians
from stx_pipelines_tests.benchmarks.separate_process import Measurement, in_copied_process
from stx_pipelines_tests.benchmarks.temporary_places import fresh_folder, python_with, seconds_of_script

PAGE_SIZE = 50
LATENCY = 0.05  # seconds
THREADS = 16
FAR = 0.3  # seconds, the latency of a distant or slow server
READERS = 24  # as before the number followed the server
DLT = ("dlt[duckdb]==1.31.0", "duckdb==1.5.5")

_DAYS, _SMOKE_DAYS = (10, 2_500), (1, 400)  # 500 pages


def requests(scale: Scale) -> Measured:
    """Measure all requests, those of proofs included, per page that is needed at least."""
    with devnet(*scale.of((7, 15_000), _SMOKE_DAYS)) as served:
        before = served.stats()["requests"]
        took = _sync(served, whole_days=True)
        sent = served.stats()["requests"] - before
    floor = ceil(took.result.transactions / PAGE_SIZE)
    return Measured(sent / floor, f"{sent:,} requests for {took.result.transactions:,} transactions")


def budget(scale: Scale) -> Measured:
    """Measure the used share of a budget, in three syncs in a row."""
    limit = scale.of(600, 12_000)
    with devnet(*scale.of(_DAYS, _SMOKE_DAYS)) as served:
        served.turn(requests_per_minute=limit)
        runs = [_sync(served, per_minute=limit) for _ in range(scale.times)]
        stats = served.stats()
    used = median(run.result.requests * 60 / run.seconds / limit for run in runs)
    busiest, refused = stats["busiest_60_seconds"], stats["by_status"].get("429", 0)
    behind = f"{used * limit:,.0f} of {limit:,} a minute; busiest 60 s: {busiest:,}; refused: {refused}"
    return Measured(used, behind, also=busiest <= limit and not refused)


def naive(scale: Scale) -> Measured:
    """Compare a sync with reading one page after another."""
    with devnet(*scale.of(_DAYS, _SMOKE_DAYS)) as served:
        pages = in_copied_process(naive_pager, served.url).result  # after this the server has written every row once
        served.turn(latency_seconds=LATENCY)
        others, ours = [], []
        for _ in range(scale.times):
            others.append(in_copied_process(naive_pager, served.url).seconds)
            ours.append(_sync(served).seconds)
    behind = f"{median(ours):.2f} s against {median(others):.1f} s for {pages:,} pages"
    return Measured(ratio_of_medians(others, ours), behind)


def threads(scale: Scale) -> Measured:
    """Compare a sync with threads that only repeat the sync's own requests."""
    with devnet(*scale.of(_DAYS, _SMOKE_DAYS)) as served:
        with fresh_folder() as folder:
            asked = in_copied_process(requests_of_a_sync, served.url, folder, served.all_days).result
        others, ours = [], []
        for _ in range(scale.times):
            others.append(in_copied_process(bare_threads, asked, THREADS))
            ours.append(_sync(served))
    cpu = [1000 * median(run.cpu_seconds for run in runs) / len(asked) for runs in (ours, others)]
    speed = [len(asked) / median(run.seconds for run in runs) for runs in (ours, others)]
    behind = (
        f"{speed[0]:,.0f} against {speed[1]:,.0f} requests/s; {cpu[0]:.2f} against {cpu[1]:.2f} CPU-ms a request, "
        f"{len(asked):,} requests"
    )
    return Measured(speed[0] / speed[1], behind)


def readers(scale: Scale) -> Measured:
    """Compare readers that follow the latency with a fixed number of readers."""
    with devnet(*scale.of((16, 15_000), _SMOKE_DAYS)) as served:
        in_copied_process(naive_pager, served.url)
        served.turn(latency_seconds=scale.of(FAR, 0.01))
        others, ours = [], []
        for _ in range(scale.times):
            others.append(_sync(served, readers=READERS))
            ours.append(_sync(served))
    seconds = [[run.seconds for run in runs] for runs in (others, ours)]
    behind = f"{median(seconds[1]):.1f} s against {median(seconds[0]):.1f} s for {ours[0].result.requests:,} requests"
    return Measured(ratio_of_medians(*seconds), behind)


def dlt(scale: Scale) -> Measured:
    """Compare a sync with dlt's rest_api source, which loads the same rows into DuckDB."""
    script = Path(__file__).with_name("dlt_pipeline.py")
    with python_with(scale, DLT) as python, devnet(*_DAYS) as served:
        in_copied_process(naive_pager, served.url)
        transactions = served.transactions()
        served.turn(latency_seconds=LATENCY)
        others, ours = [], []
        for _ in range(scale.times):
            with fresh_folder() as folder:
                folder.mkdir()
                others.append(seconds_of_script(python, script, served.url, str(folder), str(transactions)))
            ours.append(_sync(served).seconds)
    behind = f"{median(ours):.2f} s against {median(others):.1f} s for {transactions:,} transactions ({DLT[0]})"
    return Measured(ratio_of_medians(others, ours), behind)


def _sync(
    served: Served, *, per_minute: int = 0, whole_days: bool = False, readers: int | None = None
) -> Measurement[Synced]:
    """Sync the chain into a new folder."""
    with fresh_folder() as folder:
        days = served.whole_days if whole_days else served.all_days
        return in_copied_process(sync, served.url, folder, days, per_minute, readers)


FIGURES = [
    Figure("requests", "requests / ceil(transactions / 50), 7 days of 15,000", Goal("<=", 1.07), requests),
    Figure(
        "budget",
        "used share of a budget of 600 requests a minute",
        Goal(">=", 0.95, also="busiest 60 s <= 600"),
        budget,
    ),
    Figure("naive", "sync against a sequential pager, 50 ms latency", Goal(">=", 8, " x"), naive),
    Figure(
        "threads", "sync against 16 threads that discard the same responses, no latency", Goal(">=", 0.5, " x"), threads
    ),
    Figure("readers", f"sync against one with {READERS} readers, 300 ms latency", Goal(">=", 1.5, " x"), readers),
    Figure("dlt", "sync against dlt into DuckDB, 50 ms latency", Goal(">=", 10, " x"), dlt),
]
