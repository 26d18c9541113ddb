"""Resources of Dagster over a project: the clients and the stores, for assets and checks.

Values given in code win over settings. Addresses, folders and budgets can be given in code and not in run config.
Secrets are settings only, so that the UI never shows them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from datetime import UTC, date, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import dagster as dg
from dagster_duckdb import DuckDBResource
from pydantic import Field, PrivateAttr

from stx_pipelines.chains.datasets import BALANCES, BLOCKS, TRANSACTIONS
from stx_pipelines.coverage.current import transactions_coverage
from stx_pipelines.defs.fixed import Fixed, value_of
from stx_pipelines.metrics.open import open_metrics
from stx_pipelines.metrics.store import MetricStore
from stx_pipelines.project import Project
from stx_pipelines.settings import Settings, SettingsError
from stx_pipelines.store.summaries import COLUMNS, DaySummary, summarize
from stx_pipelines.sync.outcome import Outcome
from stx_pipelines.sync.runner import run_sync

if TYPE_CHECKING:
    import pyarrow as pa
    from web3 import Web3

    from stx_pipelines.clients import stacks_api
    from stx_pipelines.clients.ethereum_rpc import EthereumRpc


class OfProject(dg.ConfigurableResource):  # type: ignore[type-arg]
    """A resource over a project.

    `make` makes the project once for each run, so that the next run uses a changed `.env`.
    """

    make: Fixed[Callable[[], Project]] = Project.load
    _project: Project | None = PrivateAttr(None)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Make the resource from these settings instead of the environment and `.env`."""
        return cls(make=partial(Project, settings))

    def fixed(self) -> dict[str, object]:
        """Return the settings that code gave to this resource. Raises `SettingsError`."""
        return {}

    def chosen(self) -> dict[str, object]:
        """Return the settings that run config may choose."""
        return {}

    def project(self) -> Project:
        """Return the project with this resource's values on top. Raises `SettingsError`."""
        if self._project is None:
            self._project = self.make().replaced(**self.fixed(), **self.chosen())
        return self._project

    def settings(self) -> Settings:
        """Return the settings with this resource's values on top. Raises `SettingsError`."""
        return self.project().settings

    def over(self, make: Callable[[], Project]) -> Self:
        """Return the same resource over another project. Raises `SettingsError` if it was given a project already."""
        if "make" in self.model_fields_set:
            raise SettingsError("a resource of build_defs works over its project: give `project` to build_defs instead")
        return type(self)(**{name: getattr(self, name) for name in self.model_fields_set} | {"make": make})


class HiroResource(OfProject):
    """The Hiro API, as the settings `HIRO_*` describe it. Nothing of it is run config."""

    def get_client(self) -> stacks_api.StacksApi:
        """Return a new client. All clients on this machine share the budget of requests. Raises `SettingsError`."""
        return self.project().stacks_api()


class EthereumNodeResource(OfProject):
    """An Ethereum node, as the settings `ETH_*` describe it. Run config may choose the size and number of batches."""

    batch_size: int | None = None
    parallel_batches: int | None = None

    def chosen(self) -> dict[str, object]:
        """Return the size of a batch, and how many are in flight."""
        return _given(eth_batch_size=self.batch_size, eth_parallel_batches=self.parallel_batches)

    def get_client(self) -> EthereumRpc:
        """Return a new client. Raises `SettingsError` without `ETH_RPC_URL`."""
        return self.project().ethereum_rpc()

    def get_web3(self) -> Web3:
        """Return a `Web3` with the address, time-out and headers of the client.

        It neither keeps to `ETH_CALLS_PER_SECOND` nor hides the address in its own errors. Raises `SettingsError`
        without `ETH_RPC_URL`, and `ImportError` without the package web3.
        """
        try:
            from web3 import HTTPProvider, Web3
        except ModuleNotFoundError:
            raise ImportError(
                "get_web3() needs web3: install stx-pipelines with the extra [ethereum], pip install -e '.[ethereum]'"
            ) from None
        http = self.get_client().http
        headers = {**HTTPProvider.get_request_headers(), **http.headers}
        options = {"timeout": http.patience.timeout, "headers": headers}
        return Web3(HTTPProvider(http.base_url, request_kwargs=options))


class InFolder(OfProject):
    """A resource that may be given the data folder in code."""

    data_dir: Fixed[str | None] = None

    def fixed(self) -> dict[str, object]:
        """Return the folder that code gave. Raises `SettingsError`."""
        return super().fixed() | _given(stx_data_dir=self.data_dir)


class StacksApi(HiroResource, InFolder):
    """The Hiro API and where its days are stored. Empty values mean: as the settings say."""

    api_url: Fixed[str | None] = None
    requests_per_minute: Fixed[int | None] = None

    def fixed(self) -> dict[str, object]:
        """Return the address, the budget and the folder that code gave. Raises `SettingsError`."""
        return super().fixed() | _given(hiro_api_url=self.api_url, hiro_requests_per_minute=self.requests_per_minute)

    def sync(self, days: Collection[date], *, force: bool = False) -> Iterator[Outcome]:
        """Fetch, prove and store days. Raises what `run_sync` raises."""
        project = self.project()
        if not force:
            # Open days become stale while old days are fetched, so every run takes them first.
            days = {*days, *transactions_coverage(project, datetime.now(UTC)).stale(project.settings.open_every)}
        yield from run_sync(project, TRANSACTIONS, days, force=force)

    def summary(self, day: date) -> DaySummary:
        """Return the counts of a stored day that its materialization shows."""
        return summarize(self.project().store().files.columns(day, COLUMNS))


class EthereumNode(EthereumNodeResource, InFolder):
    """An Ethereum node and where its days are stored. Empty values mean: as the settings say."""

    def sync_blocks(self, days: Collection[date], *, force: bool = False) -> Iterator[Outcome]:
        """Fetch, prove and store days of blocks. Raises what `run_sync` raises."""
        yield from run_sync(self.project(), BLOCKS, days, force=force)

    def sync_balances(self, days: Collection[date], *, force: bool = False) -> Iterator[Outcome]:
        """Fetch, prove and store days of balances. Raises what `run_sync` raises."""
        yield from run_sync(self.project(), BALANCES, days, force=force)

    def rows(self, dataset: str, day: date) -> pa.Table:
        """Return the rows of a stored day."""
        return self.project().store(dataset).files.read(day)


class Metrics(InFolder):
    """The folder in which the metrics read and write. An empty value means: as the settings say."""

    def store(self) -> MetricStore:
        """Return the metrics of this data folder. Raises `SettingsError`."""
        return open_metrics(self.project())


class Warehouse(DuckDBResource):
    """A DuckDB database. Its path and the way it is opened are fixed in code."""

    database: Fixed[str]
    connection_config: Fixed[dict[str, Any]] = Field(default_factory=dict)


def read_only_warehouse(project: Project) -> Warehouse:
    """Return the database for the user's own assets, read-only: DuckDB allows one writer or many readers."""
    return Warehouse(database=str(project.folder.database.absolute()), connection_config={"access_mode": "read_only"})


def _given(**values: str | int | None) -> dict[str, object]:
    known = {name: value_of(value) for name, value in values.items()}
    return {name: value for name, value in known.items() if value is not None}
