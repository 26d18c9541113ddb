"""The Dagster face of clients and stores: settings in, plain objects out.

Configured values win over settings. Secrets are settings only, so that they never appear in the UI.
"""

from __future__ import annotations

from pathlib import Path

import dagster as dg
from dagster_duckdb import DuckDBResource

from stx_pipelines.settings import Settings, load_settings
from stx_pipelines.sync.open import open_stacks
from stx_pipelines.sync.read import OnPage
from stx_pipelines.sync.walk import Walk


class StacksApi(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The Hiro API and where its days land. Empty values mean: as the settings say."""

    api_url: str | None = None
    requests_per_minute: int | None = None
    data_dir: str | None = None

    def settings(self) -> Settings:
        """The settings with this resource's values on top. Raises `SettingsError`."""
        return load_settings(
            hiro_api_url=self.api_url, hiro_requests_per_minute=self.requests_per_minute, stx_data_dir=self.data_dir
        )

    def walk(self, on_page: OnPage) -> Walk:
        """What brings days of transactions home."""
        return open_stacks(self.settings(), on_page=on_page)


def read_only_duckdb(settings: Settings) -> DuckDBResource:
    """The warehouse for people's own assets. Ours never use it: one process may write, or many may read."""
    return DuckDBResource(
        database=str(Path(settings.stx_data_dir) / "warehouse.duckdb"), connection_config={"access_mode": "read_only"}
    )


