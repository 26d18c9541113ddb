"""The Dagster code location: what exists, and with which resources. Shared by production and tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import dagster as dg

from stx_pipelines.coverage.chains import ETHEREUM, STACKS
from stx_pipelines.defs.alerts import alert_sensor, failure_sensor
from stx_pipelines.defs.assets.by_chain import DAILY
from stx_pipelines.defs.assets.dashboard import wallet_dashboard
from stx_pipelines.defs.assets.wallets import wallet_metrics
from stx_pipelines.defs.checks import ALL_CHECKS
from stx_pipelines.defs.jobs import ALL_JOBS, ethereum_close, ethereum_sync, stacks_close, stacks_sync, wallets_refresh
from stx_pipelines.defs.resources import EthereumNode, Metrics, OfProject, StacksApi, read_only_warehouse
from stx_pipelines.defs.schedules import daily_schedule
from stx_pipelines.defs.sensors import coverage_sensor, derived_sensor
from stx_pipelines.defs.watched import look_at, see, watch
from stx_pipelines.metrics.open import open_metrics
from stx_pipelines.project import Project
from stx_pipelines.settings import SettingsError


def build_defs(project: Project | Callable[[], Project] | None = None, **resources: object) -> dg.Definitions:
    """Everything Dagster knows of a project.

    `project` is a project, or a function that makes one. By default one is made of the environment and `.env`, anew for
    every tick and run, so that a raised target counts at once. A resource that is given replaces the one of that name
    and works over the same project. The folder, address and budget that it was given hold for the whole code location.
    Raises `SettingsError`.
    """
    make = _with_settings_of(resources, project)
    now = make()
    on = now.settings.stx_autostart
    return dg.Definitions(
        assets=[*DAILY["stacks"], wallet_metrics, wallet_dashboard, *DAILY["ethereum"]],
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
            alert_sensor("stacks_alerts", partial(see, make, STACKS), on=on),
            alert_sensor("ethereum_alerts", partial(see, make, ETHEREUM), on=on),
            failure_sensor("run_failures", lambda: make().alert_channels(), on=on),
        ],
        resources={
            "stacks_api": StacksApi(make=make),
            "ethereum_node": EthereumNode(make=make),
            "metrics": Metrics(make=make),
            "duckdb": read_only_warehouse(now),
            **{name: each.over(make) if isinstance(each, OfProject) else each for name, each in resources.items()},
        },
        # One process per run: a day's work is one thread of network and one short transaction, so a process per
        # step would only add seconds.
        executor=dg.in_process_executor,
    )


def _with_settings_of(
    resources: Mapping[str, object], project: Project | Callable[[], Project] | None
) -> Callable[[], Project]:
    """What makes the project of a code location: the one given, with the settings that code gave to its resources.

    Raises `SettingsError` where two resources were given different ones.
    """
    given: dict[str, object] = {}
    for resource in resources.values():
        for name, value in resource.fixed().items() if isinstance(resource, OfProject) else ():
            if given.setdefault(name, value) != value:
                raise SettingsError(
                    f"two resources were given a different {name.upper()}: {given[name]} and {value}; "
                    "give both the same, or give it to one alone"
                )
    if isinstance(project, Project):
        fixed = project.replaced(**given)
        return lambda: fixed
    load = project or Project.load
    return lambda: load().replaced(**given)
