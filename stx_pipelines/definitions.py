"""The Dagster code location: what exists, and with which resources. Read this first.

`build_defs` is shared by production and tests; anything given replaces the production resource of that name.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import dagster as dg

from stx_pipelines.alerts import Channel, alert_sensor
from stx_pipelines.assets.dashboard import wallet_dashboard
from stx_pipelines.assets.stacks import transactions
from stx_pipelines.assets.wallets import wallet_metrics
from stx_pipelines.checks import stacks_checks
from stx_pipelines.checks_wallets import wallet_checks
from stx_pipelines.metrics_resource import Metrics
from stx_pipelines.resources import StacksApi, read_only_warehouse
from stx_pipelines.schedules import daily_schedule
from stx_pipelines.sensors import Watched, coverage_sensor, derived_sensor
from stx_pipelines.settings import Settings, load_settings
from stx_pipelines.sources.alerts import Email, Webhook
from stx_pipelines.sync.certify import DATASET
from stx_pipelines.sync.coverage import Coverage
from stx_pipelines.sync.metrics import open_metrics
from stx_pipelines.sync.open import open_stacks_api
from stx_pipelines.sync.progress import progress_file, read_progress, who_works
from stx_pipelines.sync.status import Health, stacks_health, stacks_status
from stx_pipelines.sync.survey import survey_stacks

stacks_sync = dg.define_asset_job(
    "stacks_sync",
    selection=dg.AssetSelection.assets(transactions).without_checks(),
    description="Fetch days of transactions.",
)
stacks_close = dg.define_asset_job(
    "stacks_close",
    selection=[transactions],
    description="Fetch days of transactions, then check the whole table.",
)


wallets_refresh = dg.define_asset_job(
    "wallets_refresh",
    selection=[wallet_metrics, wallet_dashboard],
    description="The wallet metrics and the dashboard, from the closed days.",
)


def build_defs(**resources: object) -> dg.Definitions:
    """Everything Dagster knows of this project. Sensors and schedules read the settings anew at every tick."""
    on = load_settings().stx_autostart
    return dg.Definitions(
        assets=[transactions, wallet_metrics, wallet_dashboard],
        asset_checks=[*stacks_checks, *wallet_checks],
        jobs=[stacks_sync, stacks_close, wallets_refresh],
        schedules=[daily_schedule("stacks_daily", DATASET, stacks_close, look_at_stacks, on=on)],
        sensors=[
            coverage_sensor("stacks_coverage", watch_stacks, stacks_sync, on=on),
            derived_sensor(
                "wallets_follow",
                wallets_refresh,
                stale=lambda: open_metrics(load_settings()).stale(),
                look=look_at_stacks,
                on=on,
            ),
            alert_sensor(
                "stacks_alerts",
                status=lambda now: stacks_status(load_settings(), now),
                health=judge_stacks,
                channels=lambda: alert_channels(load_settings()),
                on=on,
            ),
        ],
        resources={"stacks_api": StacksApi(), "metrics": Metrics(), "duckdb": read_only_warehouse(), **resources},
        # One process per run: a day's work is one thread of network and one short transaction, so a process per
        # step would only add seconds.
        executor=dg.in_process_executor,
    )


def look_at_stacks(now: datetime) -> Coverage:
    """How far the transactions are."""
    return survey_stacks(load_settings(), now)


def judge_stacks(now: datetime) -> Health:
    """Whether the transactions need a person."""
    settings = load_settings()
    return stacks_health(settings, now, timedelta(seconds=settings.stx_stall_seconds))


def watch_stacks() -> Watched:
    """What the coverage sensor asks about the transactions."""
    settings = load_settings()
    impatient = settings.model_copy(update={"hiro_attempts": 1, "hiro_timeout_seconds": 5.0})

    def last_active() -> datetime | None:
        progress = read_progress(progress_file(settings.stx_data_dir, DATASET))
        return progress.updated_at if progress else None

    return Watched(
        dataset=DATASET,
        look=look_at_stacks,
        holder=lambda: who_works(settings.stx_data_dir, DATASET),
        last_active=last_active,
        probe=lambda: open_stacks_api(impatient).tip(),
        budget=settings.budget,
        open_every=settings.open_every,
    )


def alert_channels(settings: Settings) -> Sequence[Channel]:
    """Where alerts go besides the log."""
    channels: list[Channel] = []
    if settings.stx_alert_webhook:
        channels.append(Webhook(settings.stx_alert_webhook.get_secret_value()))
    if settings.stx_alert_email_to:
        password = settings.stx_smtp_password
        channels.append(
            Email(
                host=settings.stx_smtp_host,
                port=settings.stx_smtp_port,
                sender=settings.stx_alert_email_from or settings.stx_alert_email_to,
                to=settings.stx_alert_email_to,
                user=settings.stx_smtp_user,
                password=password.get_secret_value() if password else None,
            )
        )
    return channels


defs = build_defs()
