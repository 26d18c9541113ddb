"""The daily schedules. Each launches one run a day at a fixed time. The sensors launch all other runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import dagster as dg

from stx_pipelines.chains.days import DAY
from stx_pipelines.coverage.model import NEWER, Coverage, Work
from stx_pipelines.coverage.text import behind_sentence
from stx_pipelines.defs.partitions import DATASET_TAG, range_tags

_AFTER_FINALITY = "30 1 * * *"  # UTC; yesterday's last burn block is six deep about an hour after midnight


def daily_schedule(
    name: str,
    dataset: str,
    job: dg.JobDefinition | dg.UnresolvedAssetJobDefinition,
    look: Callable[[datetime], Coverage | str],
    *,
    on: bool,
) -> dg.ScheduleDefinition:
    """Make the schedule that launches a run of yesterday and today (UTC). It does not depend on the sensor.

    It skips a day if its proof failed and the next try is not due yet, or if the server has no blocks of the day yet.
    The sensor fetches these days later.
    The schedule skips with the reason that `look` returns if the chain is not watched.
    """

    @dg.schedule(
        name=name,
        job=job,
        cron_schedule=_AFTER_FINALITY,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING if on else dg.DefaultScheduleStatus.STOPPED,
        description="Once a day, fetches yesterday until it is closed, and today. Days are UTC days.",
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        now = (context.scheduled_execution_time or datetime.now(UTC)).astimezone(UTC)
        recent = {now.date(), now.date() - DAY}
        coverage = look(now)
        if isinstance(coverage, str):
            return dg.SkipReason(coverage)
        days = [day for day in coverage.days if day.day in recent and day.state != NEWER]
        unclosed = [day for day in days if day.state != "closed"]
        # A dataset of closed days has no open day of today, so a run of its closed yesterday makes the checks.
        has_today = any(day.day == now.date() for day in coverage.days)
        wanted = [day.day for day in (unclosed if has_today else days) if coverage.is_ready(day)]
        if not wanted and unclosed and coverage.behind:
            return dg.SkipReason(behind_sentence(coverage.behind))
        if not wanted:
            waiting = " and ".join(str(day.day) for day in unclosed)
            return dg.SkipReason(
                f"{waiting} could not be proved; the next try is not due yet"
                if waiting
                else "yesterday and today are not wanted, or already closed"
            )
        return dg.RunRequest(tags={**range_tags(Work(tuple(wanted))), DATASET_TAG: dataset})

    return schedule
