"""What deserves a message: a failed run, coverage that fell, a stall. Each is told once, in a sentence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Protocol

import dagster as dg
import msgspec
from dagster import DagsterEventType, DagsterRunStatus, RunsFilter

from stx_pipelines.sources.alerts import AlertError
from stx_pipelines.sync.status import STALLED, DatasetStatus, Health

_SECONDS_BETWEEN_TICKS = 60


class Channel(Protocol):
    """A way to tell people."""

    def send(self, sentence: str) -> None:
        """Deliver a sentence. Raises `AlertError`."""


class Told(msgspec.Struct):
    """The sensor's memory: the end of the last failed run told of, and which states were seen last."""

    failed_until: float
    whole: bool = False
    stalled: bool = False


def alert_sensor(
    name: str,
    status: Callable[[datetime], DatasetStatus],
    health: Callable[[datetime], Health],
    channels: Callable[[], Sequence[Channel]],
    *,
    on: bool,
) -> dg.SensorDefinition:
    """Tell, once each: a run failed and what was kept; coverage fell below the target; nothing lands."""

    @dg.sensor(
        name=name,
        minimum_interval_seconds=_SECONDS_BETWEEN_TICKS,
        default_status=dg.DefaultSensorStatus.RUNNING if on else dg.DefaultSensorStatus.STOPPED,
        description="Says once, in a sentence: a run failed, coverage fell below the target, or nothing lands.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        now = datetime.now(UTC)
        told = msgspec.json.decode(context.cursor, type=Told) if context.cursor else Told(now.timestamp())
        sentences, told = review(context.instance, status(now), health(now), told)
        for sentence in sentences:
            context.log.warning(sentence)
            _deliver(context, channels(), sentence)
        return dg.SensorResult(
            skip_reason="; ".join(sentences) or "nothing to tell", cursor=msgspec.json.encode(told).decode()
        )

    return sensor


def review(instance: dg.DagsterInstance, status: DatasetStatus, health: Health, told: Told) -> tuple[list[str], Told]:
    """The sentences that are new, and the memory that makes them old."""
    sentences = []
    failed_until = told.failed_until
    after = datetime.fromtimestamp(told.failed_until, UTC)
    failures = RunsFilter(statuses=[DagsterRunStatus.FAILURE], updated_after=after)
    for record in reversed(instance.get_run_records(failures, limit=20)):
        if (record.end_time or 0.0) <= told.failed_until:
            continue
        failed_until = max(failed_until, record.end_time or 0.0)
        sentences.append(f"run {record.dagster_run.run_id[:8]} failed: {_reason(instance, record.dagster_run.run_id)}")
    whole = status.old_days_missing == 0
    if told.whole and not whole:
        sentences.append(f"coverage fell below the target: {status.sentence}")
    stalled = health.code == STALLED
    if stalled and not told.stalled:
        sentences.append(health.sentence)
    return sentences, Told(failed_until, whole, stalled)


def _reason(instance: dg.DagsterInstance, run_id: str) -> str:
    for entry in instance.all_logs(run_id, of_type=DagsterEventType.STEP_FAILURE):
        data = entry.dagster_event.step_failure_data if entry.dagster_event else None
        if data and data.user_failure_data and data.user_failure_data.description:
            return data.user_failure_data.description
    return "what had landed is kept; the Dagster UI has its log"


def _deliver(context: dg.SensorEvaluationContext, channels: Sequence[Channel], sentence: str) -> None:
    for channel in channels:
        try:
            channel.send(sentence)
        except AlertError as error:
            context.log.error(str(error))  # noqa: TRY400 - a traceback could name the webhook
