"""The command `status`, which shows the coverage of every dataset as lines, JSON or a live screen.

This module does not import Dagster.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import click
import msgspec

from stx_pipelines.chains.datasets import BALANCES, DATASETS
from stx_pipelines.cli.exit_codes import DONE, ERROR, NOT_YET
from stx_pipelines.cli.options import chain_option, load_chains, target_option
from stx_pipelines.coverage.chains import NO_ETHEREUM
from stx_pipelines.coverage.progress import waiting_words
from stx_pipelines.coverage.served import with_copy
from stx_pipelines.coverage.status import DatasetStatus, statuses
from stx_pipelines.coverage.text import count_days, duration, size
from stx_pipelines.project import Project

_HOLES_SHOWN = 10


@click.command()
@target_option
@chain_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list with one object per dataset.")
@click.option("--watch", "live", is_flag=True, help="Show a live screen until Ctrl-C.")
def status(target_days: int | None, name: str | None, as_json: bool, live: bool) -> int:
    """Show how many of the wanted days are complete. The command also works during a sync.

    Exit code 0: all wanted days are complete; 2: days are missing or stale, or the server is behind; 1: an error,
    unreadable files, or days set aside.

    \b
    stx-pipelines status
    stx-pipelines status --chain stacks --json
    """
    project, chains = load_chains(name, target_days)
    if live:
        from stx_pipelines.cli.watch import watch

        watch(project, chains, status_lines)
        return DONE
    for chain in chains:
        project.refresh(each.name for each in chain.wanted(project))
    now = datetime.now(UTC)
    known = [with_copy(project, each) for chain in chains for each in statuses(project, chain, now)]
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(known), indent=2))
    else:
        _print(known, now)
        if name is None and project.settings.stx_chains is None and project.settings.eth_rpc_url is None:
            click.echo(_ethereum_without_address(project))
    return _exit_code(known)


def _ethereum_without_address(project: Project) -> str:
    """Return a sentence about the stored Ethereum days, of which none is wanted without ETH_RPC_URL."""
    stored = project.store(BALANCES).files.certificates()
    if not stored:
        return NO_ETHEREUM
    blocks = sum(certificate.seen for certificate in stored.values())
    return (
        f"miners_balance: {count_days(len(stored))} of Ethereum, {min(stored)} to {max(stored)}, with {blocks:,} "
        "blocks and their balances are stored and kept; no Ethereum day is wanted because ETH_RPC_URL is not set (see "
        ".env.example)"
    )


def _print(known: Sequence[DatasetStatus], now: datetime) -> None:
    for each in known:
        click.echo("\n".join(status_lines(each, now)))


def _exit_code(known: Sequence[DatasetStatus]) -> int:
    if any(each.damaged or each.set_aside or each.of_later_version for each in known):
        return ERROR
    return DONE if all(each.is_complete for each in known) else NOT_YET


def status_lines(status: DatasetStatus, now: datetime) -> Iterator[str]:
    """Yield the lines of a dataset's status."""
    yield f"{status.dataset}: {status.sentence}"
    yield from _rows(status)
    yield from _newest(status, now)
    if status.proofs:
        yield f"  proved        {status.proofs}"
    yield from _missing(status)
    yield from _columns(status)
    yield from _record(status)
    yield from _copy(status)
    if status.note:
        yield f"  note          {status.note}"
    yield f"  running       {_running(status, now)}"


def _rows(status: DatasetStatus) -> Iterator[str]:
    yield f"  rows          {status.rows:,} in {status.days_landed} stored days, {size(status.bytes_on_disk)} on disk"
    if status.wallets is not None:
        yield f"  wallets       {status.wallets:,}"
    if status.first_block_time and status.last_block_time:
        yield f"  block times   {status.first_block_time:%Y-%m-%d %H:%M} to {status.last_block_time:%Y-%m-%d %H:%M} UTC"


def _newest(status: DatasetStatus, now: datetime) -> Iterator[str]:
    if status.tip_time and status.tip_seen_at:
        seen = duration(now - status.tip_seen_at)
        yield f"  newest block  of the server: {status.tip_time:%Y-%m-%d %H:%M} UTC, checked {seen} ago"
    if status.newest_day_looked_at:
        yield f"  newest day    compared with the tip {duration(now - status.newest_day_looked_at)} ago"


def _missing(status: DatasetStatus) -> Iterator[str]:
    """Yield the days that are not complete, with their reasons."""
    if status.holes:
        more = " ..." if len(status.holes) > _HOLES_SHOWN else ""
        yield f"  holes         {', '.join(map(str, status.holes[:_HOLES_SHOWN]))}{more}"
    if status.waiting_to_load:
        why = "waiting for the database"
        if status.record:
            why = "not in this machine's table; `stx-pipelines sync` loads them"
        yield f"  to load       {count_days(len(status.waiting_to_load))} stored, {why}"
    for day in status.damaged:
        yield f"  damaged       the file of {day}; see `stx-pipelines health`"
    for day in status.of_later_version:
        yield f"  later version the file of {day} is kept unchanged; update stx-pipelines to use it"
    for failing in status.failing_days:
        yield f"  failing       {failing.day}: {failing.words}"
    for aside in status.set_aside:
        yield f"  set aside     {aside.day}: {aside.reason}"


def _columns(status: DatasetStatus) -> Iterator[str]:
    """Yield a line with the number of days that lack columns, and the command that reads these days again.

    Yield nothing if every day has all columns of this version.
    """
    if not status.days_lacking_columns:
        return
    count = sum((last - first).days + 1 for first, last in status.days_lacking_columns)
    first, last = status.days_lacking_columns[-1][0], status.days_lacking_columns[0][1]
    chain = DATASETS[status.dataset].chain
    yield (
        f"  columns       {count_days(count)} stored by an earlier version lack columns of this version; "
        f"`stx-pipelines sync --chain {chain} --force-refresh --from {first} --to {last}` reads the days again"
    )


def _record(status: DatasetStatus) -> Iterator[str]:
    """Yield a line with the address of the record, if there is one, and lines of the days that differ from it."""
    if status.record is None:
        return
    waiting = len(status.waiting_to_push)
    yield f"  record        {status.record}{f', to which {count_days(waiting)} must be pushed' if waiting else ''}"
    for day in status.damaged_in_record:
        yield f"  damaged       the object of {day} in the record; the next sync reads the day again"


def _copy(status: DatasetStatus) -> Iterator[str]:
    """Yield a line with the number of copied days, if there is a copy in PostgreSQL."""
    if status.days_copied is not None:
        yield f"  copy          {status.days_copied} of {status.days_landed} stored days in {status.copied_to}"
    elif status.not_copied:
        yield f"  copy          not known: {status.not_copied}"


def _running(status: DatasetStatus, now: datetime) -> str:
    if status.running is None:
        ended = status.last_active_at
        return f"nothing; the last run ended {duration(now - ended)} ago" if ended else "nothing"
    progress = status.progress
    if progress is None:
        return status.running
    if progress.waiting_since:
        return f"{status.running}: {waiting_words(progress)}"
    eta = f", ETA {duration(timedelta(minutes=status.minutes_to_go))}" if status.minutes_to_go else ""
    return (
        f"{status.running}: {progress.days_done} of {progress.days_wanted} days of this run, {progress.rows:,} "
        f"{status.noun}, {progress.requests:,} {status.unit}, {progress.requests_per_minute:,.0f}/min{eta}"
    )
