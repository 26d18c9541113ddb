"""Functions that build the Dagster code location from its assets, checks, jobs, schedules, sensors and resources."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import dagster as dg

from stx_pipelines.coverage.chains import ETHEREUM, PRICES, STACKS, STACKS_BALANCES
from stx_pipelines.defs.alerts import alert_sensor, failure_sensor
from stx_pipelines.defs.assets.by_chain import DAILY, daily_assets
from stx_pipelines.defs.assets.coverage import coverage_assets
from stx_pipelines.defs.assets.dashboard import wallet_dashboard
from stx_pipelines.defs.assets.wallets import wallet_metrics
from stx_pipelines.defs.checks import ALL_CHECKS, parts_checks
from stx_pipelines.defs.jobs import (
    ethereum_jobs,
    prices_close,
    prices_sync,
    stacks_balances_sync,
    stacks_close,
    stacks_sync,
    wallets_refresh,
)
from stx_pipelines.defs.resources import EthereumNode, Metrics, OfProject, PriceSource, StacksApi, read_only_warehouse
from stx_pipelines.defs.schedules import daily_schedule
from stx_pipelines.defs.sensors import coverage_sensor, derived_sensor
from stx_pipelines.defs.watched import look_at, see, watch
from stx_pipelines.metrics.open import open_metrics
from stx_pipelines.project import Project
from stx_pipelines.settings import SettingsError


def build_defs(project: Project | Callable[[], Project] | None = None, **resources: object) -> dg.Definitions:
    """Return the Dagster definitions of a project.

    `project` is a project, or a function that makes one. By default, every tick and every run makes a project from the
    environment and `.env`, so that a raised target applies at once. A resource given by name replaces our resource of
    that name and uses the same project. The folder, address and budget of that resource apply to the whole code
    location.

    Raises `SettingsError` for a wrong setting.
    """
    make = _with_settings_of(resources, project)
    now = make()
    on = now.settings.stx_autostart
    of_stacks, of_ethereum = (daily_assets(chain.name, now.settings) for chain in (STACKS, ETHEREUM))
    ethereum = ethereum_jobs(of_ethereum)
    return dg.Definitions(
        assets=[
            *_with_source(
                [
                    *of_stacks,
                    wallet_metrics,
                    wallet_dashboard,
                    *of_ethereum,
                    *DAILY["stacks_balances"],
                    *DAILY["prices"],
                ]
            ),
            *coverage_assets(now),
        ],
        asset_checks=[*ALL_CHECKS, *(parts_checks() if now.settings.eth_parts else ())],
        jobs=[stacks_sync, stacks_close, stacks_balances_sync, wallets_refresh, *ethereum, prices_sync, prices_close],
        schedules=[
            daily_schedule("stacks_daily", STACKS.name, stacks_close, partial(look_at, make, STACKS), on=on),
            daily_schedule("ethereum_daily", ETHEREUM.name, ethereum.close, partial(look_at, make, ETHEREUM), on=on),
            daily_schedule("prices_daily", PRICES.name, prices_close, partial(look_at, make, PRICES), on=on),
        ],
        sensors=[
            coverage_sensor("stacks_coverage", partial(watch, make, STACKS), stacks_sync, on=on),
            coverage_sensor(
                "stacks_balances_coverage", partial(watch, make, STACKS_BALANCES), stacks_balances_sync, on=on
            ),
            coverage_sensor("ethereum_coverage", partial(watch, make, ETHEREUM), ethereum.sync, on=on),
            coverage_sensor("prices_coverage", partial(watch, make, PRICES), prices_sync, on=on),
            derived_sensor(
                "wallets_follow",
                wallets_refresh,
                stale=lambda: open_metrics(make()).stale(),
                look=partial(look_at, make, STACKS),
                on=on,
            ),
            alert_sensor("stacks_alerts", partial(see, make, STACKS), on=on),
            alert_sensor("stacks_balances_alerts", partial(see, make, STACKS_BALANCES), on=on),
            alert_sensor("ethereum_alerts", partial(see, make, ETHEREUM), on=on),
            alert_sensor("prices_alerts", partial(see, make, PRICES), on=on),
            failure_sensor("run_failures", lambda: make().alert_channels(), on=on),
        ],
        resources={
            "stacks_api": StacksApi(make=make),
            "ethereum_node": EthereumNode(make=make),
            "price_source": PriceSource(make=make),
            "metrics": Metrics(make=make),
            "duckdb": read_only_warehouse(now),
            **{name: each.over(make) if isinstance(each, OfProject) else each for name, each in resources.items()},
        },
        # All steps of a run share one process, because a process per step would only add seconds.
        executor=dg.in_process_executor,
    )


def _with_source(assets: Sequence[dg.AssetsDefinition]) -> Sequence[Any]:
    """Link each asset to its source file and line in the UI."""
    with warnings.catch_warnings():
        # This beta feature was tested with the pinned minor version of Dagster.
        warnings.filterwarnings("ignore", category=dg.BetaWarning, message=".*(with_source_code_references|CodeRef).*")
        return dg.with_source_code_references(assets)


def _with_settings_of(
    resources: Mapping[str, object], project: Project | Callable[[], Project] | None
) -> Callable[[], Project]:
    """Return a function that makes the given project with the settings that code gave to the resources.

    Raises `SettingsError` if code gave two resources different values of a setting.
    """
    given: dict[str, object] = {}
    for resource in resources.values():
        for name, value in resource.fixed().items() if isinstance(resource, OfProject) else ():
            if given.setdefault(name, value) != value:
                raise SettingsError(
                    f"two resources were given different values of {name.upper()}: {given[name]} and {value}; "
                    "give both the same value, or give it to only one of them"
                )
    if isinstance(project, Project):
        fixed = project.replaced(**given)
        return lambda: fixed
    load = project or Project.load
    return lambda: load().replaced(**given)
