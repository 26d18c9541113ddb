"""The Dagster face of a project: its clients and stores, for assets and checks.

Values given here win over settings. Secrets are settings only, so that they never appear in the UI; addresses, folders
and budgets can be given in code, and not in run config.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Self

import dagster as dg
from dagster_duckdb import DuckDBResource
from pydantic import Field, PrivateAttr

from stx_pipelines.chains.datasets import BALANCES, BLOCKS, TRANSACTIONS
from stx_pipelines.coverage.survey import survey_transactions
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


class OfProject(dg.ConfigurableResource):  # type: ignore[type-arg]
    """A resource over a project, which `make` makes once for each run: a change in `.env` counts from the next on."""

    make: Fixed[Callable[[], Project]] = Project.load
    data_dir: Fixed[str | None] = None
    _project: Project | None = PrivateAttr(None)

    def fixed(self) -> dict[str, object]:
        """The settings that code gave to this resource. Raises `SettingsError`."""
        return _given(stx_data_dir=self.data_dir)

    def chosen(self) -> dict[str, object]:
        """The settings that run config may choose."""
        return {}

    def project(self) -> Project:
        """The project with this resource's values on top. Raises `SettingsError`."""
        if self._project is None:
            self._project = self.make().replaced(**self.fixed(), **self.chosen())
        return self._project

    def settings(self) -> Settings:
        """The settings with this resource's values on top. Raises `SettingsError`."""
        return self.project().settings

    def over(self, make: Callable[[], Project]) -> Self:
        """The same resource over another project. Raises `SettingsError` where it was given one of its own."""
        if "make" in self.model_fields_set:
            raise SettingsError("a resource of build_defs works over its project: give `project` to build_defs instead")
        return type(self)(**{name: getattr(self, name) for name in self.model_fields_set} | {"make": make})


class StacksApi(OfProject):
    """The Hiro API and where its days are stored. Empty values mean: as the settings say."""

    api_url: Fixed[str | None] = None
    requests_per_minute: Fixed[int | None] = None

    def fixed(self) -> dict[str, object]:
        """The address, the budget and the folder that code gave. Raises `SettingsError`."""
        return super().fixed() | _given(hiro_api_url=self.api_url, hiro_requests_per_minute=self.requests_per_minute)

    def sync(self, days: Collection[date], *, force: bool = False) -> Iterator[Outcome]:
        """Fetch, prove and store days. Raises what `run_sync` raises."""
        project = self.project()
        if not force:
            # What is open grows stale while old days are read, so it goes first in every run.
            days = {*days, *survey_transactions(project, datetime.now(UTC)).stale(project.settings.open_every)}
        yield from run_sync(project, TRANSACTIONS, days, force=force)

    def summary(self, day: date) -> DaySummary:
        """What a person wants to know of a day that has just been stored."""
        return summarize(self.project().store().files.columns(day, COLUMNS))


class EthereumNode(OfProject):
    """An Ethereum node and where its days are stored. Empty values mean: as the settings say."""

    batch_size: int | None = None
    parallel_batches: int | None = None

    def chosen(self) -> dict[str, object]:
        """The size of a batch, and how many are in flight."""
        return _given(eth_batch_size=self.batch_size, eth_parallel_batches=self.parallel_batches)

    def sync_blocks(self, days: Collection[date], *, force: bool = False) -> Iterator[Outcome]:
        """Fetch, prove and store days of blocks. Raises what `run_sync` raises."""
        yield from run_sync(self.project(), BLOCKS, days, force=force)

    def sync_balances(self, days: Collection[date], *, force: bool = False) -> Iterator[Outcome]:
        """Fetch, prove and store days of balances. Raises what `run_sync` raises."""
        yield from run_sync(self.project(), BALANCES, days, force=force)

    def rows(self, dataset: str, day: date) -> pa.Table:
        """The rows of a day that has just been stored."""
        return self.project().store(dataset).files.read(day)


class Metrics(OfProject):
    """Where the metrics read and write. Empty values mean: as the settings say."""

    def store(self) -> MetricStore:
        """The metrics of this data folder. Raises `SettingsError`."""
        return open_metrics(self.project())


class Warehouse(DuckDBResource):
    """A DuckDB database, which one and how it is opened being fixed in code."""

    database: Fixed[str]
    connection_config: Fixed[dict[str, Any]] = Field(default_factory=dict)


def read_only_warehouse(project: Project) -> Warehouse:
    """The warehouse for people's own assets. Ours never use it: one process may write, or many may read."""
    return Warehouse(database=str(project.folder.database.absolute()), connection_config={"access_mode": "read_only"})


def _given(**values: str | int | None) -> dict[str, object]:
    known = {name: value_of(value) for name, value in values.items()}
    return {name: value for name, value in known.items() if value is not None}
