"""Sensors that send alerts: a failed run, a fall in coverage, a stall, a server that is behind.

Each event is reported once (`delivery.py`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import msgspec

from stx_pipelines.chains.days import days_between
from stx_pipelines.coverage.health import STALLED, Health
from stx_pipelines.coverage.status import DatasetStatus
from stx_pipelines.coverage.text import days_are, duration, some_days
from stx_pipelines.defs.assets.daily import BEHIND
from stx_pipelines.defs.cursors import WithZone, remembered
from stx_pipelines.defs.delivery import Post
from stx_pipelines.defs.watched import Seen
from stx_pipelines.store.shared import SharedError

_SECONDS_BETWEEN_TICKS = 60
_LONGEST_BETWEEN_TICKS = timedelta(minutes=10)
_DURATION = re.compile(r"\d+ (?:s|min|h|d)\b")  # differs between two daemons that report the same event


class Told(msgspec.Struct):
    """The cursor of an alert sensor, which is the state at its last tick. Fields of earlier versions are ignored.

    `stalled` is true if the last tick found a stall. `closed` are the ranges of closed days in the table. `came_in` is
    the time when a day was last stored or checked. `idle_since` is the start of the time in which days were due and no
    day was stored or checked. `behind` is true if the server's newest block was old. `looked_at` is the time
    of the tick.
    """

    stalled: bool = False
    closed: list[tuple[date, date]] = []
    came_in: WithZone | None = None
    idle_since: WithZone | None = None
    behind: bool = False
    looked_at: WithZone | None = None


def alert_sensor(name: str, look: Callable[[datetime], Seen | str], *, on: bool) -> dg.SensorDefinition:
    """Make the sensor that reports each fall in coverage, each stall and each time that the server is behind.

    `look` gives the state of the chain, or the reason why the chain is not watched. `on` starts the sensor by default.
    """

    @dg.sensor(
        name=name,
        minimum_interval_seconds=_SECONDS_BETWEEN_TICKS,
        default_status=dg.DefaultSensorStatus.RUNNING if on else dg.DefaultSensorStatus.STOPPED,
        description="Sends an alert if coverage falls below the target, no due day is stored, or the server is behind.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        now = datetime.now(UTC)
        try:
            seen = look(now)
        except SharedError as error:  # runs of other machines are not known now
            return dg.SensorResult(skip_reason=str(error))
        if isinstance(seen, str):
            return dg.SensorResult(skip_reason=seen)
        told = remembered(context, Told)
        sentences, told = review(seen.status, seen.health, told, now)
        events = {f"{name}: {told.came_in}: {_DURATION.sub('', sentence)}": sentence for sentence in sentences}
        seen.post.deliver(events, context.log)
        return dg.SensorResult(
            skip_reason="; ".join(sentences) or "nothing to report", cursor=msgspec.json.encode(told).decode()
        )

    return sensor


def failure_sensor(name: str, post: Callable[[], Post], *, on: bool) -> dg.SensorDefinition:
    """Make the sensor that reports each failed run once, both runs of jobs and runs of our commands.

    It does not report a run that failed only because the server is behind. The chain's alert sensor reports that.
    """

    @dg.run_failure_sensor(
        name=name,
        minimum_interval_seconds=_SECONDS_BETWEEN_TICKS,
        default_status=dg.DefaultSensorStatus.RUNNING if on else dg.DefaultSensorStatus.STOPPED,
        description="Sends one alert for each failed run, with the reason.",
        monitor_all_code_locations=True,  # runs of our commands do not belong to a code location
    )
    def sensor(context: dg.RunFailureSensorContext) -> None:
        if reason := _reason(context.get_step_failure_events()):
            run_id = context.dagster_run.run_id
            post().deliver({run_id: f"run {run_id[:8]} failed: {reason}"}, context.log)

    return sensor


def review(status: DatasetStatus, health: Health, told: Told, now: datetime) -> tuple[list[str], Told]:
    """Return the sentences to report now, and the next cursor, which prevents a second report."""
    sentences = []
    if fallen := _fallen(status, told):
        sentences.append(f"coverage fell below the target; days now incomplete: {some_days(fallen)}; {status.sentence}")
    came_in = max((at for at in (status.last_landed_at, status.newest_day_looked_at) if at), default=None)
    idle_since = _idle_since(status, told, came_in, now)
    idle = now - idle_since if idle_since else timedelta(0)
    if status.behind and not told.behind:
        sentences.append(status.sentence)
    stalls = health.code == STALLED or idle > timedelta(seconds=status.stalled_after_seconds)
    stalled = stalls and not status.behind
    if stalled and not told.stalled:
        sentences.append(health.sentence if health.code == STALLED else _nothing_stored(idle, status))
    return sentences, Told(stalled, status.closed_days, came_in, idle_since, status.behind, now)


def _fallen(status: DatasetStatus, told: Told) -> list[date]:
    """Return the wanted days that were closed and in the table at the last tick but are not now.

    Days that are new or newly wanted are not among them.
    """
    first, kept = status.first_wanted_day, _each(status.closed_days)
    return sorted(day for day in _each(told.closed) - kept if first is not None and day >= first)


def _each(ranges: Sequence[tuple[date, date]]) -> set[date]:
    return {day for first, last in ranges for day in days_between(first, last)}


def _idle_since(status: DatasetStatus, told: Told, came_in: datetime | None, now: datetime) -> datetime | None:
    """Return the start of the time in which days are due and no day was stored or checked, None if no day is due.

    The time without ticks does not count, because the services were stopped or the clock was wrong then.
    """
    if not status.days_due:
        return None
    if told.looked_at and abs(now - told.looked_at) > _LONGEST_BETWEEN_TICKS:
        return now
    return told.idle_since if told.idle_since and told.came_in == came_in else now


def _nothing_stored(idle: timedelta, status: DatasetStatus) -> str:
    return (
        f"no day was stored for {duration(idle)} though {days_are(status.days_due)} due; stored days are kept and the "
        "coverage sensor tries again; its last tick names the reason, for example that the API is down; "
        f"{status.sentence}"
    )


def _reason(step_failures: Sequence[dg.DagsterEvent]) -> str | None:
    """Return the reason why a run failed. Return None if it failed only because the server is behind."""
    for event in step_failures:
        if (said := event.step_failure_data.user_failure_data) and said.description:
            behind = said.metadata.get(BEHIND)
            return None if behind and behind.value else said.description
    return "stored days are kept; its log is in the Dagster UI"
