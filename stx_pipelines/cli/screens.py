"""What `status` and `health` show: plain lines, JSON, or a live screen. Never imports Dagster."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import click
import msgspec

from stx_pipelines.coverage.datasets import NO_ETHEREUM, chains_of
from stx_pipelines.coverage.health import DAMAGED, MISCONFIGURED, Health, judge
from stx_pipelines.coverage.status import DatasetStatus, statuses
from stx_pipelines.coverage.text import count_days, duration, size
from stx_pipelines.project import Project
from stx_pipelines.settings import SettingsError
from stx_pipelines.store.files import StoreError

DONE, ERROR, NOT_YET = 0, 1, 2


def status(project: Project, *, as_json: bool) -> int:
    """Print how far every dataset is; the exit code of `status`."""
    now = datetime.now(UTC)
    known = [each for chain in chains_of(project) for each in statuses(project, chain, now)]
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(known), indent=2))
    else:
        for each in known:
            click.echo("\n".join(status_lines(each, now)))
        if project.settings.eth_rpc_url is None:
            click.echo(NO_ETHEREUM)
    if any(each.damaged or each.set_aside or each.of_later_version for each in known):
        return ERROR
    return DONE if all(each.is_complete for each in known) else NOT_YET


def health(stall_threshold: int | None, *, as_json: bool) -> int:
    """Print one sentence; its exit code."""
    try:
        project = Project.load(stx_stall_seconds=stall_threshold)
        found = judge(project, datetime.now(UTC), timedelta(seconds=project.settings.stx_stall_seconds))
    except SettingsError as error:
        found = Health(MISCONFIGURED, f"configuration: {error}")
    except StoreError as error:
        found = Health(DAMAGED, str(error))
    click.echo(msgspec.json.encode(found) if as_json else found.sentence)
    return found.code


def status_lines(status: DatasetStatus, now: datetime) -> Iterable[str]:
    """A dataset's status for people, line by line."""
    yield f"{status.dataset}: {status.sentence}"
    yield f"  rows          {status.rows:,} in {status.days_landed} landed days, {size(status.bytes_on_disk)} on disk"
    if status.wallets is not None:
        yield f"  wallets       {status.wallets:,}"
    if status.first_block_time and status.last_block_time:
        yield f"  block times   {status.first_block_time:%Y-%m-%d %H:%M} to {status.last_block_time:%Y-%m-%d %H:%M} UTC"
    if status.tip_time and status.tip_seen_at:
        seen = duration(now - status.tip_seen_at)
        yield f"  newest block  of the server: {status.tip_time:%Y-%m-%d %H:%M} UTC, looked at {seen} ago"
    if status.newest_day_looked_at:
        yield f"  newest day    compared with the tip {duration(now - status.newest_day_looked_at)} ago"
    if status.holes:
        yield f"  holes         {', '.join(map(str, status.holes[:10]))}{' ...' if len(status.holes) > 10 else ''}"
    if status.waiting_to_load:
        yield f"  to load       {count_days(len(status.waiting_to_load))} landed, waiting for the database"
    for day in status.damaged:
        yield f"  damaged       the file of {day}: see `stx-pipelines health`"
    for day in status.of_later_version:
        yield f"  later version the file of {day}: update stx-pipelines, then it counts; it is kept as it is"
    for day in status.failing:
        yield f"  failing       {day}"
    for aside in status.set_aside:
        yield f"  set aside     {aside.day}: {aside.reason}"
    if status.note:
        yield f"  note          {status.note}"
    yield f"  running       {_running(status, now)}"


def _running(status: DatasetStatus, now: datetime) -> str:
    if status.running is None:
        ended = status.last_active_at
        return f"nothing; the last run ended {duration(now - ended)} ago" if ended else "nothing"
    progress = status.progress
    if progress is None:
        return status.running
    eta = f", ETA {duration(timedelta(minutes=status.minutes_to_go))}" if status.minutes_to_go else ""
    return (
        f"{status.running}: {progress.days_done} of {progress.days_wanted} days of this run, {progress.rows:,} "
        f"{status.noun}, {progress.requests:,} {status.unit}, {progress.requests_per_minute:,.0f}/min{eta}"
    )
