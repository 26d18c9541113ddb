"""The command `verify --chain ethereum`: prove stored days of blocks and balances again."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import date

import click

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.datasets import BALANCES, BLOCKS
from stx_pipelines.chains.days import days_between
from stx_pipelines.cli.exit_codes import DONE, ERROR
from stx_pipelines.coverage.text import count_days
from stx_pipelines.project import Project
from stx_pipelines.settings import SettingsError
from stx_pipelines.store.inspect import differing_days
from stx_pipelines.store.loading import DayFile

_SAMPLE = 3


def verify_ethereum(project: Project, first: date | None, last: date | None, *, every: bool) -> int:
    """Compare stored days with the node, and the tables with the day files. Return the exit code."""
    unreadable = [
        why
        for dataset in (BLOCKS, BALANCES)
        for reasons in (project.store(dataset).files.damaged(), project.store(dataset).files.newer())
        for day, why in reasons.items()
        if (first or day) <= day <= (last or day)
    ]
    for why in unreadable:
        click.echo(f"left out: {why}", err=True)
    days = _choose(project.store(BLOCKS).files.certificates(), first, last)
    wrong = list(_verify(project, days, every=every))
    wrong += [f"{dataset} {day}" for dataset in (BLOCKS, BALANCES) for day in _differing(project, dataset, days)]
    return ERROR if unreadable or wrong else DONE


def _choose(stored: dict[date, Certificate], first: date | None, last: date | None) -> list[date]:
    if first and last:
        chosen = [day for day in days_between(first, last) if day in stored]
    else:
        closed = [day for day, known in stored.items() if known.is_closed]
        chosen = sorted(random.sample(closed, min(_SAMPLE, len(closed))))
    if not chosen:
        raise SettingsError("no stored day of blocks was chosen: give --from and --to of days that `status` counts")
    return chosen


def _verify(project: Project, days: Sequence[date], *, every: bool) -> Iterator[str]:
    """Compare each day with the node, print the result, and yield the names of those that differ."""
    from stx_pipelines.sync.ethereum.verify import calls_needed, verify_balances, verify_blocks

    node, stores = project.ethereum_rpc(), (project.store(BLOCKS), project.store(BALANCES))
    known, balances = (store.files.certificates() for store in stores)
    calls = sum(calls_needed(known[day], every=every) for day in days)
    click.echo(f"{count_days(len(days))} will be read once more: about {calls:,} calls")
    for day in days:
        verdicts = [(BLOCKS, verify_blocks(node, stores[0], known[day]))]
        if day in balances and balances[day].is_of_same_blocks(known[day]):
            verdict = verify_balances(node, stores, (known[day], balances[day]), every=every)
            verdicts.append((BALANCES, verdict))
        for dataset, (_, compared, faults) in verdicts:
            if faults:
                click.echo(f"{dataset} {day}: {'; '.join(faults)}: read it again with `sync --force-refresh`")
                yield f"{dataset} {day}"
            else:
                click.echo(f"{dataset} {day}: {compared}: all agree")


def _differing(project: Project, dataset: str, days: Sequence[date]) -> list[date]:
    """Compare the table with the day files, and name the days that differ."""
    store = project.store(dataset)
    loaded, stored = store.warehouse.published(dataset).loaded, store.files.certificates()
    in_table = [
        DayFile(store.files.path(day), stored[day])
        for day in days
        if day in stored and loaded.get(day) == stored[day].id
    ]
    wrong = differing_days(store.warehouse.path, dataset, in_table) if in_table else []
    for day in wrong:
        click.echo(f"{dataset} {day}: the table differs from the day file: run `stx-pipelines rebuild`", err=True)
    click.echo(
        f"{dataset}: {len(in_table) - len(wrong)} of {len(days)} days are in the table exactly as in their files"
    )
    return wrong
