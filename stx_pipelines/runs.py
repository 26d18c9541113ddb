"""Materializing days from the command line: the same asset, the same history as in the UI, no daemon."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from datetime import date
from pathlib import Path

import dagster as dg

from stx_pipelines.assets.stacks import transactions
from stx_pipelines.resources import StacksApi

_QUIET = {"console": {"config": {"log_level": "CRITICAL"}}}


def materialize_days(ranges: Iterable[tuple[date, date]], *, force: bool = False) -> list[str]:
    """Materialize each range `(first, last)` in a run of its own; the sentences of the runs that failed."""
    logging.getLogger("stx_pipelines").propagate = False  # the progress bar has the terminal
    failures = []
    with _instance() as instance:
        for first, last in ranges:
            result = dg.materialize(
                [transactions],
                resources={"stacks_api": StacksApi()},
                instance=instance,
                raise_on_error=False,
                run_config={
                    "loggers": _QUIET,
                    "ops": {"transactions": {"config": {"force_refresh": force}}},
                },
                tags={
                    "dagster/asset_partition_range_start": first.isoformat(),
                    "dagster/asset_partition_range_end": last.isoformat(),
                },
            )
            failures += [_sentence(event) for event in result.get_step_failure_events()]
    return failures


def _instance() -> dg.DagsterInstance:
    """DAGSTER_HOME if set, else the history of the project folder, else none that is kept."""
    if os.environ.get("DAGSTER_HOME"):  # Dagster's own setting, not ours
        return dg.DagsterInstance.get()
    if Path("dagster.yaml").exists():
        return dg.DagsterInstance.from_config(str(Path.cwd()))
    return dg.DagsterInstance.ephemeral()


def _sentence(event: dg.DagsterEvent) -> str:
    data = event.step_failure_data
    if data.user_failure_data is not None and data.user_failure_data.description:
        return data.user_failure_data.description
    return data.error.message.strip() if data.error else "the run failed; the Dagster UI has its log"
