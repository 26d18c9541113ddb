"""How far we are, from settings and files alone: no client is needed, no request is sent."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from stx_pipelines.chains.stacks import Tx
from stx_pipelines.settings import Settings
from stx_pipelines.store import stacks_rows
from stx_pipelines.store.attempts import AttemptFiles
from stx_pipelines.store.days import DayFiles
from stx_pipelines.store.identity import known_identity
from stx_pipelines.store.warehouse import Warehouse
from stx_pipelines.sync.certify import DATASET
from stx_pipelines.sync.coverage import Coverage, survey, wanted_days
from stx_pipelines.sync.land import Landing


def open_landing(settings: Settings) -> Landing[Tx]:
    """Day files and table of the transactions."""
    folder = days_folder(settings.stx_data_dir, DATASET)
    return Landing(
        DATASET,
        DayFiles(folder),
        AttemptFiles(folder),
        Warehouse(settings.stx_data_dir, patience=settings.stx_lock_wait_seconds),
        stacks_rows.to_arrow,
        patience=settings.stx_lock_wait_seconds,
    )


def days_folder(data_folder: Path, dataset: str) -> Path:
    """Where the day files of a dataset are."""
    return data_folder / "days" / dataset


def first_day_note(settings: Settings) -> str | None:
    """A sentence for people whose STX_FIRST_DAY is earlier than can be; None if it is not."""
    identity, wish = known_identity(settings.stx_data_dir), settings.stx_first_day
    if identity is None or wish is None or wish >= identity.first_day:
        return None
    if identity.height == 1:
        return f"STX_FIRST_DAY={wish} is before the chain's first day: days are wanted from {identity.first_day} on"
    return (
        f"STX_FIRST_DAY={wish} is before the day that {settings.stx_data_dir} began with: days are wanted from "
        f"{identity.first_day} on; for earlier ones set STX_DATA_DIR to a new folder"
    )


def survey_stacks(settings: Settings, now: datetime) -> Coverage:
    """How far the transactions are, from files alone: no request, no database, quick at any time."""
    identity = known_identity(settings.stx_data_dir)
    landing = open_landing(settings)
    published = landing.warehouse.published(landing.dataset)
    first_days = [day for day in (settings.stx_first_day, identity and identity.first_day) if day]
    return survey(
        wanted=wanted_days(settings.stx_target_days, now.date(), max(first_days, default=None)),
        landed=landing.files.certificates(),
        loaded=published.loaded,
        checked=published.checked,
        attempts=landing.attempts.all(),
        now=now,
        freshness=settings.freshness,
    )
