"""The command `verify`: landed days proved once more, or another database measured against them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import click

from stx_pipelines.chains.datasets import TRANSACTIONS
from stx_pipelines.chains.days import days_between
from stx_pipelines.coverage.text import count_days, duration
from stx_pipelines.project import Project
from stx_pipelines.settings import SettingsError
from stx_pipelines.store.inspect import differing_days, overlaps
from stx_pipelines.store.warehouse import DayFile
from stx_pipelines.sync.stacks.verify import Verdict, requests_needed, verify_day

DONE, ERROR = 0, 1
_SAMPLE = 3


def verify(project: Project, first: date | None, last: date | None) -> int:
    """Compare days with the API and with the table; exit code 1 if one differs."""
    store = project.store()
    damaged = [why for day, why in store.files.damaged().items() if (first or day) <= day <= (last or day)]
    damaged += [why for day, why in store.files.newer().items() if (first or day) <= day <= (last or day)]
    for why in damaged:
        click.echo(f"left out: {why}", err=True)
    days = _choose(store.landed(), first, last)
    needed = sum(requests_needed(store.files, day.certificate) for day in days)
    at = f", about {duration(_time(needed, project.settings.budget))}" if project.settings.budget else ""
    click.echo(f"{count_days(len(days))} will be asked burn block by burn block: {needed:,} requests{at}")
    api = project.stacks_api()
    verdicts = []
    for day in days:
        verdicts.append(verify_day(api, store.files, day.certificate))
        click.echo(_sentence(verdicts[-1]))
    loaded = store.warehouse.published(TRANSACTIONS).loaded
    sound = {verdict.day for verdict in verdicts if not verdict.faults}  # a wrong file is no yardstick for the table
    in_table = [
        day for day in days if day.certificate.day in sound and loaded.get(day.certificate.day) == day.certificate.id
    ]
    wrong = differing_days(store.warehouse.path, TRANSACTIONS, in_table) if in_table else []
    for each in wrong:
        click.echo(f"{each}: the table differs from the day file: run `stx-pipelines rebuild`", err=True)
    click.echo(f"{len(in_table) - len(wrong)} of {len(days)} days are in the table exactly as in their files")
    return ERROR if damaged or wrong or any(verdict.faults for verdict in verdicts) else DONE


def compare(project: Project, database: Path) -> int:
    """Say per certified day what another database holds of it. No network."""
    days = project.store().landed()
    if not days:
        raise SettingsError("no day has landed yet, there is nothing to compare with: run `stx-pipelines sync` first")
    total = held = 0.0
    for overlap, day in zip(overlaps(database, days), days, strict=True):
        click.echo(f"{overlap.day}: {overlap.transactions:.0%} of transactions, {overlap.wallets:.0%} of wallets")
        total += day.certificate.published
        held += overlap.transactions * day.certificate.published
    share = held / total if total else 1.0
    click.echo(f"{database} holds {share:.1%} of the {total:,.0f} certified transactions of {len(days)} days")
    return DONE


def _choose(landed: Sequence[DayFile], first: date | None, last: date | None) -> list[DayFile]:
    if first and last:
        wanted = set(days_between(first, last))
        chosen = [day for day in landed if day.certificate.day in wanted]
    else:
        closed = [day for day in landed if day.certificate.is_closed]
        chosen = random.sample(closed, min(_SAMPLE, len(closed)))
    if not chosen:
        raise SettingsError("no landed day was chosen: give --from and --to of days that `status` counts as landed")
    return chosen


def _sentence(verdict: Verdict) -> str:
    if not verdict.faults:
        return f"{verdict.day}: {verdict.seen:,} transactions, all {verdict.burn_blocks} burn blocks agree"
    return f"{verdict.day}: {'; '.join(verdict.faults)}: read it again with `sync --force-refresh`"


def _time(requests: int, budget: int) -> timedelta:
    return timedelta(minutes=requests / budget)
