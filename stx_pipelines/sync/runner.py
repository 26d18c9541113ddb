"""Functions that open the sync of a dataset, and run it under a lock, which report its progress."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any

from stx_pipelines.chains.datasets import BALANCES, BLOCKS, PARTS, PRICES, TRANSACTIONS, WALLET_BALANCES
from stx_pipelines.clients.http import Http
from stx_pipelines.coverage.failures import failures_noted
from stx_pipelines.coverage.progress import Reporter
from stx_pipelines.project import Project
from stx_pipelines.store.dataset_store import DatasetStore
from stx_pipelines.store.files import sweep
from stx_pipelines.store.lease import Lease
from stx_pipelines.sync.daily import DaySync
from stx_pipelines.sync.ethereum.balances import open_balances
from stx_pipelines.sync.ethereum.blocks import open_blocks
from stx_pipelines.sync.outcome import FailedDay, Outcome
from stx_pipelines.sync.stacks.sync import open_stacks


def _open_wallet_balances(project: Project) -> DaySync[Any, Any]:
    """Open the sync of the balances of new wallets, which is imported only if they are read."""
    from stx_pipelines.sync.stacks.balances import open_wallet_balances

    return open_wallet_balances(project)


def _open_parts(project: Project) -> DaySync[Any, Any]:
    from stx_pipelines.sync.ethereum.increase_parts import open_parts  # only with ETH_PARTS

    return open_parts(project)


def _open_prices(project: Project) -> DaySync[Any, Any]:
    from stx_pipelines.sync.prices.sync import open_prices  # most data folders have no prices

    return open_prices(project)


_OPEN: Mapping[str, Callable[[Project], DaySync[Any, Any]]] = {
    TRANSACTIONS: open_stacks,
    BLOCKS: open_blocks,
    BALANCES: open_balances,
    WALLET_BALANCES: _open_wallet_balances,
    PARTS: _open_parts,
    PRICES: _open_prices,
}


def open_sync(project: Project, dataset: str) -> DaySync[Any, Any]:
    """Open the sync of a dataset. Raises `SettingsError`."""
    return _OPEN[dataset](project)


def run_sync(project: Project, dataset: str, days: Collection[date], *, force: bool) -> Iterator[Outcome]:
    """Run the sync of a dataset. Yield each day's outcome once the day is stored or has failed.

    The run locks the dataset and reports its progress. While it waits for a server that stopped responding,
    it gives the lock up. Raises `Busy` when another run keeps the dataset locked for too long or used it during such a
    wait, and the errors of `DaySync.sync`.
    """
    folder, sync = project.folder, open_sync(project, dataset)
    http = sync.client.http
    with (
        failures_noted(folder, dataset),
        Lease(project.shared, dataset, project.settings.stx_run_wait_seconds) as lease,
        sync.store.written_under(lease.writing),
        Reporter(project.shared, dataset, len(days), lambda: http.calls) as reporter,
        _waiting(http, lease, reporter),
        _copied(sync.store),
    ):
        sync.store.files.sweep()  # under the lock, because no other process may be writing
        sweep(folder.path)
        sync.on_page = reporter.page
        for result in sync.sync(days, force=force):
            yield result
            failed = isinstance(result, FailedDay)
            reporter.day(result.day if isinstance(result, FailedDay) else result.certificate.day, failed=failed)
        if project.served:
            from stx_pipelines.metrics.open import serve_results

            serve_results(project)  # those that could not be copied when they were computed


@contextmanager
def _copied(store: DatasetStore[Any]) -> Iterator[None]:
    """Take newer days from the record, if there is one, before the `with` block, and push what waits after it."""
    if store.copy is None:
        yield
        return
    store.copy.bring_up_to_date()
    try:
        yield
    finally:
        store.copy.push_if_there()


@contextmanager
def _waiting(http: Http, lease: Lease, reporter: Reporter) -> Iterator[None]:
    """Let the client wait for its server while the `with` block runs, if its command waits for outages.

    The wait is in the progress, and the lock is given up until the store is written or the server responds again.
    """
    outage = http.outage
    if outage is None:
        yield
        return

    def note(since: datetime | None) -> None:
        reporter.waiting(since, http.name)
        if since:
            lease.give_up()
        else:
            lease.take_back()

    before, outage.on_wait = outage.on_wait, note
    try:
        yield
    finally:
        outage.on_wait = before
        reporter.waiting(None, http.name)
