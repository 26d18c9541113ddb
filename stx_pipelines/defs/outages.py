"""Pauses of the coverage sensor while no day comes in: whether to pause, until when, and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from math import inf

import dagster as dg
import msgspec
from dagster import DagsterEventType, RunRecord

from stx_pipelines.clients.errors import ApiError, RateLimited
from stx_pipelines.coverage.model import Coverage
from stx_pipelines.coverage.sighting import Sighting
from stx_pipelines.defs.assets.daily import RETRY_AT

_FIRST_PAUSE = timedelta(seconds=30)
_LONGEST_PAUSE = timedelta(minutes=5)
_LONGEST_REST = timedelta(days=1)  # if the API asks for more, one small request finds out


class Outage(msgspec.Struct):
    """A time in which no day comes in: its start, the length of the pause, and the end of the pause."""

    since: datetime
    pause_seconds: float
    until: datetime

    def longer(self, now: datetime) -> Outage:
        """Return the next pause, twice as long, but at most five minutes."""
        seconds = min(self.pause_seconds * 2, _LONGEST_PAUSE.total_seconds())
        return Outage(self.since, seconds, now + timedelta(seconds=seconds))


def outage_of(
    runs: Sequence[RunRecord],
    coverage: Coverage,
    known: Outage | None,
    probe: Callable[[], object],
    now: datetime,
) -> tuple[Outage, str] | None:
    """Return the pause and its sentence if the last runs failed without storing or trying a day; else None.

    The pause grows with every such run and ends with a probe of the server, so that work resumes by itself.
    """
    streak = _fruitless(runs, coverage)
    if not streak:
        return None
    newest, oldest = streak[0], streak[-1]
    failed_at = datetime.fromtimestamp(newest.end_time or now.timestamp(), UTC)
    pause = min(_FIRST_PAUSE * 2 ** (len(streak) - 1), _LONGEST_PAUSE)
    outage = Outage(
        datetime.fromtimestamp(oldest.end_time or now.timestamp(), UTC), pause.total_seconds(), failed_at + pause
    )
    if known and known.until > outage.until:
        outage = known
    if now < outage.until:
        return outage, f"no day came in since {outage.since:%H:%M} UTC, next try at {outage.until:%H:%M:%S}"
    try:
        probe()
    except RateLimited as error:
        until = min(error.until, now + _LONGEST_REST)
        return Outage(outage.since, outage.pause_seconds, until), str(error)
    except ApiError as error:
        return outage.longer(now), f"no day came in since {outage.since:%H:%M} UTC: {error}"
    return None


def standstill_of(
    tip: Sighting, known: Outage | None, check_tip: Callable[[], object], now: datetime
) -> tuple[Outage, str]:
    """Return the pause and its sentence while the server is behind and only a newer block would help.

    The pause grows each time the server's newest block is read. The next coverage takes the new block into account.
    """
    outage = known or Outage(tip.since, _FIRST_PAUSE.total_seconds(), tip.seen + _FIRST_PAUSE)
    if now >= outage.until:
        try:
            check_tip()
        except RateLimited as error:
            return Outage(outage.since, outage.pause_seconds, min(error.until, now + _LONGEST_REST)), str(error)
        except ApiError as error:
            return outage.longer(now), f"its newest block could not be read: {error}"
        outage = outage.longer(now)
    return outage, f"next check at {outage.until:%H:%M:%S} UTC"


def limit_of(
    instance: dg.DagsterInstance, runs: Sequence[RunRecord], coverage: Coverage, now: datetime
) -> tuple[Outage, str] | None:
    """Return the pause and its sentence if the newest run was rate limited and no day came in since; else None."""
    if not runs or not runs[0].dagster_run.is_failure:
        return None
    ended = runs[0].end_time or now.timestamp()
    told = _retry_at(instance, runs[0].dagster_run.run_id)
    if told is None or _newest_event(coverage) > ended:
        return None
    since = datetime.fromtimestamp(ended, UTC)
    until = min(told, since + _LONGEST_REST)
    if now >= until:
        return None
    return Outage(since, _FIRST_PAUSE.total_seconds(), until), f"rate limited until {until:%Y-%m-%d %H:%M:%S} UTC"


def _retry_at(instance: dg.DagsterInstance, run_id: str) -> datetime | None:
    for entry in instance.all_logs(run_id, of_type=DagsterEventType.STEP_FAILURE):
        data = entry.dagster_event.step_failure_data if entry.dagster_event else None
        said = data.user_failure_data.metadata.get(RETRY_AT) if data and data.user_failure_data else None
        if isinstance(said, dg.TimestampMetadataValue):
            return datetime.fromtimestamp(said.value, UTC)
    return None


def _newest_event(coverage: Coverage) -> float:
    """Return when a day was last stored, checked, or failed its proof, in unix seconds."""
    events = [day.checked for day in coverage.days if day.checked]
    events += [day.attempts.at for day in coverage.days if day.attempts]
    return max((event.timestamp() for event in events), default=-inf)


def _fruitless(runs: Sequence[RunRecord], coverage: Coverage) -> list[RunRecord]:
    """Return the newest runs in a row that failed without storing a day or counting a failed proof, newest first."""
    newest_event = _newest_event(coverage)
    streak = []
    for record in runs:
        if not record.dagster_run.is_failure or (record.end_time or 0.0) < 1:
            break
        if newest_event >= int(record.start_time or record.create_timestamp.timestamp()):
            break
        streak.append(record)
    return streak
