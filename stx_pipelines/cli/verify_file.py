"""The command `verify --db`: compare a file of another tool with the stored days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import click

from stx_pipelines.chains.datasets import BLOCKS, DATASETS, TRANSACTIONS
from stx_pipelines.cli.exit_codes import DONE
from stx_pipelines.cli.findings import Findings
from stx_pipelines.cli.verify_days import choose
from stx_pipelines.project import Project
from stx_pipelines.settings import SettingsError
from stx_pipelines.store.compare_file import HeldDay, Rest, compared_with

_COMPARED = {"stacks": TRANSACTIONS, "ethereum": BLOCKS}


def verify_file(
    project: Project, path: Path, chain: str, first: date | None, last: date | None, findings: Findings
) -> int:
    """Print the part of each stored day that another file has, and its extra rows. This needs no network."""
    dataset = _COMPARED[chain]
    store = project.store(dataset)
    if not (days := store.stored()):
        raise SettingsError("no day is stored yet, so there is nothing to compare with: run `stx-pipelines sync` first")
    if first and last:
        advice = f"no stored day of {dataset} was chosen: give --from and --to of days that `status` counts as stored"
        days = choose(store, first, last, advice)
    with compared_with(path, dataset, days, project.folder.run) as comparison:
        click.echo(comparison.file.description, err=True)
        found, rest = comparison.days(), comparison.rest()
    for day in found:
        _add(findings, _of_day(day, dataset), [day], day.day)
    for sentence in _sentences(rest):
        findings.add(sentence, agrees=True)
    certified, noun = sum(day.certified for day in found), DATASETS[dataset].noun
    _add(
        findings, f"{path} holds {_share(found):.1%} of the {certified:,} certified {noun} of {len(found)} days", found
    )
    return DONE


def _add(findings: Findings, sentence: str, days: Sequence[HeldDay], day: date | None = None) -> None:
    """Print the result of these days and keep it. `day` is the day if there is only one."""
    missing, extras = sum(each.missing for each in days), [each.extra for each in days if each.extra is not None]
    extra = sum(extras) if extras else None
    findings.add(sentence, agrees=not missing and not extra, day=day, share=_share(days), missing=missing, extra=extra)


def _of_day(day: HeldDay, dataset: str) -> str:
    shares = f"{_share([day]):.0%} of {DATASETS[dataset].noun}"
    if dataset == TRANSACTIONS:
        shares += f", {day.wallets_held / day.wallets if day.wallets else 1.0:.0%} of wallets"
    extra = "" if day.extra is None else f", {day.extra:,} extra"
    return f"{day.day}: {shares}; {day.missing:,} missing{extra}"


def _share(days: Sequence[HeldDay]) -> float:
    certified = sum(day.certified for day in days)
    return sum(day.held for day in days) / certified if certified else 1.0


def _sentences(rest: Rest) -> list[str]:
    counts = (
        (rest.elsewhere, "of its rows belong to none of these days and were not compared"),
        (rest.invalid, "of its rows have no valid value in that column and were not compared"),
        (rest.repeated, "of its rows repeat another row"),
    )
    return [f"{count:,} {what}" for count, what in counts if count]
