"""The Dagster face of clients and stores: settings in, plain objects out.

Values given here win over settings. Secrets are settings only, so that they never appear in the UI; addresses, folders
and budgets can be given in code, and not in run config.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster_duckdb import DuckDBResource
from pydantic import Field

from stx_pipelines.chains.datasets import BALANCES, BLOCKS, TRANSACTIONS
from stx_pipelines.coverage.survey import open_landing, survey_transactions
from stx_pipelines.defs.fixed import Fixed, value_of
from stx_pipelines.settings import Settings, load_settings
from stx_pipelines.store.day_summary import COLUMNS, DaySummary, summarize
from stx_pipelines.sync.ethereum.open import open_balances, open_blocks
from stx_pipelines.sync.outcome import Outcome
from stx_pipelines.sync.runner import run_walk
from stx_pipelines.sync.stacks.open import open_stacks

if TYPE_CHECKING:
    import pyarrow as pa


class StacksApi(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The Hiro API and where its days land. Empty values mean: as the settings say."""

    api_url: Fixed[str | None] = None
    requests_per_minute: Fixed[int | None] = None
    data_dir: Fixed[str | None] = None

    def settings(self) -> Settings:
        """The settings with this resource's values on top. Raises `SettingsError`."""
        return load_settings(
            hiro_api_url=value_of(self.api_url),
            hiro_requests_per_minute=value_of(self.requests_per_minute),
            stx_data_dir=value_of(self.data_dir),
        )

    def bring_home(self, days: Collection[date], *, force: bool = False) -> Iterator[Outcome]:
        """Days as they land. Raises what `run_walk` and `Walk.bring_home` raise."""
        settings = self.settings()
        walk = open_stacks(settings)
        if not force:
            # What is open grows stale while old days are read, so it goes first in every run.
            days = {*days, *survey_transactions(settings, datetime.now(UTC)).stale(settings.open_every)}
        yield from run_walk(settings, TRANSACTIONS, walk, days, lambda: walk.api.http.sent, force=force)

    def summary(self, day: date) -> DaySummary:
        """What a person wants to know of a day that has just landed."""
        return summarize(open_landing(self.settings()).files.columns(day, COLUMNS))


class EthereumNode(dg.ConfigurableResource):  # type: ignore[type-arg]
    """An Ethereum node and where its days land. Empty values mean: as the settings say."""

    batch_size: int | None = None
    parallel_batches: int | None = None
    data_dir: Fixed[str | None] = None

    def settings(self) -> Settings:
        """The settings with this resource's values on top. Raises `SettingsError`."""
        return load_settings(
            eth_batch_size=self.batch_size,
            eth_parallel_batches=self.parallel_batches,
            stx_data_dir=value_of(self.data_dir),
        )

    def bring_blocks_home(self, days: Collection[date], *, force: bool = False) -> Iterator[Outcome]:
        """Days of blocks as they land. Raises what `run_walk` and `BlocksWalk.bring_home` raise."""
        settings = self.settings()
        walk = open_blocks(settings)
        yield from run_walk(settings, BLOCKS, walk, days, lambda: walk.node.calls, force=force)

    def bring_balances_home(self, days: Collection[date], *, force: bool = False) -> Iterator[Outcome]:
        """Days of balances as they land. Raises what `run_walk` and `BalancesWalk.bring_home` raise."""
        settings = self.settings()
        walk = open_balances(settings)
        yield from run_walk(settings, BALANCES, walk, days, lambda: walk.node.calls, force=force)

    def rows(self, dataset: str, day: date) -> pa.Table:
        """The rows of a day that has just landed."""
        return open_landing(self.settings(), dataset).files.read(day)


class Warehouse(DuckDBResource):
    """A DuckDB database, which one and how it is opened being fixed in code."""

    database: Fixed[str]
    connection_config: Fixed[dict[str, Any]] = Field(default_factory=dict)


def read_only_warehouse() -> Warehouse:
    """The warehouse for people's own assets. Ours never use it: one process may write, or many may read."""
    return Warehouse(
        database=str(load_settings().stx_data_dir / "warehouse.duckdb"),
        connection_config={"access_mode": "read_only"},
    )
