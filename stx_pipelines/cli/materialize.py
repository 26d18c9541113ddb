"""Functions that materialize assets without a daemon. The UI shows the same assets and history."""

from __future__ import annotations

import logging
import os
from datetime import date
from pathlib import Path
from typing import NamedTuple

import dagster as dg

from stx_pipelines.coverage.model import Work
from stx_pipelines.defs.assets.by_chain import daily_assets
from stx_pipelines.defs.assets.daily import BEHIND, PASSING
from stx_pipelines.defs.assets.dashboard import wallet_dashboard
from stx_pipelines.defs.assets.wallets import wallet_metrics
from stx_pipelines.defs.partitions import range_tags
from stx_pipelines.defs.resources import EthereumNode, Metrics, PriceSource, StacksApi
from stx_pipelines.project import Project
from stx_pipelines.store.locks import locked

_OPENING_SECONDS = 60.0
_QUIET = {"console": {"config": {"log_level": "CRITICAL"}}}


def open_instance() -> dg.DagsterInstance:
    """Open and return the Dagster instance, which keeps the history.

    DAGSTER_HOME configures the instance if that variable is set. Otherwise a `dagster.yaml` in the current folder does.
    Without both, the instance is temporary.
    """
    if os.environ.get("DAGSTER_HOME"):  # Dagster reads this variable itself, so it is not in Settings
        return dg.DagsterInstance.get()
    if Path("dagster.yaml").exists():
        # Two processes that make Dagster's tables at the same time would damage them.
        with locked(Path(".dagster") / "opening.lock", "Dagster's history", _OPENING_SECONDS, leave_name=False):
            return dg.DagsterInstance.from_config(str(Path.cwd()))
    return dg.DagsterInstance.ephemeral()


class Failed(NamedTuple):
    """The failure of one step of a run.

    `sentence` gives the reason. `passing` is true if a later attempt may succeed without any change. `behind` is true
    if the only reason is that the server is behind.
    """

    sentence: str
    passing: bool
    behind: bool = False


def materialize_days(
    project: Project, instance: dg.DagsterInstance, chain: str, first: date, last: date, *, force: bool
) -> list[Failed]:
    """Materialize the days `first` to `last` of a chain in one run; return the failures.

    `force` also reads closed days again. Raises `KeyboardInterrupt` if the run was interrupted.
    """
    logging.getLogger("stx_pipelines").propagate = False  # log lines would break the progress bar
    config, assets = {"config": {"force_refresh": force}}, daily_assets(chain, project)
    try:
        result = dg.materialize(
            assets,
            resources={
                "stacks_api": StacksApi(make=lambda: project),
                "ethereum_node": EthereumNode(make=lambda: project),
                "price_source": PriceSource(make=lambda: project),
            },
            instance=instance,
            raise_on_error=False,
            run_config={"loggers": _QUIET, "ops": {asset.op.name: config for asset in assets}},
            tags=range_tags(Work((last, first))),
        )
    except dg.DagsterExecutionInterruptedError:
        raise KeyboardInterrupt from None
    failures = result.get_step_failure_events()
    if any(_was_interrupted(event) for event in failures):
        raise KeyboardInterrupt
    return [_failed(event) for event in failures]


def materialize_metrics(project: Project, instance: dg.DagsterInstance, *, only_page: bool = False) -> list[Failed]:
    """Materialize the metrics and the page, or only the page; return the failures."""
    result = dg.materialize(
        [wallet_metrics, wallet_dashboard],
        selection=[wallet_dashboard] if only_page else None,
        resources={"metrics": Metrics(make=lambda: project)},
        instance=instance,
        raise_on_error=False,
        run_config={"loggers": _QUIET},
    )
    return [_failed(event) for event in result.get_step_failure_events()]


def _was_interrupted(event: dg.DagsterEvent) -> bool:
    error = event.step_failure_data.error
    return error is not None and error.cls_name == dg.DagsterExecutionInterruptedError.__name__


def _failed(event: dg.DagsterEvent) -> Failed:
    said, error = event.step_failure_data.user_failure_data, event.step_failure_data.error
    if said is not None and said.description:
        passing, behind = (bool(known and known.value) for known in map(said.metadata.get, (PASSING, BEHIND)))
        return Failed(said.description, passing, behind)
    return Failed(error.message.strip() if error else "the run failed; its log is in the Dagster UI", passing=False)
