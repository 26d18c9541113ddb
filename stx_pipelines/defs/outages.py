"""Functions that decide whether the coverage sensor pauses, until when, and why.

It pauses while runs fail without a result, while the server is behind, and while requests are rate limited.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from math import inf

import dagster as dg
import msgspec
from dagster import DagsterEventType, RunRecord

from stx_pipelines.chains.clock import is_past
from stx_pipelines.clients.errors import ApiError, RateLimited
from stx_pipelines.coverage.model import Coverage
from stx_pipelines.coverage.sighting import Sighting
from stx_pipelines.defs.assets.daily import RETRY_AT
from stx_pipelines.defs.cursors import WithZone

_FIRST_PAUSE = timedelta(seconds=30)
_LONGEST_PAUSE = timedelta(minutes=5)
_LONGEST_REST = timedelta(days=1)  # the longest pause for a rate limit; then a request is sent


class Outage(msgspec.Struct):
    """A pause of the sensor, which lasts `pause_seconds` and ends at `until`. `since` is when the problem began."""

    since: WithZone
    pause_seconds: float
    until: WithZone

    def longer(self, now: datetime) -> Outage:
        """Return the next pause, which is twice as long but at most five minutes."""
        seconds = min(self.pause_seconds * 2, _LONGEST_PAUSE.total_seconds())
        return Outage(self.since, seconds, now + timedelta(seconds=seconds))


def believed(known: Outage | None, now: datetime) -> Outage | None:
    """Return the outage of the last tick, unless the clock was wrong then or the cursor was edited."""
    return known if known and is_past(known.since, now) and known.until <= now + _LONGEST_REST else None


def outage_of(
    runs: Sequence[RunRecord],
    coverage: Coverage,
    known: Outage | None,
    probe: Callable[[], object],
    now: datetime,
) -> tuple[Outage, str] | None:
    """Return the pause and its sentence if the newest runs failed without a result, or None if there is no pause.

    A run has a result if it stored or checked a day or counted a failed proof. The pause grows with every such run.
    After the pause, `probe` sends a small request. If the request succeeds, there is no pause, so that the sensor
    launches runs again. `known` is the outage of the last tick.
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
        return outage, f"runs have failed since {outage.since:%H:%M} UTC; next try at {outage.until:%H:%M:%S} UTC"
    try:
        probe()
    except RateLimited as error:
        until = min(error.until, now + _LONGEST_REST)
        return Outage(outage.since, outage.pause_seconds, until), str(error)
    except ApiError as error:
        return outage.longer(now), f"runs have failed since {outage.since:%H:%M} UTC: {error}"
    return None


def standstill_of(
    tip: Sighting, known: Outage | None, check_tip: Callable[[], object], now: datetime
) -> tuple[Outage, str]:
    """Return the pause and its sentence while the server is behind and no day can be stored without a newer block.

    After the pause, `check_tip` reads the server's newest block for the next coverage, and a longer pause begins.
    """
    outage = known or Outage(tip.since, _FIRST_PAUSE.total_seconds(), tip.seen + _FIRST_PAUSE)
    if now >= outage.until:
        try:
            check_tip()
        except RateLimited as error:
            return Outage(outage.since, outage.pause_seconds, min(error.until, now + _LONGEST_REST)), str(error)
        except ApiError as error:
            return outage.longer(now), f"the server's newest block could not be read: {error}"
        outage = outage.longer(now)
    return outage, f"next check at {outage.until:%H:%M:%S} UTC"


def limit_of(
    instance: dg.DagsterInstance, runs: Sequence[RunRecord], coverage: Coverage, now: datetime
) -> tuple[Outage, str] | None:
    """Return the pause and its sentence if the newest run was rate limited, or None if there is no pause.

    There is no pause if a day was stored, checked or tried after that run.
    """
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
    """Return the unix time of the last event of a day (stored, checked or failed proof), or `-inf` if there is none."""
    events = [day.checked for day in coverage.days if day.checked]
    events += [day.attempts.at for day in coverage.days if day.attempts]
    return max((event.timestamp() for event in events), default=-inf)


def _fruitless(runs: Sequence[RunRecord], coverage: Coverage) -> list[RunRecord]:
    """Return the newest consecutive runs that failed without a result (see `outage_of`), newest first."""
    newest_event = _newest_event(coverage)
    streak = []
    for record in runs:
        if not record.dagster_run.is_failure or (record.end_time or 0.0) < 1:
            break
        if newest_event >= int(record.start_time or record.create_timestamp.timestamp()):
            break
        streak.append(record)
    return streak
