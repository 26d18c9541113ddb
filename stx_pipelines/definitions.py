"""The Dagster code location: what exists, and with which resources. Read this first.

`build_defs` is shared by production and tests; anything given replaces the production resource of that name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

import dagster as dg

from stx_pipelines.clients.notify import Email, Webhook
from stx_pipelines.coverage.datasets import ETHEREUM, NO_ETHEREUM, STACKS, Chain, chains_of
from stx_pipelines.coverage.health import Health, judge_chain
from stx_pipelines.coverage.model import Coverage
from stx_pipelines.coverage.progress import last_report, who_works
from stx_pipelines.coverage.status import chain_status
from stx_pipelines.defs.alerts import Channel, alert_sensor
from stx_pipelines.defs.assets.dashboard import wallet_dashboard
from stx_pipelines.defs.assets.ethereum import blocks, miners_balance
from stx_pipelines.defs.assets.transactions import transactions
from stx_pipelines.defs.assets.wallets import wallet_metrics
from stx_pipelines.defs.checks import certified_ethereum, stacks_checks
from stx_pipelines.defs.checks_ethereum import ethereum_checks
from stx_pipelines.defs.checks_wallets import wallet_checks
from stx_pipelines.defs.metrics_resource import Metrics
from stx_pipelines.defs.resources import EthereumNode, StacksApi, read_only_warehouse
from stx_pipelines.defs.schedules import daily_schedule
from stx_pipelines.defs.sensors import Watched, coverage_sensor, derived_sensor
from stx_pipelines.metrics.open import open_metrics
from stx_pipelines.settings import Settings, load_settings
from stx_pipelines.sync.ethereum.open import open_node
from stx_pipelines.sync.look import look_at_tip
from stx_pipelines.sync.stacks.open import open_stacks_api

_PROBE_SECONDS = 15.0

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
ethereum_sync = dg.define_asset_job(
    "ethereum_sync",
    selection=dg.AssetSelection.assets(blocks, miners_balance).without_checks(),
    description="Fetch days of Ethereum blocks, then their fee recipients' balances.",
)
ethereum_close = dg.define_asset_job(
    "ethereum_close",
    selection=[blocks, miners_balance],
    description="Fetch days of Ethereum, then check the whole tables.",
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
        assets=[transactions, wallet_metrics, wallet_dashboard, blocks, miners_balance],
        asset_checks=[*stacks_checks, *wallet_checks, *certified_ethereum, *ethereum_checks],
        jobs=[stacks_sync, stacks_close, wallets_refresh, ethereum_sync, ethereum_close],
        schedules=[
            daily_schedule("stacks_daily", STACKS.name, stacks_close, partial(look_at, STACKS), on=on),
            daily_schedule("ethereum_daily", ETHEREUM.name, ethereum_close, partial(look_at, ETHEREUM), on=on),
        ],
        sensors=[
            coverage_sensor("stacks_coverage", watch_stacks, stacks_sync, on=on),
            coverage_sensor("ethereum_coverage", watch_ethereum, ethereum_sync, on=on),
            derived_sensor(
                "wallets_follow",
                wallets_refresh,
                stale=lambda: open_metrics(load_settings()).stale(),
                look=partial(look_at, STACKS),
                on=on,
            ),
            _alerts(STACKS, on=on, about_runs=True),
            _alerts(ETHEREUM, on=on, about_runs=False),
        ],
        resources={
            "stacks_api": StacksApi(),
            "ethereum_node": EthereumNode(),
            "metrics": Metrics(),
            "duckdb": read_only_warehouse(),
            **resources,
        },
        # One process per run: a day's work is one thread of network and one short transaction, so a process per
        # step would only add seconds.
        executor=dg.in_process_executor,
    )


def _alerts(chain: Chain, *, on: bool, about_runs: bool) -> dg.SensorDefinition:
    return alert_sensor(
        f"{chain.name}_alerts",
        status=lambda now: chain_status(load_settings(), chain, now),
        health=partial(judge, chain),
        channels=lambda: alert_channels(load_settings()),
        on=on,
        about_runs=about_runs,
        set_up=lambda: chain in chains_of(load_settings()),
    )


def look_at(chain: Chain, now: datetime) -> Coverage:
    """How far a chain is."""
    return chain.look(load_settings(), now)


def judge(chain: Chain, now: datetime) -> Health:
    """Whether a chain needs a person."""
    settings = load_settings()
    return judge_chain(settings, chain, now, timedelta(seconds=settings.stx_stall_seconds))


def watch_stacks() -> Watched:
    """What the coverage sensor asks about the transactions."""
    settings = load_settings()
    impatient = settings.model_copy(update={"hiro_attempts": 1, "hiro_timeout_seconds": 5.0})
    probe = partial(open_stacks_api, impatient, answer_within=_PROBE_SECONDS)
    return _watch(settings, STACKS, impatient, probe=lambda: probe().tip())


def watch_ethereum() -> Watched | str:
    """What the coverage sensor asks about Ethereum, or why there is nothing to ask."""
    settings = load_settings()
    if settings.eth_rpc_url is None:
        return NO_ETHEREUM
    impatient = settings.model_copy(update={"eth_attempts": 1, "eth_timeout_seconds": 5.0})
    probe = partial(open_node, impatient, answer_within=_PROBE_SECONDS)
    return _watch(settings, ETHEREUM, impatient, probe=lambda: probe().block("latest"))


def _watch(settings: Settings, chain: Chain, impatient: Settings, probe: Callable[[], object]) -> Watched:
    def last_active() -> datetime | None:
        report = last_report(settings.stx_data_dir, *chain.tables)
        return report.updated_at if report else None

    return Watched(
        name=chain.name,
        look=partial(look_at, chain),
        holder=lambda: who_works(settings.stx_data_dir, *chain.tables),
        last_active=last_active,
        probe=probe,
        look_at_tip=lambda: look_at_tip(impatient, chain),
        budget=chain.budget(settings),
        open_every=settings.open_every,
        unit=chain.unit,
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
