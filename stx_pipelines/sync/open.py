"""Putting a walk together from settings: the one place where client, budget, files and table meet."""

from __future__ import annotations

import threading
from datetime import datetime
from pathlib import Path

from stx_pipelines.chains.stacks import Tx
from stx_pipelines.settings import Settings
from stx_pipelines.sources.budget import Budget
from stx_pipelines.sources.http import Http, Patience
from stx_pipelines.sources.stacks_api import StacksApi
from stx_pipelines.store import stacks_rows
from stx_pipelines.store.attempts import AttemptFiles
from stx_pipelines.store.days import DayFiles
from stx_pipelines.store.warehouse import Warehouse
from stx_pipelines.sync.certify import DATASET
from stx_pipelines.sync.chain_check import identify, known_identity
from stx_pipelines.sync.coverage import Coverage, survey, wanted_days
from stx_pipelines.sync.land import Landing
from stx_pipelines.sync.read import OnPage
from stx_pipelines.sync.walk import Walk


def open_stacks_api(settings: Settings, stop: threading.Event | None = None) -> StacksApi:
    """The client for the Stacks chain, with its budget and patience."""
    key = settings.hiro_api_key
    return StacksApi(
        Http(
            base_url=settings.hiro_api_url,
            budget=Budget(settings.hiro_api_url, settings.budget),
            patience=Patience(
                attempts=settings.hiro_attempts,
                first_wait=settings.hiro_first_wait_seconds,
                last_wait=settings.hiro_last_wait_seconds,
                timeout=settings.hiro_timeout_seconds,
                longest_wait=settings.hiro_longest_wait_seconds,
                statuses=settings.hiro_retry_statuses,
            ),
            headers={"x-api-key": key.get_secret_value()} if key else {},
            stop=stop or threading.Event(),
        )
    )


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


def open_stacks(settings: Settings, *, on_page: OnPage = lambda _: None, stop: threading.Event | None = None) -> Walk:
    """The walk of Stacks transactions."""
    api = open_stacks_api(settings, stop)
    return Walk(
        api=api,
        landing=open_landing(settings),
        identity=lambda: identify(api, settings.stx_data_dir, settings.stx_first_day),
        on_page=on_page,
    )


def survey_stacks(settings: Settings, now: datetime) -> Coverage:
    """How far the transactions are, from files alone: no request, no database, quick at any time."""
    identity = known_identity(settings.stx_data_dir)
    landing = open_landing(settings)
    published = landing.warehouse.published(landing.dataset)
    first_day = settings.stx_first_day or (identity.first_day if identity else None)
    return survey(
        wanted=wanted_days(settings.stx_target_days, now.date(), first_day),
        landed=landing.files.certificates(),
        loaded=published.loaded,
        checked=published.checked,
        attempts=landing.attempts.all(),
        now=now,
        freshness=settings.freshness,
    )
