"""The command `verify --chain ethereum`: prove stored days of blocks and balances again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING

import click

from stx_pipelines.chains.datasets import BALANCES, BLOCKS, PARTS
from stx_pipelines.cli.exit_codes import DONE, ERROR
from stx_pipelines.cli.findings import Findings
from stx_pipelines.cli.verify_days import choose, differing, report_unreadable
from stx_pipelines.coverage.current import wanted_datasets
from stx_pipelines.coverage.text import count_days
from stx_pipelines.project import Project

if TYPE_CHECKING:
    from stx_pipelines.chains.certificate import Certificate
    from stx_pipelines.clients.ethereum_rpc import EthereumRpc
    from stx_pipelines.sync.ethereum.verify import DayVerdict


def verify_ethereum(project: Project, first: date | None, last: date | None, findings: Findings, *, every: bool) -> int:
    """Compare stored days with the node, and the tables with the day files. Return the exit code."""
    stores = [project.store(dataset.name) for dataset in wanted_datasets(project, "ethereum")]
    has_unreadable = report_unreadable(stores, first, last, findings)
    advice = "no stored day of blocks was chosen: give --from and --to of days that `status` counts"
    days = sorted(day.certificate.day for day in choose(stores[0], first, last, advice))
    wrong = list(_verify(project, days, findings, every=every))
    for store in stores:
        stored = {day.certificate.day: day for day in store.stored()}
        chosen = [stored[day] for day in days if day in stored]
        wrong += map(str, differing(store, chosen, len(days), findings, store.dataset))
    return ERROR if has_unreadable or wrong else DONE


def _parts(
    project: Project, node: EthereumRpc, of_balances: Certificate, *, every: bool
) -> Iterator[tuple[str, DayVerdict]]:
    """Compare the parts of a day with the node, if ETH_PARTS is on and they are stored."""
    if PARTS not in {dataset.name for dataset in wanted_datasets(project, "ethereum")}:
        return
    from stx_pipelines.sync.ethereum.verify_parts import verify_parts

    store, day = project.store(PARTS), of_balances.day
    known = store.files.certificates().get(day)
    if known and known.is_of_same_blocks(of_balances):
        yield PARTS, verify_parts(node, (project.store(BALANCES), store), day, every=every)


def _verify(project: Project, days: Sequence[date], findings: Findings, *, every: bool) -> Iterator[str]:
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
            verdicts += _parts(project, node, balances[day], every=every)
        for dataset, (_, compared, faults) in verdicts:
            if faults:
                sentence = f"{dataset} {day}: {'; '.join(faults)}: read it again with `sync --force-refresh`"
                findings.add(sentence, agrees=False, day=day)
                yield f"{dataset} {day}"
            else:
                findings.add(f"{dataset} {day}: {compared}: all agree", agrees=True, day=day)
