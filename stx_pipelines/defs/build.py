"""Functions that build the Dagster code location from its assets, checks, jobs, schedules, sensors and resources."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import dagster as dg

from stx_pipelines.coverage.chains import CHAINS, STACKS
from stx_pipelines.defs.alerts import alert_sensor, failure_sensor
from stx_pipelines.defs.assets.by_chain import DAILY, daily_assets
from stx_pipelines.defs.assets.coverage import coverage_assets
from stx_pipelines.defs.assets.dashboard import wallet_dashboard
from stx_pipelines.defs.assets.wallets import wallet_metrics
from stx_pipelines.defs.checks import ALL_CHECKS
from stx_pipelines.defs.cleanup import cleanup_sensor
from stx_pipelines.defs.jobs import chain_jobs, wallets_refresh
from stx_pipelines.defs.resources import EthereumNode, Metrics, OfProject, PriceSource, StacksApi, read_only_warehouse
from stx_pipelines.defs.schedules import daily_schedule
from stx_pipelines.defs.sensors import coverage_sensor, derived_sensor
from stx_pipelines.defs.watched import look_at, post_of, see, watch
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
    chains = CHAINS.values()
    daily = {chain.name: daily_assets(chain.name, now) for chain in chains}
    jobs = {name: chain_jobs(name, assets) for name, assets in daily.items()}
    of_days = [asset for assets in daily.values() for asset in assets]
    return dg.Definitions(
        assets=[*_with_source([*of_days, wallet_metrics, wallet_dashboard]), *coverage_assets(now)],
        asset_checks=_checks_with(of_days),
        jobs=[wallets_refresh, *(job for each in jobs.values() for job in each)],
        schedules=[
            daily_schedule(
                f"{chain.name}_daily", chain.name, jobs[chain.name].close, partial(look_at, make, chain), on=on
            )
            for chain in chains
        ],
        sensors=[
            *(
                coverage_sensor(f"{chain.name}_coverage", partial(watch, make, chain), jobs[chain.name].sync, on=on)
                for chain in chains
            ),
            derived_sensor(
                "wallets_follow",
                wallets_refresh,
                stale=lambda: open_metrics(make()).stale(),
                look=partial(look_at, make, STACKS),
                on=on,
            ),
            *(alert_sensor(f"{chain.name}_alerts", partial(see, make, chain), on=on) for chain in chains),
            cleanup_sensor("old_runs", lambda: make().settings, on=on),
            failure_sensor("run_failures", lambda: post_of(make()), on=on),
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


def _checks_with(of_days: Sequence[dg.AssetsDefinition]) -> list[dg.AssetChecksDefinition]:
    """Return all checks except those of daily assets that are not among `of_days`, because they are switched off."""
    off = {asset.key for assets in DAILY.values() for asset in assets} - {asset.key for asset in of_days}
    return [check for check in ALL_CHECKS if off.isdisjoint(key.asset_key for key in check.check_keys)]


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
