"""One run of a walk: alone on its dataset, telling the outside how far it is."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from datetime import date

from stx_pipelines.coverage.progress import Reporter
from stx_pipelines.project import Project
from stx_pipelines.store.locks import locked
from stx_pipelines.sync.ethereum.balances import BalancesWalk
from stx_pipelines.sync.ethereum.blocks import BlocksWalk
from stx_pipelines.sync.outcome import FailedDay, Outcome
from stx_pipelines.sync.stacks.sync import Walk

Walks = Walk | BlocksWalk | BalancesWalk


def run_walk(
    project: Project, dataset: str, walk: Walks, days: Collection[date], spent: Callable[[], int], *, force: bool
) -> Iterator[Outcome]:
    """Days as they land, while a progress file tells the outside; `spent` counts what was spent of the budget.

    Raises `Busy` when another run keeps the dataset for too long, and what the walk raises.
    """
    folder = project.folder
    with (
        locked(folder.lock(dataset), f"the dataset {dataset}", project.settings.stx_run_wait_seconds),
        Reporter(folder.progress(dataset), len(days), spent) as reporter,
    ):
        walk.landing.files.sweep()
        walk.on_page = reporter.page
        for result in walk.bring_home(days, force=force):
            yield result
            failed = isinstance(result, FailedDay)
            reporter.day(result.day if isinstance(result, FailedDay) else result.certificate.day, failed=failed)
