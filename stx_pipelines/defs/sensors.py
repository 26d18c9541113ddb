"""The sensors that launch runs: one for each chain, and one for the wallet metrics.

Each tick computes the coverage again, so that a lost day or a raised target counts at the next tick.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import dagster as dg
import msgspec
from dagster import DagsterRunStatus, RunRecord, RunsFilter

from stx_pipelines.chains.clock import SKEW, is_past
from stx_pipelines.clients.errors import ApiError
from stx_pipelines.coverage.model import Coverage
from stx_pipelines.coverage.progress import BETWEEN_RUNS
from stx_pipelines.coverage.text import coverage_sentence, days_are
from stx_pipelines.defs.cursors import remembered
from stx_pipelines.defs.outages import Outage, believed, limit_of, outage_of, standstill_of
from stx_pipelines.defs.partitions import BY_SENSOR, DATASET_TAG, MACHINE_TAG, STARTED_BY_TAG, range_tags
from stx_pipelines.defs.watched import Watched
from stx_pipelines.store.files import StoreError
from stx_pipelines.store.locks import this_machine
from stx_pipelines.store.shared import SharedError

_SECONDS_BETWEEN_TICKS = 30
_RUNS_LOOKED_AT = 20
_LONGEST_REFRESH = timedelta(hours=1)
_NOT_FINISHED = (
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
)


class Memory(msgspec.Struct):
    """The cursor of a coverage sensor. `says` is the sentence of the last tick, `outage` its pause.

    The UI shows the cursor beside every tick, so the sentence is the first field.
    """

    says: str = ""
    outage: Outage | None = None


def coverage_sensor(
    name: str,
    watch: Callable[[], Watched | str],
    job: dg.JobDefinition | dg.UnresolvedAssetJobDefinition,
    *,
    on: bool,
) -> dg.SensorDefinition:
    """Make the sensor that launches runs of a chain when its days are missing or stale.

    `watch` gives the state of the chain, or the reason why the chain is not watched. It is called at every tick, so
    that a target raised in `.env` applies at once. `on` starts the sensor by default.
    """

    @dg.sensor(
        name=name,
        job=job,
        minimum_interval_seconds=_SECONDS_BETWEEN_TICKS,
        default_status=dg.DefaultSensorStatus.RUNNING if on else dg.DefaultSensorStatus.STOPPED,
        description="Launches runs for open days every few minutes, and for missing days, newest first.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        memory = remembered(context, Memory)
        watched = watch()
        if isinstance(watched, str):
            return dg.SensorResult(skip_reason=watched)
        now = datetime.now(UTC)
        try:
            result = tick(watched, context.instance, memory, now)
        except SharedError as error:  # nothing is known of other machines, so no run is launched or judged
            return _rest(str(error), memory.outage)
        observed = watched.observe(context.instance, now)
        return result._replace(asset_events=[observed]) if observed else result

    return sensor


def tick(watched: Watched, instance: dg.DagsterInstance, memory: Memory, now: datetime) -> dg.SensorResult:
    """Return a request for a run of the next range of days, or skip with a sentence that gives the reason."""
    runs = instance.get_run_records(RunsFilter(tags={DATASET_TAG: watched.name}), limit=_RUNS_LOOKED_AT)
    coverage, outage = watched.look(now), believed(memory.outage, now)
    holder = watched.holder()
    active = watched.last_active()
    lives = holder is not None or (active is not None and abs(now - active) < BETWEEN_RUNS)
    in_flight = _in_flight(instance, runs, now, lives=lives, sees_all=watched.sees_all)
    if in_flight or holder:
        return _rest(f"{_said(watched, coverage)}; now {_range(instance, in_flight) if in_flight else holder}", outage)
    work = coverage.next(watched.budget, open_every=watched.open_every)
    if coverage.old_tip and (work is None or not coverage.behind):
        outage, why = standstill_of(coverage.old_tip, outage, watched.check_tip, now)
        coverage = watched.look(now)
        work = coverage.next(watched.budget, open_every=watched.open_every)
        if work is None and coverage.behind:
            return _rest(f"{_said(watched, coverage)}; {why}", outage)
    sentence = _said(watched, coverage)
    if work is None:
        return _rest(f"{sentence}; {'the target is reached' if coverage.is_complete else 'nothing is due'}", None)
    past = [run for run in runs if is_past(datetime.fromtimestamp(run.end_time or 0, UTC), now)]
    found = limit_of(instance, past, coverage, now) or outage_of(past, coverage, outage, watched.probe, now)
    if found:
        outage, why = found
        return _rest(f"{sentence}; {why}", outage)
    if set(work.days) <= set(coverage.stale(watched.open_every)):
        with suppress(ApiError, StoreError):  # the run reports the error
            watched.check_tip()
        coverage = watched.look(now)
        work, sentence = coverage.next(watched.budget, open_every=watched.open_every), _said(watched, coverage)
        if work is None:
            return _rest(f"{sentence}; the tip has not moved", None)
    request = dg.RunRequest(tags={**range_tags(work), DATASET_TAG: watched.name})
    return dg.SensorResult(run_requests=[request], cursor=_cursor(f"{sentence}; now {work}", None))


def _said(watched: Watched, coverage: Coverage) -> str:
    return coverage_sentence(coverage, watched.budget, unit=watched.unit)


def _rest(sentence: str, outage: Outage | None) -> dg.SensorResult:
    return dg.SensorResult(skip_reason=sentence, cursor=_cursor(sentence, outage))


def _cursor(sentence: str, outage: Outage | None) -> str:
    return msgspec.json.encode(Memory(sentence, outage)).decode()


def _in_flight(
    instance: dg.DagsterInstance, runs: Sequence[RunRecord], now: datetime, *, lives: bool, sees_all: bool
) -> RunRecord | None:
    """Return the run that is in progress, or None. Report a run as failed if its process no longer exists.

    `lives` is true if a process is syncing this chain now or did so a moment ago. Unless `sees_all`, this is known of
    this machine only, so a run on another machine counts as in progress.
    """
    for record in runs:
        if record.dagster_run.is_finished:
            continue
        began = record.start_time or record.create_timestamp.timestamp()
        is_young = abs(now.timestamp() - began) < BETWEEN_RUNS.total_seconds()
        if lives or is_young or _waits(instance, record) or not (sees_all or _elsewhere(instance, record) is None):
            return record
        instance.report_run_failed(record.dagster_run, "The run's process no longer exists; stored days are kept.")
    return None


def _waits(instance: dg.DagsterInstance, record: RunRecord) -> bool:
    """Return whether a run waits for its turn: in the queue, or for a worker of a launcher that watches its workers.

    Dagster's run monitoring ends a run that waits for a worker for too long.
    """
    if record.dagster_run.status is DagsterRunStatus.STARTING:
        return instance.run_launcher.supports_check_run_worker_health
    return record.dagster_run.status in {DagsterRunStatus.QUEUED, DagsterRunStatus.NOT_STARTED}


def _elsewhere(instance: dg.DagsterInstance, record: RunRecord) -> str | None:
    """Return the other machine that a run works on; None if it works on this one or has not begun to work.

    A history in SQLite is used by one machine, whose name may change with its network.
    """
    from dagster._core.storage.runs import SqliteRunStorage

    machine = record.dagster_run.tags.get(MACHINE_TAG)
    return None if machine == this_machine() or isinstance(instance.run_storage, SqliteRunStorage) else machine


def _range(instance: dg.DagsterInstance, record: RunRecord) -> str:
    tags = record.dagster_run.tags
    first, last = tags.get("dagster/asset_partition_range_start"), tags.get("dagster/asset_partition_range_end")
    days = f"{last}..{first}" if first != last else f"{last}"
    return f"{days} on {machine}" if (machine := _elsewhere(instance, record)) else days


def derived_sensor(
    name: str,
    job: dg.JobDefinition | dg.UnresolvedAssetJobDefinition,
    stale: Callable[[], Sequence[str]],
    look: Callable[[datetime], Coverage | str],
    *,
    on: bool,
) -> dg.SensorDefinition:
    """Make the sensor that refreshes the metrics when the set of closed days has changed and no day must be backfilled.

    `stale` gives the names of the metrics that need a refresh, `look` the coverage of the days.
    The sensor skips with the reason that `look` returns if the chain is not watched.
    """

    @dg.sensor(
        name=name,
        job=job,
        minimum_interval_seconds=_SECONDS_BETWEEN_TICKS * 2,
        default_status=dg.DefaultSensorStatus.RUNNING if on else dg.DefaultSensorStatus.STOPPED,
        description="Refreshes the wallet metrics when the set of closed days has changed and no backfill is needed.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        now = datetime.now(UTC)
        coverage = look(now)
        if isinstance(coverage, str):
            return dg.SkipReason(coverage)
        in_flight = RunsFilter(
            job_name=job.name,
            statuses=list(_NOT_FINISHED),
            created_after=now - _LONGEST_REFRESH,  # an older unfinished run was killed
            created_before=now + SKEW,
        )
        if context.instance.get_runs(in_flight, limit=1):
            return dg.SkipReason("a refresh is running")
        if coverage.untried:
            return dg.SkipReason(f"waiting for a backfill: {days_are(len(coverage.untried))} missing")
        if not (names := stale()):
            return dg.SkipReason("the set of closed days has not changed")
        tags = {"stx_pipelines/stale": ", ".join(names)[:250], STARTED_BY_TAG: BY_SENSOR}
        return dg.RunRequest(run_key=None, tags=tags)

    return sensor
