"""Putting the wallet metrics together from settings, for assets, sensors and the command line alike."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from stx_pipelines.chains.datasets import BALANCES
from stx_pipelines.coverage.survey import open_landing
from stx_pipelines.metrics.options import MetricOptions
from stx_pipelines.metrics.store import MetricStore
from stx_pipelines.settings import Settings, SettingsError
from stx_pipelines.store.identity import known_identity


def open_metrics(settings: Settings) -> MetricStore:
    """The metrics over the landed days of transactions. No request; the database is opened only to load results."""
    landing = open_landing(settings)
    return MetricStore(
        folder=settings.stx_data_dir,
        files=landing.files,
        warehouse=landing.warehouse,
        first_day=chain_start(settings),
        options=metric_options(settings),
    )


def page_path(data_folder: Path) -> Path:
    """Where the page of a data folder is, or will be."""
    return data_folder / "public" / "index.html"


def page_is_due(settings: Settings) -> bool:
    """Whether a day of Ethereum has closed since the page was made that shows its fee recipients."""
    page = page_path(settings.stx_data_dir)
    closed = [c.proved_at for c in open_landing(settings, BALANCES).files.certificates().values() if c.is_closed]
    return page.exists() and bool(closed) and max(closed).timestamp() > page.stat().st_mtime


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


def chain_start(settings: Settings) -> date | None:
    """The chain's first day; None before the first use, and for a server that does not have its chain's beginning."""
    identity = known_identity(settings.stx_data_dir)
    return identity.first_day if identity is not None and identity.height == 1 else None
