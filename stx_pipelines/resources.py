"""The Dagster face of clients and stores: settings in, plain objects out.

Configured values win over settings. Secrets are settings only, so that they never appear in the UI.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime

import dagster as dg
from dagster_duckdb import DuckDBResource
from pydantic import PrivateAttr

from stx_pipelines.settings import Settings, load_settings
from stx_pipelines.store.day_summary import DaySummary, summarize
from stx_pipelines.store.locks import locked
from stx_pipelines.sync.certify import DATASET
from stx_pipelines.sync.open import open_stacks
from stx_pipelines.sync.outcome import FailedDay, Landed
from stx_pipelines.sync.progress import Reporter, progress_file, run_lock
from stx_pipelines.sync.survey import survey_stacks
from stx_pipelines.sync.walk import Walk


class StacksApi(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The Hiro API and where its days land. Empty values mean: as the settings say."""

    api_url: str | None = None
    requests_per_minute: int | None = None
    data_dir: str | None = None

    _walk: Walk = PrivateAttr()

    def settings(self) -> Settings:
        """The settings with this resource's values on top. Raises `SettingsError`."""
        return load_settings(
            hiro_api_url=self.api_url, hiro_requests_per_minute=self.requests_per_minute, stx_data_dir=self.data_dir
        )

    def bring_home(self, days: Collection[date], *, force: bool = False) -> Iterator[Landed | FailedDay]:
        """Days as they land, while a progress file tells the outside. Raises what `Walk.bring_home` raises."""
        settings = self.settings()
        self._walk = open_stacks(settings)
        if not force:
            # What is open grows stale while old days are read, so it goes first in every run.
            days = {*days, *survey_stacks(settings, datetime.now(UTC)).stale(settings.open_every)}
        path = progress_file(settings.stx_data_dir, DATASET)
        with (
            locked(run_lock(settings.stx_data_dir, DATASET), "the dataset transactions", settings.stx_run_wait_seconds),
            Reporter(path, len(days), lambda: self._walk.api.http.sent) as reporter,
        ):
            self._walk.on_page = reporter.page
            for result in self._walk.bring_home(days, force=force):
                yield result
                failed = isinstance(result, FailedDay)
                reporter.day(result.day if isinstance(result, FailedDay) else result.certificate.day, failed=failed)

    def summary(self, day: date) -> DaySummary:
        """What a person wants to know of a day that has just landed."""
        return summarize(self._walk.landing.files.read(day))

    @property
    def requests(self) -> int:
        """How many requests this run has sent."""
        return self._walk.api.http.sent


def read_only_warehouse() -> DuckDBResource:
    """The warehouse for people's own assets. Ours never use it: one process may write, or many may read."""
    return DuckDBResource(
        database=str(load_settings().stx_data_dir / "warehouse.duckdb"),
        connection_config={"access_mode": "read_only"},
    )
