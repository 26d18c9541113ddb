"""Functions that open the wallet metrics of a project."""

from __future__ import annotations

from datetime import date

from stx_pipelines.chains.datasets import PRICES, TRANSACTIONS, WALLET_BALANCES
from stx_pipelines.metrics.options import MetricOptions
from stx_pipelines.metrics.store import MetricStore
from stx_pipelines.project import Project
from stx_pipelines.settings import Settings, SettingsError
from stx_pipelines.store.identity import known_identity

SOURCES = (TRANSACTIONS, WALLET_BALANCES, PRICES)
"""The datasets that the metrics are computed from."""


def open_metrics(project: Project) -> MetricStore:
    """Return the metrics of the project's stored days of transactions. Raises `SettingsError` for wrong options."""
    for dataset in SOURCES:
        project.store(dataset).refresh()
    return MetricStore(
        folder=project.folder,
        files=project.store().files,
        warehouse=project.warehouse,
        first_day=chain_start(project),
        prices=project.store(PRICES).files if project.settings.stx_prices else None,
        options=metric_options(project.settings),
        served=project.served,
    )


def serve_results(project: Project) -> None:
    """Copy the results that the copy in PostgreSQL lacks, if there is one. Log a sentence if its server is away."""
    if project.served:
        # Options only decide what a new computation would give, and wrong ones must not fail a sync.
        MetricStore(project.folder, project.store().files, project.warehouse, served=project.served).serve_if_possible()


def metric_options(settings: Settings) -> MetricOptions:
    """Return the metric options in these settings. Raises `SettingsError` for wrong options."""
    try:
        return MetricOptions(
            windows=settings.stx_metric_windows,
            trailing_windows=settings.stx_trailing_windows,
            minimum_cohort=settings.stx_minimum_cohort,
            target_cpa_ustx=int(settings.stx_target_cpa_stx * 1_000_000),
            target_cpa_cents=None if (target := settings.stx_target_cpa_usd) is None else int(target * 100),
            excluded_types=settings.stx_excluded_types,
            left_censor_days=settings.stx_left_censor_days,
            breakeven_days=settings.stx_breakeven_days,
            data_start=settings.stx_data_start,
        )
    except ValueError as error:
        raise SettingsError(f"a setting of the wallet metrics is wrong: {error} (see .env.example)") from None


def chain_start(project: Project) -> date | None:
    """Return the Stacks chain's first day, None if it is not known.

    It is known after the first sync if the server had the chain's first block.
    """
    identity = known_identity(project.folder)
    return identity.first_day if identity is not None and identity.height == 1 else None
