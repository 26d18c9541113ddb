"""The command `verify`, which proves stored days again or compares another database with the day files."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stx_pipelines.chains.datasets import TRANSACTIONS
from stx_pipelines.chains.days import days_between
from stx_pipelines.cli.exit_codes import DONE, ERROR
from stx_pipelines.cli.options import day_option
from stx_pipelines.coverage.text import count_days, duration
from stx_pipelines.project import Project
from stx_pipelines.settings import SettingsError
from stx_pipelines.store.dataset_store import DatasetStore
from stx_pipelines.store.inspect import differing_days, overlaps
from stx_pipelines.store.loading import DayFile

if TYPE_CHECKING:
    from stx_pipelines.sync.stacks.verify import Verdict

_SAMPLE = 3


@click.command()
@day_option("--from", "first", help="First day to prove again. [3 closed days chosen at random]")
@day_option("--to", "last", help="Last day to prove again, included.")
@click.option(
    "--db",
    "database",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Compare this database with the day files instead.",
)
@click.option(
    "--chain", type=click.Choice(["stacks", "ethereum"]), default="stacks", show_default=True, help="Only this chain."
)
@click.option("--all", "every", is_flag=True, help="Ethereum: read every balance again, not a sample.")
def verify(first: date | None, last: date | None, database: Path | None, chain: str, every: bool) -> int:
    """Prove stored days again.

    Compare every burn block with the API, and the table with the day files. With --chain ethereum, read the headers
    and a sample of balances from the node again, prove them, and compare them with the day files. With --db, print the
    share of each certified day that the table `transactions` of another database has; this needs no network.

    Exit code 0: all agree; 1: something differs; 2: stopped.
    """
    if bool(first) != bool(last):
        raise SettingsError("--from and --to belong together")
    if (database and chain != "stacks") or (every and chain != "ethereum"):
        raise SettingsError("--db is for --chain stacks, --all for --chain ethereum")
    project = Project.load()
    if chain == "ethereum":
        from stx_pipelines.cli.verify_ethereum import verify_ethereum

        return verify_ethereum(project, first, last, every=every)
    return _compare(project, database) if database else _verify(project, first, last)


def _verify(project: Project, first: date | None, last: date | None) -> int:
    """Compare days with the API and with the table."""
    store = project.store()
    unreadable = [*_within(store.files.damaged(), first, last), *_within(store.files.newer(), first, last)]
    for why in unreadable:
        click.echo(f"left out: {why}", err=True)
    days = _choose(store.stored(), first, last)
    _say_cost(project, days)
    verdicts = list(_compare_with_api(project, days))
    # A wrong day file cannot show whether the table is right.
    sound = {verdict.day for verdict in verdicts if not verdict.faults}
    wrong = _differing(store, [day for day in days if day.certificate.day in sound], len(days))
    return ERROR if unreadable or wrong or any(verdict.faults for verdict in verdicts) else DONE


def _within(reasons: Mapping[date, str], first: date | None, last: date | None) -> list[str]:
    """Return the reasons of the days `first` to `last`, or of all days if these are None."""
    return [why for day, why in reasons.items() if (first or day) <= day <= (last or day)]


def _choose(stored: Sequence[DayFile], first: date | None, last: date | None) -> list[DayFile]:
    if first and last:
        wanted = set(days_between(first, last))
        chosen = [day for day in stored if day.certificate.day in wanted]
    else:
        closed = [day for day in stored if day.certificate.is_closed]
        chosen = random.sample(closed, min(_SAMPLE, len(closed)))
    if not chosen:
        raise SettingsError("no stored day was chosen: give --from and --to of days that `status` counts as stored")
    return chosen


def _say_cost(project: Project, days: Sequence[DayFile]) -> None:
    from stx_pipelines.sync.stacks.verify import requests_needed

    files, budget = project.store().files, project.settings.budget
    needed = sum(requests_needed(files, day.certificate) for day in days)
    at = f", about {duration(timedelta(minutes=needed / budget))}" if budget else ""
    click.echo(f"{count_days(len(days))} will be compared burn block by burn block: {needed:,} requests{at}")


def _compare_with_api(project: Project, days: Sequence[DayFile]) -> Iterator[Verdict]:
    """Compare the days with the API, one by one; print and yield each result."""
    from stx_pipelines.sync.stacks.verify import verify_day

    api, files = project.stacks_api(), project.store().files
    for day in days:
        verdict = verify_day(api, files, day.certificate)
        click.echo(_sentence(verdict))
        yield verdict


def _sentence(verdict: Verdict) -> str:
    if not verdict.faults:
        return f"{verdict.day}: {verdict.seen:,} transactions, all {verdict.burn_blocks} burn blocks agree"
    return f"{verdict.day}: {'; '.join(verdict.faults)}: read it again with `sync --force-refresh`"


def _differing(store: DatasetStore[Any], sound: Sequence[DayFile], compared: int) -> list[date]:
    """Return the days whose rows in the table differ from their day files. Print them and the number of equal days."""
    loaded = store.warehouse.published(TRANSACTIONS).loaded
    in_table = [day for day in sound if loaded.get(day.certificate.day) == day.certificate.id]
    wrong = differing_days(store.warehouse.path, TRANSACTIONS, in_table) if in_table else []
    for day in wrong:
        click.echo(f"{day}: the table differs from the day file: run `stx-pipelines rebuild`", err=True)
    click.echo(f"{len(in_table) - len(wrong)} of {compared} days are in the table exactly as in their files")
    return wrong


def _compare(project: Project, database: Path) -> int:
    """Print the share of each certified day that another database has. This needs no network."""
    days = project.store().stored()
    if not days:
        raise SettingsError("no day is stored yet, so there is nothing to compare with: run `stx-pipelines sync` first")
    total = held = 0.0
    for overlap, day in zip(overlaps(database, days), days, strict=True):
        click.echo(f"{overlap.day}: {overlap.transactions:.0%} of transactions, {overlap.wallets:.0%} of wallets")
        total += day.certificate.published
        held += overlap.transactions * day.certificate.published
    share = held / total if total else 1.0
    click.echo(f"{database} holds {share:.1%} of the {total:,.0f} certified transactions of {len(days)} days")
    return DONE
