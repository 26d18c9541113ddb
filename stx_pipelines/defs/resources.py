"""Dagster resources that give assets and checks the clients and stores of a project.

A value given in code replaces the setting. Code can give addresses, folders and budgets, but run config cannot. Secrets
can only be settings, so that the UI never shows them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, date, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import dagster as dg
from dagster_duckdb import DuckDBResource
from pydantic import Field, PrivateAttr

from stx_pipelines.chains.datasets import BALANCES, BLOCKS, PARTS, PRICES, TRANSACTIONS, WALLET_BALANCES
from stx_pipelines.clients.redaction import IPC, WEBSOCKET
from stx_pipelines.coverage.chains import PRICES as PRICE_CHAIN
from stx_pipelines.coverage.chains import STACKS_BALANCES, chains_of
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
    """A resource that uses a project.

    `make` is a function that returns the project. It is called once for each run, so that a changed `.env` applies to
    the next run.
    """

    make: Fixed[Callable[[], Project]] = Project.load
    _project: Project | None = PrivateAttr(None)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return a resource that uses these settings instead of the environment and `.env`."""
        return cls(make=partial(Project, settings))

    def fixed(self) -> dict[str, object]:
        """Return the settings that code gave to this resource, by name. Raises `SettingsError`."""
        return {}

    def chosen(self) -> dict[str, object]:
        """Return the settings that run config gave to this resource, by name."""
        return {}

    def project(self) -> Project:
        """Return the project, with the settings that this resource was given. Raises `SettingsError`."""
        if self._project is None:
            self._project = self.make().replaced(**self.fixed(), **self.chosen())
        return self._project

    def settings(self) -> Settings:
        """Return the settings of the resource's project. Raises `SettingsError`."""
        return self.project().settings

    def over(self, make: Callable[[], Project]) -> Self:
        """Return the same resource with another project. Raises `SettingsError` if code gave it a project already."""
        if "make" in self.model_fields_set:
            raise SettingsError(
                "a resource given to build_defs uses the project of build_defs; give `project` to build_defs instead"
            )
        return type(self)(**{name: getattr(self, name) for name in self.model_fields_set} | {"make": make})


class HiroResource(OfProject):
    """The Hiro API with the settings `HIRO_*`. Run config cannot change them."""

    def get_client(self) -> stacks_api.StacksApi:
        """Return a new client. All clients on this machine share the request budget. Raises `SettingsError`."""
        return self.project().stacks_api()


class EthereumNodeResource(OfProject):
    """An Ethereum node with the settings `ETH_*`.

    Run config may change two of them: `batch_size`, the most calls in a request, and `parallel_batches`, the number of
    requests at a time.
    """

    batch_size: int | None = None
    parallel_batches: int | None = None

    def chosen(self) -> dict[str, object]:
        """Return the settings for the size of a batch and the number of batches at a time, if they were given."""
        return _given(eth_batch_size=self.batch_size, eth_parallel_batches=self.parallel_batches)

    def get_client(self) -> EthereumRpc:
        """Return a new client. Raises `SettingsError` if `ETH_RPC_URL` is not set."""
        return self.project().ethereum_rpc()

    def get_web3(self) -> Web3:
        """Return a `Web3` with the address, time-out and headers of the client. A socket of `ipc://` has no headers.

        Its requests are not limited to `ETH_CALLS_PER_SECOND`, and its errors may show the address. Raises
        `SettingsError` if `ETH_RPC_URL` is not set or is a WebSocket, and `ImportError` if web3 is not installed.
        """
        try:
            from web3 import HTTPProvider, IPCProvider, Web3
        except ModuleNotFoundError:
            raise ImportError(
                "get_web3() needs the package web3; install the extra [ethereum] with pip install -e '.[ethereum]'"
            ) from None
        http = self.get_client().http
        if http.base_url.startswith(WEBSOCKET):
            raise SettingsError("get_web3() cannot use a WebSocket: set ETH_RPC_URL to an http, https or ipc address")
        if http.base_url.startswith(IPC):
            return Web3(IPCProvider(http.base_url.removeprefix(IPC), timeout=math.ceil(http.patience.timeout)))
        headers = {**HTTPProvider.get_request_headers(), **http.headers}
        options = {"timeout": http.patience.timeout, "headers": headers}
        return Web3(HTTPProvider(http.base_url, request_kwargs=options))


