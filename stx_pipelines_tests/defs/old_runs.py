"""Days of runs of both chains in Dagster's history, each day with its clean-up.

`python -m stx_pipelines_tests.defs.old_runs DAYS RUNS FULL_DAYS FULL_RUNS` prints how a history grows: `DAYS` days of
`RUNS` runs of each chain, then `FULL_DAYS` days of `FULL_RUNS` runs.
"""

import os
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import dagster as dg
from dagster._core.storage.partition_status_cache import AssetPartitionStatus
from dagster._core.test_utils import freeze_time

from stx_pipelines.chains.days import DAY
from stx_pipelines.coverage.model import Work
from stx_pipelines.defs.cleanup import clean_up
from stx_pipelines.defs.partitions import DATASET_TAG, range_tags
from stx_pipelines.settings import Settings

BEGAN = date(2026, 1, 1)
_DAYS = dg.DailyPartitionsDefinition(start_date=str(BEGAN), timezone="UTC", end_offset=1)
_METADATA = {f"fact_{number}": dg.MetadataValue.int(number) for number in range(12)} | {
    "table": dg.MetadataValue.md("| type | status | transactions |\n" * 40)
}
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
_MISHAP = "stx_pipelines_tests/fails"


def _asset(name: str) -> dg.AssetsDefinition:
    """Return an asset whose runs leave the same events as those of our daily assets."""

    @dg.asset(
        name=name,
        partitions_def=_DAYS,
        check_specs=[dg.AssetCheckSpec("days_are_proved", asset=name)],
    )
    def compute(context: dg.AssetExecutionContext) -> dg.MaterializeResult:  # type: ignore[type-arg]
        for day in context.partition_keys:
            context.log_event(dg.AssetMaterialization(context.asset_key, partition=day, metadata=_METADATA))
        if _MISHAP in context.run.tags:
            raise dg.Failure("the server responded with an error", allow_retries=False)
        checked = dg.AssetCheckResult(passed=True, check_name="days_are_proved", metadata=_METADATA)
        return dg.MaterializeResult(metadata=_METADATA, check_results=[checked])

    return compute


ASSETS = {"stacks": ["transactions"], "ethereum": ["blocks", "miners_balance"]}
KEYS = [dg.AssetKey(name) for names in ASSETS.values() for name in names]
_DEFINITIONS = dg.Definitions(
    assets=[_asset(name) for names in ASSETS.values() for name in names],
    jobs=[dg.define_asset_job(f"{chain}_sync", selection=names) for chain, names in ASSETS.items()],
    executor=dg.in_process_executor,
)
_JOBS = {chain: _DEFINITIONS.resolve_job_def(f"{chain}_sync") for chain in ASSETS}


def run(
    instance: dg.DagsterInstance,
    at: datetime,
    chain: str = "stacks",
    days: Sequence[date] = (),
    tags: dict[str, str] | None = None,
    *,
    fails: bool = False,
) -> str:
    """Run the sync job of a chain at this time; return the id of the run. By default, a sensor's run of two days."""
    tags = {DATASET_TAG: chain} if tags is None else tags
    days = days or [day for day in (at.date(), at.date() - DAY) if day >= BEGAN]
    with freeze_time(at):
        done = _JOBS[chain].execute_in_process(
            instance=instance,
            run_config=_QUIET,
            tags={**range_tags(Work(tuple(days))), **tags, **({_MISHAP: "1"} if fails else {})},
            raise_on_error=False,
        )
    assert done.success is not fails
    return done.run_id


class Size(NamedTuple):
    """The number of files below a folder, and the bytes that they take on the disk."""

    files: int
    size: int


def size_of(folder: Path) -> Size:
    """Return the size of Dagster's history in this folder."""
    found = [Path(place, name).stat() for place, _, names in os.walk(folder) for name in names]
    return Size(len(found), sum(each.st_blocks * 512 for each in found))


def pass_day(instance: dg.DagsterInstance, day: date, runs: int, settings: Settings) -> None:
    """Run each chain `runs` times on this day, once with a failure every ten days, then clean up."""
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    for number in range(runs):
        for chain in ASSETS:
            run(instance, noon + timedelta(minutes=number), chain, fails=day.day % 10 == 5 and not number)
    evening = noon + timedelta(hours=11)
    with freeze_time(evening):
        for _ in clean_up(instance, settings, evening):
            pass


def missing(instance: dg.DagsterInstance, last: date) -> dict[str, set[str]]:
    """Return the days up to `last` that are not materialized, for each asset that lacks some."""
    with freeze_time(datetime(last.year, last.month, last.day, 13, tzinfo=UTC)):
        wanted = set(_DAYS.get_partition_keys())
        found = {key.to_user_string(): wanted - instance.get_materialized_partitions(key) for key in KEYS}
        for key in KEYS:  # as the partition bar shows them
            states = instance.get_status_by_partition(key, sorted(wanted), _DAYS) or {}
            green = {name for name, state in states.items() if state is AssetPartitionStatus.MATERIALIZED}
            found[key.to_user_string()] |= wanted - green
    return {name: days for name, days in found.items() if days}


def main(days: int, runs: int, full_days: int, full_runs: int) -> None:
    """Print the growth of the history of the present folder's instance."""
    from stx_pipelines.cli.materialize import open_instance

    settings, folder = Settings(), Path(".dagster")
    with open_instance() as instance:
        for number in range(days + full_days):
            day = BEGAN + number * DAY
            pass_day(instance, day, runs if number < days else full_runs, settings)
            if number % 30 == 29 or number >= days - 1:
                counted = instance.get_runs_count()
                print(day, counted, "runs", *size_of(folder), "lacks", missing(instance, day), flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
