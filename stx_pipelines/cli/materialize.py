"""Functions that materialize assets without a daemon. The UI shows the same assets and history."""

from __future__ import annotations

import logging
import os
import textwrap
from collections.abc import Sequence
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import dagster as dg
from sqlalchemy.exc import SQLAlchemyError

from stx_pipelines.coverage.model import Work
from stx_pipelines.defs.assets.by_chain import daily_assets
from stx_pipelines.defs.assets.daily import BEHIND, PASSING
from stx_pipelines.defs.assets.dashboard import wallet_dashboard
from stx_pipelines.defs.assets.wallets import wallet_metrics
from stx_pipelines.defs.cleanup import clean_up
from stx_pipelines.defs.partitions import BY_SYNC, STARTED_BY_TAG, range_tags
from stx_pipelines.defs.resources import EthereumNode, Metrics, PriceSource, StacksApi
from stx_pipelines.project import Project
from stx_pipelines.settings import SettingsError
from stx_pipelines.store.files import StoreError
from stx_pipelines.store.locks import locked

_OPENING_SECONDS = 60.0
_LONGEST_REASON = 250
_MOST_STEPS = 500
_CLEANED = "stx_pipelines/old_runs"
"""The key under which Dagster's history keeps the day on which `sync` last deleted all old runs."""

_QUIET = {"console": {"config": {"log_level": "CRITICAL"}}}


def open_instance() -> dg.DagsterInstance:
    """Open and return the Dagster instance, which keeps the history.

    DAGSTER_HOME configures the instance if that variable is set. Otherwise a `dagster.yaml` in the current folder does.
    Without both, the instance is temporary. Raises `SettingsError` and `StoreError`.
    """
    home = os.environ.get("DAGSTER_HOME")  # Dagster reads this variable itself, so it is not in Settings
    if home and not (Path(home).is_absolute() and Path(home).is_dir()):
        raise SettingsError(f"DAGSTER_HOME is {home!r}: must be the absolute path of a folder, or unset")
    try:
        return _opened(has_home=bool(home))
    except StoreError:
        raise
    except Exception as error:
        # A dagster.yaml may name any class, and each has errors of its own.
        raise StoreError(
            f"Dagster's history could not be opened ({_root(error)}); stored days are kept: correct "
            f"{Path(home or Path.cwd()) / 'dagster.yaml'}, make room or fix the permissions"
        ) from error


def _opened(*, has_home: bool) -> dg.DagsterInstance:
    if has_home:
        return dg.DagsterInstance.get()
    if Path("dagster.yaml").exists():
        # Two processes that make Dagster's tables at the same time would damage them.
        with locked(Path(".dagster") / "opening.lock", "Dagster's history", _OPENING_SECONDS, leave_name=False):
            return dg.DagsterInstance.from_config(str(Path.cwd()))
    return dg.DagsterInstance.ephemeral()


def _root(error: BaseException) -> str:
    """Return the message of the first error of a chain of errors, in one line."""
    while error.__cause__ is not None:
        error = error.__cause__
    message = str(error)
    _, _, reason = message.partition("Error 1: ")  # of a list of wrong settings, whose title may be very long
    return textwrap.shorten(reason or message, _LONGEST_REASON, placeholder=" ...")


def clean_history(project: Project, instance: dg.DagsterInstance) -> str | None:
    """Delete old runs from Dagster's history, at most once a day. Return a sentence if that failed, otherwise None.

    A clean-up that is not done after `_MOST_STEPS` is continued by the next call.
    """
    now, memory = datetime.now(UTC), instance.daemon_cursor_storage
    try:
        if memory.get_cursor_values({_CLEANED}).get(_CLEANED) == str(now.date()):
            return None
        steps = sum(1 for _ in islice(clean_up(instance, project.settings, now), _MOST_STEPS))
        if steps < _MOST_STEPS:
            memory.set_cursor_values({_CLEANED: str(now.date())})
    except (SQLAlchemyError, OSError) as error:
        return f"old runs could not be deleted from Dagster's history ({_root(error)}); the next sync tries again"
    return None


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
        failures = _materialize(
            assets,
            resources={
                "stacks_api": StacksApi(make=lambda: project),
                "ethereum_node": EthereumNode(make=lambda: project),
                "price_source": PriceSource(make=lambda: project),
            },
            instance=instance,
            run_config={"loggers": _QUIET, "ops": {asset.op.name: config for asset in assets}},
            tags={**range_tags(Work((last, first))), STARTED_BY_TAG: BY_SYNC},
        )
    except dg.DagsterExecutionInterruptedError:
        raise KeyboardInterrupt from None
    if any(_was_interrupted(event) for event in failures):
        raise KeyboardInterrupt
    return [_failed(event) for event in failures]


def materialize_metrics(project: Project, instance: dg.DagsterInstance, *, only_page: bool = False) -> list[Failed]:
    """Materialize the metrics and the page, or only the page; return the failures."""
    failures = _materialize(
        [wallet_metrics, wallet_dashboard],
        selection=[wallet_dashboard] if only_page else None,
        resources={"metrics": Metrics(make=lambda: project)},
        instance=instance,
        run_config={"loggers": _QUIET},
        tags={STARTED_BY_TAG: BY_SYNC},
    )
    return [_failed(event) for event in failures]


def _materialize(assets: Sequence[dg.AssetsDefinition], **options: Any) -> Sequence[dg.DagsterEvent]:
    """Materialize assets in one run; return its failed steps. Raises `StoreError` if the history cannot be written."""
    try:
        return dg.materialize(assets, raise_on_error=False, **options).get_step_failure_events()
    except (OSError, SQLAlchemyError) as error:
        raise StoreError(
            f"Dagster's history could not be written ({_root(error)}); stored days are kept: make room, then run the "
            "same command again"
        ) from error


def _was_interrupted(event: dg.DagsterEvent) -> bool:
    error = event.step_failure_data.error
    return error is not None and error.cls_name == dg.DagsterExecutionInterruptedError.__name__


def _failed(event: dg.DagsterEvent) -> Failed:
    said, error = event.step_failure_data.user_failure_data, event.step_failure_data.error
    if said is not None and said.description:
        passing, behind = (bool(known and known.value) for known in map(said.metadata.get, (PASSING, BEHIND)))
        return Failed(said.description, passing, behind)
    cause = error.cause or error if error else None  # the error itself only says that the step failed
    reason = textwrap.shorten(cause.message, _LONGEST_REASON, placeholder=" ...") if cause else "the run failed"
    return Failed(f"{reason}; its log is in the Dagster UI", passing=False)
