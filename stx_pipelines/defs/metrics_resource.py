"""The Dagster face of the wallet metrics: settings in, a plain `MetricStore` out."""

from __future__ import annotations

import dagster as dg

from stx_pipelines.defs.fixed import Fixed, value_of
from stx_pipelines.metrics.open import open_metrics
from stx_pipelines.metrics.store import MetricStore
from stx_pipelines.settings import Settings, load_settings


class Metrics(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Where the metrics read and write. Empty values mean: as the settings say."""

    data_dir: Fixed[str | None] = None

    def settings(self) -> Settings:
        """The settings with this resource's folder on top. Raises `SettingsError`."""
        return load_settings(stx_data_dir=value_of(self.data_dir))

    def store(self) -> MetricStore:
        """The metrics of this data folder. Raises `SettingsError`."""
        return open_metrics(self.settings())
