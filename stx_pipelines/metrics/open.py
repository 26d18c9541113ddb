"""The metrics of a project, as assets, sensors and commands use them."""

from __future__ import annotations

from datetime import date

from stx_pipelines.metrics.options import MetricOptions
from stx_pipelines.metrics.store import MetricStore
from stx_pipelines.project import Project
from stx_pipelines.settings import Settings, SettingsError
from stx_pipelines.store.identity import known_identity


def open_metrics(project: Project) -> MetricStore:
    """Return the metrics over the project's stored days of transactions. Raises `SettingsError`."""
    return MetricStore(
        folder=project.folder,
        files=project.store().files,
        warehouse=project.warehouse,
        first_day=chain_start(project),
        options=metric_options(project.settings),
    )


def metric_options(settings: Settings) -> MetricOptions:
    """Return the windows and thresholds of these settings. Raises `SettingsError`."""
    try:
        return MetricOptions(
            windows=settings.stx_metric_windows,
            trailing_windows=settings.stx_trailing_windows,
            minimum_cohort=settings.stx_minimum_cohort,
            target_cpa_ustx=int(settings.stx_target_cpa_stx * 1_000_000),
            excluded_types=settings.stx_excluded_types,
            left_censor_days=settings.stx_left_censor_days,
            breakeven_days=settings.stx_breakeven_days,
            data_start=settings.stx_data_start,
        )
    except ValueError as error:
        raise SettingsError(f"the wallet metrics: {error} (see .env.example)") from None


def chain_start(project: Project) -> date | None:
    """Return the chain's first day. None before the first use, and if the server lacks the beginning of its chain."""
    identity = known_identity(project.folder)
    return identity.first_day if identity is not None and identity.height == 1 else None
