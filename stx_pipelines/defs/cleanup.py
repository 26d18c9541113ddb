"""The clean-up of Dagster's history, which would otherwise grow for ever by every run.

Finished runs are deleted after some days, with their events and their output. A partition is materialized only as long
as its event exists, so the event is first reported again without a run. Only runs with our tags are deleted, because a
history in PostgreSQL may have runs of others. Dagster itself deletes old ticks (`retention` in dagster.yaml).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
from dagster import DagsterEventType, DagsterRun, DagsterRunStatus, RunsFilter

from stx_pipelines.coverage.chains import CHAINS
from stx_pipelines.defs.partitions import BY_A_PERSON, BY_SENSOR, BY_SYNC, DATASET_TAG, STARTED_BY_TAG
from stx_pipelines.settings import Settings

if TYPE_CHECKING:
    from dagster._core.storage.event_log import SqlEventLogStorage

_SECONDS_BETWEEN_TICKS = 120
_STEPS_PER_TICK = 50
_RUNS_AT_ONCE = 50
_FAILED = [DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]

Step = str
"""What one step of the clean-up did: `DELETED` or `REPORTED`."""

DELETED: Step = "a run was deleted"
REPORTED: Step = "a partition was reported again"


def cleanup_sensor(name: str, settings: Callable[[], Settings], *, on: bool) -> dg.SensorDefinition:
    """Make the sensor that deletes old runs, a few at each tick. It launches no runs."""

    @dg.sensor(
        name=name,
        minimum_interval_seconds=_SECONDS_BETWEEN_TICKS,
        default_status=dg.DefaultSensorStatus.RUNNING if on else dg.DefaultSensorStatus.STOPPED,
        description="Deletes finished runs after some days. Their days stay materialized.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        steps = list(islice(clean_up(context.instance, settings(), datetime.now(UTC)), _STEPS_PER_TICK))
        return dg.SkipReason(f"old runs deleted: {steps.count(DELETED)}" if steps else "no run is old")

    return sensor


def mark_run(context: dg.AssetExecutionContext) -> None:
    """Mark a run of our assets as started by a person, unless a tag says that we started it."""
    if not {STARTED_BY_TAG, DATASET_TAG} & context.run.tags.keys():
        context.instance.add_run_tags(context.run.run_id, {STARTED_BY_TAG: BY_A_PERSON})


def clean_up(instance: dg.DagsterInstance, settings: Settings, now: datetime) -> Iterator[Step]:
    """Delete old runs, oldest first. Yield after each step. After any step, every partition is still materialized.

    A later call continues where this one was stopped.
    """
    for run in _old_runs(instance, settings, now):
        yield from _report_again(instance, run.run_id)
        _delete(instance, run.run_id)
        yield DELETED


def _old_runs(instance: dg.DagsterInstance, settings: Settings, now: datetime) -> Iterator[DagsterRun]:
    """Yield the finished runs that are no longer kept. Each must be deleted before the next one is taken."""
    kept, kept_longer = timedelta(days=settings.stx_keep_runs_days), timedelta(days=settings.stx_keep_failed_runs_days)
    success, by_a_person = [DagsterRunStatus.SUCCESS], {STARTED_BY_TAG: [BY_A_PERSON]}
    choices = [([*success, *_FAILED], by_a_person, kept_longer)]
    for tags in ({DATASET_TAG: list(CHAINS)}, {STARTED_BY_TAG: [BY_SENSOR, BY_SYNC]}):
        choices += [(success, tags, kept), (_FAILED, tags, kept_longer)]
    # SQLite gives the numbers of the newest events again if they are deleted, and sensors would miss the new events.
    newest = [each.dagster_run.run_id for each in instance.get_run_records(limit=1, order_by="update_timestamp")]
    for statuses, tags, age in choices:
        old = RunsFilter(statuses=statuses, tags=tags, updated_before=now - age)
        while records := instance.get_run_records(old, limit=_RUNS_AT_ONCE, ascending=True):
            runs = [each.dagster_run for each in records if each.dagster_run.run_id not in newest]
            if not runs:
                break
            yield from runs


def _report_again(instance: dg.DagsterInstance, run_id: str) -> Iterator[Step]:
    """Report without a run the materializations that are the newest of their partition or asset. Yield after each."""
    partitions: dict[dg.AssetKey, set[str | None]] = defaultdict(set)
    for entry in instance.all_logs(run_id, of_type=DagsterEventType.ASSET_MATERIALIZATION):
        if made := entry.asset_materialization:
            partitions[made.asset_key].add(made.partition)
    for key, names in partitions.items():
        for made in _newest(instance, key, names, run_id):
            instance.report_runless_asset_event(made)
            yield REPORTED


def _newest(
    instance: dg.DagsterInstance, key: dg.AssetKey, partitions: set[str | None], run_id: str
) -> list[dg.AssetMaterialization]:
    """Return the materializations of this run that are the newest of their partition, oldest first."""
    if named := {each for each in partitions if each is not None}:
        kind = DagsterEventType.ASSET_MATERIALIZATION
        newest = instance.event_log_storage.get_latest_storage_id_by_partition(key, kind, named)
        wanted = dg.AssetRecordsFilter(asset_key=key, storage_ids=list(newest.values()))
        records = instance.fetch_materializations(wanted, limit=len(newest), ascending=True).records
    else:
        records = instance.fetch_materializations(key, limit=1).records
    return [each.asset_materialization for each in records if each.run_id == run_id and each.asset_materialization]


def _delete(instance: dg.DagsterInstance, run_id: str) -> None:
    """Delete a run after its output and its events, so that a clean-up that was killed finds the run again."""
    from dagster._core.storage.event_log import SqlEventLogStorage, SqliteEventLogStorage

    instance.compute_log_manager.delete_logs(prefix=[run_id])
    events = instance.event_log_storage
    if isinstance(events, SqlEventLogStorage):
        _delete_checks(events, run_id)
    events.delete_events(run_id)
    instance.run_storage.delete_run(run_id)
    if isinstance(events, SqliteEventLogStorage):  # Dagster empties the file of the run's events, but keeps it
        Path(events.path_for_shard(run_id)).unlink(missing_ok=True)


def _delete_checks(events: SqlEventLogStorage, run_id: str) -> None:
    """Delete the results of a run's checks, which Dagster keeps for ever, except the newest result of each check."""
    import sqlalchemy as sql
    from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, AssetKeyTable

    table = AssetCheckExecutionsTable
    later = table.alias()
    same = sql.and_(
        later.c.asset_key == table.c.asset_key, later.c.check_name == table.c.check_name, later.c.id > table.c.id
    )
    known = table.c.asset_key.in_(sql.select(AssetKeyTable.c.asset_key))  # all, so that the table's index is used
    with events.index_connection() as connection:
        connection.execute(table.delete().where(known, table.c.run_id == run_id, sql.exists().where(same)))