class InFolder(OfProject):
    """A resource that uses the data folder. Code may give the folder as `data_dir`."""

    data_dir: Fixed[str | None] = None

    def fixed(self) -> dict[str, object]:
        """Return the setting for the data folder, if code gave one. Raises `SettingsError`."""
        return super().fixed() | _given(stx_data_dir=self.data_dir)

    def rows(self, dataset: str, day: date) -> pa.Table:
        """Return the rows of a stored day."""
        return self.project().store(dataset).files.read(day)


class StacksApi(HiroResource, InFolder):
    """The Hiro API and the data folder for its days. If a value is None, the setting applies."""

    api_url: Fixed[str | None] = None
    requests_per_minute: Fixed[int | None] = None

    def fixed(self) -> dict[str, object]:
        """Return the settings for the address, the budget and the folder that code gave. Raises `SettingsError`."""
        return super().fixed() | _given(hiro_api_url=self.api_url, hiro_requests_per_minute=self.requests_per_minute)

    def sync(self, days: Collection[date], *, force: bool = False) -> Iterator[Outcome]:
        """Fetch, prove and store days, and yield the outcome of each day. Raises the errors of `run_sync`.

        Stale open days are added to `days`, unless `force` is true. With `force`, closed days are fetched again.
        """
        project = self.project()
        if not force:
            # Open days become stale while old days are fetched, so every run fetches the stale ones again.
            days = {*days, *transactions_coverage(project, datetime.now(UTC)).stale(project.settings.open_every)}
        yield from run_sync(project, TRANSACTIONS, days, force=force)

    def sync_balances(self, days: Collection[date], *, force: bool = False) -> Iterator[Outcome]:
        """Read, prove and store the balances of the new wallets of days, and yield the outcome of each day.

        With `force`, closed days are read again. Raises `SettingsError` without STX_BALANCES, and the errors of
        `run_sync`.
        """
        project = self.project()
        chains_of(project, STACKS_BALANCES.name)  # raises if the setting is missing
        yield from run_sync(project, WALLET_BALANCES, days, force=force)

    def summary(self, day: date) -> DaySummary:
        """Return the counts of a stored day, which its materialization shows."""
        return summarize(self.project().store().files.columns(day, COLUMNS))


class EthereumNode(EthereumNodeResource, InFolder):
    """An Ethereum node and the data folder for its days. If a value is None, the setting applies."""

    def sync_blocks(self, days: Collection[date], *, force: bool = False) -> Iterator[Outcome]:
        """Fetch, prove and store days of blocks, and yield the outcome of each day.

        With `force`, closed days are fetched again. Raises the errors of `run_sync`.
        """
        yield from run_sync(self.project(), BLOCKS, days, force=force)

    def sync_balances(self, days: Collection[date], *, force: bool = False) -> Iterator[Outcome]:
        """Fetch, prove and store days of balances, and yield the outcome of each day.

        With `force`, closed days are fetched again. Raises the errors of `run_sync`.
        """
        yield from run_sync(self.project(), BALANCES, days, force=force)

    def sync_parts(self, days: Collection[date], *, force: bool = False) -> Iterator[Outcome]:
        """Fetch, prove and store days of the parts of increases, and yield the outcome of each day.

        With `force`, closed days are fetched again. Raises the errors of `run_sync`.
        """
        yield from run_sync(self.project(), PARTS, days, force=force)


class PriceSource(InFolder):
    """The source of prices and the data folder for its days. If a value is None, the setting applies."""

    def sync(self, days: Collection[date], *, force: bool = False) -> Iterator[Outcome]:
        """Fetch, prove and store days of prices, and yield the outcome of each day.

        With `force`, closed days are fetched again. Raises `SettingsError` without STX_PRICES, and the errors of
        `run_sync`.
        """
        project = self.project()
        chains_of(project, PRICE_CHAIN.name)  # raises if the setting is missing
        yield from run_sync(project, PRICES, days, force=force)


class Metrics(InFolder):
    """The data folder in which the metrics read and write. If `data_dir` is None, the setting applies."""

    def store(self) -> MetricStore:
        """Return the store of the metrics in this data folder. Raises `SettingsError`."""
        return open_metrics(self.project())


class Warehouse(DuckDBResource):
    """A DuckDB database. Only code can set its path and its connection options."""

    database: Fixed[str]
    connection_config: Fixed[dict[str, Any]] = Field(default_factory=dict)


def read_only_warehouse(project: Project) -> Warehouse:
    """Return the database for the user's own assets. It is opened read-only, because DuckDB allows only one writer."""
    return Warehouse(database=str(project.folder.database.absolute()), connection_config={"access_mode": "read_only"})


def _given(**values: str | int | None) -> dict[str, object]:
    known = {name: value_of(value) for name, value in values.items()}
    return {name: value for name, value in known.items() if value is not None}
