"""The command `verify`, which proves stored days again or compares a file of another tool with the day files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stx_pipelines.cli.answers import json_on_stdout, json_option
from stx_pipelines.cli.exit_codes import DONE, ERROR
from stx_pipelines.cli.findings import Findings
from stx_pipelines.cli.options import day_option
from stx_pipelines.cli.verify_days import choose, differing, has_repeated, report_nonces, report_unreadable
from stx_pipelines.coverage.chains import CHAINS
from stx_pipelines.coverage.text import count_days, duration
from stx_pipelines.project import Project
from stx_pipelines.settings import SettingsError
from stx_pipelines.store.loading import DayFile

if TYPE_CHECKING:
    from stx_pipelines.sync.stacks.verify import Verdict

_WITH_BALANCES = ("ethereum", "stacks_balances")


@click.command()
@day_option("--from", "first", help="First day to prove again. [3 closed days chosen at random]")
@day_option("--to", "last", help="Last day to prove again, included.")
@click.option(
    "--db",
    "database",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Compare this DuckDB, Parquet or CSV file with the day files instead.",
)
@click.option(
    "--chain",
    type=click.Choice(["stacks", "stacks_balances", "ethereum", "prices"]),
    default="stacks",
    show_default=True,
    help="Only this chain.",
)
@click.option("--merkle", is_flag=True, help="Prove burn blocks by the raw bytes of their blocks, newest day first.")
@click.option("--links", is_flag=True, help="Compare each closed day with the day before it. Needs no request.")
@click.option(
    "--all",
    "every",
    is_flag=True,
    help="Ethereum, stacks_balances: read every balance again. With --merkle: prove every burn block. [a sample]",
)
@json_option
def verify(
    first: date | None,
    last: date | None,
    database: Path | None,
    chain: str,
    merkle: bool,
    links: bool,
    every: bool,
    as_json: bool,
) -> int:
    """Prove stored days again.

    Compare every burn block with the API, the table with the day files, and the nonces of all accounts with each other.
    With --chain ethereum, read the headers and a sample of balances from the node again, prove them, and compare them
    with the day files. With --chain prices, read the candles again and compare them. With --chain stacks_balances,
    compare the nonces of new wallets with the stored transactions, and a sample of their balances with the node.

    With --db, read the transaction ids, block numbers or block hashes of a file of another tool, and print the share of
    each stored day that it has, the number of rows that it lacks, and the number of rows that the chain does not have.
    The columns are found by their names. This needs no network, and the exit code is 0.

    With --merkle, read the raw blocks of burn blocks that were not proved by hashes yet. Their hashes show whether a
    transaction is missing, moved or changed. Evidence is stored, so the command can be stopped and run again.

    Exit code 0: all agree; 1: something differs; 2: stopped.

    \b
    stx-pipelines verify
    stx-pipelines verify --from 2026-11-01 --to 2026-11-07
    stx-pipelines verify --merkle --all
    stx-pipelines verify --chain ethereum
    stx-pipelines verify --db transactions.csv
    """
    findings = Findings(chain)
    with json_on_stdout(as_json, findings.answer) as show:
        if bool(first) != bool(last):
            raise SettingsError("--from and --to belong together")
        if (merkle or links) and chain != "stacks":
            raise SettingsError("--merkle and --links are for --chain stacks")
        if every and chain not in _WITH_BALANCES and not merkle:
            raise SettingsError("--all is for --chain ethereum, --chain stacks_balances or --merkle")
        if database and chain not in ("stacks", "ethereum"):
            raise SettingsError("--db is for --chain stacks and --chain ethereum")
        if sum(map(bool, (database, merkle, links))) > 1:
            raise SettingsError("--db, --merkle and --links exclude each other: give one of them")
        project = Project.load()
        project.refresh(CHAINS[chain].tables)
        if database:
            from stx_pipelines.cli.verify_file import verify_file

            code = verify_file(project, database, chain, first, last, findings)
        elif merkle or links:
            code = _verify_hashes(project, first, last, findings, merkle=merkle, every=every)
        elif chain == "ethereum":
            from stx_pipelines.cli.verify_ethereum import verify_ethereum

            code = verify_ethereum(project, first, last, findings, every=every)
        elif chain == "stacks_balances":
            from stx_pipelines.cli.verify_balances import verify_wallet_balances

            code = verify_wallet_balances(project, first, last, findings, every=every)
        elif chain == "prices":
            from stx_pipelines.cli.verify_prices import verify_prices

            code = verify_prices(project, first, last, findings)
        else:
            code = _verify(project, first, last, findings)
        show(findings.answer(code))
    return code


def _verify_hashes(
    project: Project, first: date | None, last: date | None, findings: Findings, *, merkle: bool, every: bool
) -> int:
    from stx_pipelines.cli.verify_tenures import verify_links, verify_merkle

    if merkle:
        return verify_merkle(project, first, last, findings, every=every)
    return verify_links(project, first, last, findings)


def _verify(project: Project, first: date | None, last: date | None, findings: Findings) -> int:
    """Compare days with the API and with the table."""
    store = project.store()
    has_unreadable = report_unreadable([store], first, last, findings)
    advice = "no stored day was chosen: give --from and --to of days that `status` counts as stored"
    days = choose(store, first, last, advice)
    _say_cost(project, days)
    verdicts = list(_compare_with_api(project, days, findings))
    # A wrong day file cannot show whether the table is right.
    sound = {verdict.day for verdict in verdicts if not verdict.faults}
    wrong = differing(store, [day for day in days if day.certificate.day in sound], len(days), findings)
    has_unreadable |= has_repeated(store, findings)
    has_gaps = report_nonces(project, findings)
    return ERROR if has_unreadable or wrong or has_gaps or any(verdict.faults for verdict in verdicts) else DONE


def _say_cost(project: Project, days: Sequence[DayFile]) -> None:
    from stx_pipelines.sync.stacks.verify import requests_needed

    files, budget = project.store().files, project.settings.budget
    needed = sum(requests_needed(files, day.certificate) for day in days)
    at = f", about {duration(timedelta(minutes=needed / budget))}" if budget else ""
    click.echo(f"{count_days(len(days))} will be compared burn block by burn block: {needed:,} requests{at}")


def _compare_with_api(project: Project, days: Sequence[DayFile], findings: Findings) -> Iterator[Verdict]:
    """Compare the days with the API, one by one; print and yield each result."""
    from stx_pipelines.sync.stacks.verify import verify_day

    api, files = project.stacks_api(), project.store().files
    for day in days:
        verdict = verify_day(api, files, day.certificate)
        findings.add(_sentence(verdict), agrees=not verdict.faults, day=verdict.day)
        for note in verdict.notes:
            findings.add(f"{verdict.day}: {note}", agrees=True, day=verdict.day, err=True)
        yield verdict


def _sentence(verdict: Verdict) -> str:
    if not verdict.faults:
        return f"{verdict.day}: {verdict.seen:,} transactions, all {verdict.burn_blocks} burn blocks agree"
    return f"{verdict.day}: {'; '.join(verdict.faults)}: read it again with `sync --force-refresh`"
