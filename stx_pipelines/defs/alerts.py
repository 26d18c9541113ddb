"""What deserves a message: a failed run, coverage that fell, a stall, a server that is behind. Each is told once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Protocol

import dagster as dg
import msgspec
from dagster import DagsterEventType, DagsterRunStatus, RunsFilter

from stx_pipelines.chains.days import days_between
from stx_pipelines.clients.notify import AlertError
from stx_pipelines.coverage.health import STALLED, Health
from stx_pipelines.coverage.status import DatasetStatus
from stx_pipelines.coverage.text import days_are, duration, some_days
from stx_pipelines.defs.assets.daily import BEHIND

_SECONDS_BETWEEN_TICKS = 60


class Channel(Protocol):
    """A way to tell people."""

    def send(self, sentence: str) -> None:
        """Deliver a sentence. Raises `AlertError`."""


class Told(msgspec.Struct):
    """The sensor's memory: the end of the last failed run told of, and what was seen last.

    `closed` are ranges of closed days that the table held, `came_in` is when a day was last landed or looked at,
    `idle_since` how long nothing has come in though there is work, `behind` whether the server's newest block was old.
    """

    failed_until: float
    stalled: bool = False
    closed: list[tuple[date, date]] = []
    came_in: datetime | None = None
    idle_since: datetime | None = None
    behind: bool = False


def alert_sensor(
    name: str,
    status: Callable[[datetime], DatasetStatus],
    health: Callable[[datetime], Health],
    channels: Callable[[], Sequence[Channel]],
    *,
    on: bool,
    about_runs: bool = True,
    set_up: Callable[[], bool] = lambda: True,
) -> dg.SensorDefinition:
    """Tell, once each: a run failed and what was kept; coverage fell below the target; nothing lands, or can land.

    One sensor tells `about_runs` of every kind; `set_up` says whether the chain is part of the coverage at all.
    """

    @dg.sensor(
        name=name,
        minimum_interval_seconds=_SECONDS_BETWEEN_TICKS,
        default_status=dg.DefaultSensorStatus.RUNNING if on else dg.DefaultSensorStatus.STOPPED,
        description="Says once, in a sentence: a run failed, coverage fell below the target, or nothing lands.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        if not set_up():
            return dg.SensorResult(skip_reason="this chain is not part of the coverage")
        now = datetime.now(UTC)
        told = msgspec.json.decode(context.cursor, type=Told) if context.cursor else Told(now.timestamp())
        sentences, told = review(context.instance if about_runs else None, status(now), health(now), told, now)
        for sentence in sentences:
            context.log.warning(sentence)
            _deliver(context, channels(), sentence)
        return dg.SensorResult(
            skip_reason="; ".join(sentences) or "nothing to tell", cursor=msgspec.json.encode(told).decode()
        )

    return sensor


def review(
    instance: dg.DagsterInstance | None, status: DatasetStatus, health: Health, told: Told, now: datetime
) -> tuple[list[str], Told]:
    """The sentences that are new, and the memory that makes them old; of runs only with an instance."""
    sentences, failed_until = _failures(instance, told) if instance else ([], told.failed_until)
    if fallen := _fallen(status, told):
        sentences.append(f"coverage fell below the target: {some_days(fallen)} no longer complete; {status.sentence}")
    came_in = max((at for at in (status.last_landed_at, status.newest_day_looked_at) if at), default=None)
    idle_since = _idle_since(status, told, came_in, now)
    idle = now - idle_since if idle_since else timedelta(0)
    if status.behind and not told.behind:
        sentences.append(status.sentence)
    stalls = health.code == STALLED or idle > timedelta(seconds=status.stalled_after_seconds)
    stalled = stalls and not status.behind
    if stalled and not told.stalled:
        sentences.append(health.sentence if health.code == STALLED else _nothing_lands(idle, status))
    return sentences, Told(failed_until, stalled, status.closed_days, came_in, idle_since, status.behind)


def _failures(instance: dg.DagsterInstance, told: Told) -> tuple[list[str], float]:
    """The runs that failed since, oldest first, and when the last of them ended.

    A run that failed only because the server is behind is not told: `health` says that, once.
    """
    sentences = []
    failed_until = told.failed_until
    after = datetime.fromtimestamp(told.failed_until, UTC)
    failures = RunsFilter(statuses=[DagsterRunStatus.FAILURE], updated_after=after)
    for record in reversed(instance.get_run_records(failures, limit=20)):
        if (record.end_time or 0.0) <= told.failed_until:
            continue
        failed_until = max(failed_until, record.end_time or 0.0)
        run_id = record.dagster_run.run_id
        if reason := _reason(instance, run_id):
            sentences.append(f"run {run_id[:8]} failed: {reason}")
    return sentences, failed_until


def _fallen(status: DatasetStatus, told: Told) -> list[date]:
    """Wanted days that were closed and in the table, and are not any more. A new day or target is no fall."""
    first, kept = status.first_wanted_day, _each(status.closed_days)
    return sorted(day for day in _each(told.closed) - kept if first is not None and day >= first)


def _each(ranges: Sequence[tuple[date, date]]) -> set[date]:
    return {day for first, last in ranges for day in days_between(first, last)}


def _idle_since(status: DatasetStatus, told: Told, came_in: datetime | None, now: datetime) -> datetime | None:
    """Since when nothing has come in though there is work; also while no run is in flight, as in an outage."""
    if not status.days_due:
        return None
    return told.idle_since if told.idle_since and told.came_in == came_in else now


def _nothing_lands(idle: timedelta, status: DatasetStatus) -> str:
    return (
        f"nothing has landed for {duration(idle)} though {days_are(status.days_due)} due: the API may be down, the "
        f"last tick of the sensor says why; it goes on by itself, nothing is lost; {status.sentence}"
    )


def _reason(instance: dg.DagsterInstance, run_id: str) -> str | None:
    """Why a run failed; None if only the server is behind."""
    for entry in instance.all_logs(run_id, of_type=DagsterEventType.STEP_FAILURE):
        data = entry.dagster_event.step_failure_data if entry.dagster_event else None
        if data and (said := data.user_failure_data) and said.description:
            behind = said.metadata.get(BEHIND)
            return None if behind and behind.value else said.description
    return "what had landed is kept; the Dagster UI has its log"


def _deliver(context: dg.SensorEvaluationContext, channels: Sequence[Channel], sentence: str) -> None:
    for channel in channels:
        try:
            channel.send(sentence)
        except AlertError as error:
            context.log.error(str(error))  # noqa: TRY400 - a traceback could name the webhook
