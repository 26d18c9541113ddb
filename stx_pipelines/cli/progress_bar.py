"""The progress bar of `sync`. The bar reads the progress that the run reports."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from stx_pipelines.coverage import progress
from stx_pipelines.coverage.chains import STACKS, Chain
from stx_pipelines.project import Project
from stx_pipelines.store.shared import Shared, SharedError

_REFRESH_SECONDS = 0.25


@contextmanager
def progress_bar(project: Project, chain: Chain) -> Iterator[Callable[[int], None]]:
    """Show days, rows, requests, rate and ETA while the `with` block runs.

    Yield a function that sets the total number of days. A day that is done for one of two datasets is half a day.
    """
    for dataset in chain.tables:
        project.shared.forget(dataset)
    with Progress(*_columns(chain), console=Console(file=sys.stderr)) as bar:
        task = bar.add_task("days", total=1, rows=0, requests=0, rate=0.0)
        with _following(bar, task, project.shared, chain.tables):
            yield lambda total: bar.update(task, total=total)


def _columns(chain: Chain) -> list[ProgressColumn]:
    return [
        SpinnerColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f} days"),
        BarColumn(bar_width=24),
        TextColumn(f"{{task.fields[rows]:,}} {'tx' if chain is STACKS else 'values'}"),
        TextColumn(f"{{task.fields[requests]:,}} {chain.unit}  {{task.fields[rate]:,.0f}}/min"),
        TimeElapsedColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(elapsed_when_finished=False),
    ]


@contextmanager
def _following(bar: Progress, task: TaskID, shared: Shared, datasets: Sequence[str]) -> Iterator[None]:
    """Update the bar every quarter of a second while the `with` block runs, and once more at the end of the block."""
    done = threading.Event()

    def follow() -> None:
        runs: dict[datetime, progress.Progress] = {}
        while not done.wait(_REFRESH_SECONDS):
            _show(bar, task, shared, datasets, runs)
        _show(bar, task, shared, datasets, runs)

    follower = threading.Thread(target=follow, daemon=True)
    follower.start()
    try:
        yield
    finally:
        done.set()
        follower.join()


def _show(
    bar: Progress, task: TaskID, shared: Shared, datasets: Sequence[str], runs: dict[datetime, progress.Progress]
) -> None:
    """Update the bar with the sum of all runs so far.

    A sync needs several runs if the days are not neighbours. `runs` keeps the newest report of each run.
    """
    try:
        seen = progress.reports(shared, *datasets)
    except SharedError:  # the run ends with the same error, which names the reason
        return
    if not seen:
        return
    runs |= {report.started_at: report for report in seen}
    now = max(seen, key=lambda report: report.updated_at)
    bar.update(
        task,
        completed=sum(run.days_done + run.days_failed for run in runs.values()) / len(datasets),
        rows=sum(run.rows for run in runs.values()),
        requests=sum(run.requests for run in runs.values()),
        rate=now.requests_per_minute,
    )
