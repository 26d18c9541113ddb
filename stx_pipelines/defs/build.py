"""The Dagster code location: what exists, and with which resources. Shared by production and tests."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import dagster as dg

from stx_pipelines.coverage.datasets import ETHEREUM, STACKS, Chain, chains_of
from stx_pipelines.defs.alerts import alert_sensor
from stx_pipelines.defs.assets.dashboard import wallet_dashboard
from stx_pipelines.defs.assets.ethereum import blocks, miners_balance
from stx_pipelines.defs.assets.transactions import transactions
from stx_pipelines.defs.assets.wallets import wallet_metrics
from stx_pipelines.defs.checks import ALL_CHECKS
from stx_pipelines.defs.jobs import ALL_JOBS, ethereum_close, ethereum_sync, stacks_close, stacks_sync, wallets_refresh
from stx_pipelines.defs.resources import (
    EthereumNode,
    MakeProject,
    Metrics,
    StacksApi,
    maker_of,
    read_only_warehouse,
    settings_given_to,
)
from stx_pipelines.defs.schedules import daily_schedule
from stx_pipelines.defs.sensors import coverage_sensor, derived_sensor
from stx_pipelines.defs.watched import judge, look_at, status_of, watch
from stx_pipelines.metrics.open import open_metrics
from stx_pipelines.project import Project


def build_defs(project: Project | Callable[[], Project] | None = None, **resources: object) -> dg.Definitions:
    """Everything Dagster knows of a project.

    `project` is a project, or a function that makes one; by default one is made of the environment and `.env`, anew at
    every tick and run, so that a raised target counts at once. A resource that is given replaces the one of that name.
    The folder, address and budget that it was given hold for assets, checks, sensors and alerts alike.
    Raises `SettingsError`.
    """
    make = maker_of(project, **settings_given_to(resources.values()))
    on = make().settings.stx_autostart
    return dg.Definitions(
        assets=[transactions, wallet_metrics, wallet_dashboard, blocks, miners_balance],
        asset_checks=ALL_CHECKS,
        jobs=ALL_JOBS,
        schedules=[
            daily_schedule("stacks_daily", STACKS.name, stacks_close, partial(look_at, make, STACKS), on=on),
            daily_schedule("ethereum_daily", ETHEREUM.name, ethereum_close, partial(look_at, make, ETHEREUM), on=on),
        ],
        sensors=[
            coverage_sensor("stacks_coverage", partial(watch, make, STACKS), stacks_sync, on=on),
            coverage_sensor("ethereum_coverage", partial(watch, make, ETHEREUM), ethereum_sync, on=on),
            derived_sensor(
                "wallets_follow",
                wallets_refresh,
                stale=lambda: open_metrics(make()).stale(),
                look=partial(look_at, make, STACKS),
                on=on,
            ),
            _alerts(make, STACKS, on=on, about_runs=True),
            _alerts(make, ETHEREUM, on=on, about_runs=False),
        ],
        resources={
            "stacks_api": StacksApi(make=make),
            "ethereum_node": EthereumNode(make=make),
            "metrics": Metrics(make=make),
            "duckdb": read_only_warehouse(make()),
            **resources,
        },
        # One process per run: a day's work is one thread of network and one short transaction, so a process per
        # step would only add seconds.
        executor=dg.in_process_executor,
    )


def _alerts(make: MakeProject, chain: Chain, *, on: bool, about_runs: bool) -> dg.SensorDefinition:
    return alert_sensor(
        f"{chain.name}_alerts",
        status=partial(status_of, make, chain),
        health=partial(judge, make, chain),
        channels=lambda: make().alert_channels(),
        on=on,
        about_runs=about_runs,
        set_up=lambda: chain in chains_of(make()),
    )
