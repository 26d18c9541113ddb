"""Putting a walk together from settings: the one place where client, budget, files and table meet."""

from __future__ import annotations

import threading

from stx_pipelines.clients.http import Http, Patience
from stx_pipelines.clients.rate_limit import Budget
from stx_pipelines.clients.stacks_api import StacksApi
from stx_pipelines.coverage.survey import open_landing
from stx_pipelines.settings import Settings
from stx_pipelines.sync.stacks.pages import OnPage
from stx_pipelines.sync.stacks.reorgs import identify
from stx_pipelines.sync.stacks.sync import Walk


def open_stacks_api(
    settings: Settings, stop: threading.Event | None = None, *, answer_within: float | None = None
) -> StacksApi:
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
                answer_within=answer_within,
                statuses=settings.hiro_retry_statuses,
            ),
            headers={"x-api-key": key.get_secret_value()} if key else {},
            stop=stop or threading.Event(),
        )
    )


def open_stacks(settings: Settings, *, on_page: OnPage = lambda _: None, stop: threading.Event | None = None) -> Walk:
    """The walk of Stacks transactions."""
    api = open_stacks_api(settings, stop)
    return Walk(
        api=api,
        landing=open_landing(settings),
        identity=lambda: identify(api, settings.stx_data_dir, settings.stx_first_day),
        on_page=on_page,
        tip_age=settings.stx_tip_age,
    )
