"""The Dagster face of the wallet metrics: settings in, a plain `MetricStore` out."""

from __future__ import annotations

import dagster as dg

from stx_pipelines.settings import load_settings
from stx_pipelines.store.metrics import MetricStore
from stx_pipelines.sync.metrics import open_metrics


class Metrics(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Where the metrics read and write. Empty values mean: as the settings say."""

    data_dir: str | None = None

    def store(self) -> MetricStore:
        """The metrics of this data folder. Raises `SettingsError`."""
        return open_metrics(load_settings(stx_data_dir=self.data_dir))
