"""The metrics of a project, for assets, sensors and commands alike."""

from __future__ import annotations

from datetime import date

from stx_pipelines.metrics.options import MetricOptions
from stx_pipelines.metrics.store import MetricStore
from stx_pipelines.project import Project
from stx_pipelines.settings import Settings, SettingsError
from stx_pipelines.store.identity import known_identity


def open_metrics(project: Project) -> MetricStore:
    """The metrics over the stored days of transactions. The database is opened only to load results."""
    return MetricStore(
        folder=project.folder,
        files=project.store().files,
        warehouse=project.warehouse,
        first_day=chain_start(project),
        options=metric_options(project.settings),
    )


def metric_options(settings: Settings) -> MetricOptions:
    """The windows and thresholds people chose. Raises `SettingsError`."""
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
    """The chain's first day; None before the first use, and for a server that does not have its chain's beginning."""
    identity = known_identity(project.folder)
    return identity.first_day if identity is not None and identity.height == 1 else None
