"""The options `--merkle` and `--links` of the command `verify`: proofs of Stacks days by hashes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from random import SystemRandom
from typing import TYPE_CHECKING

import click

from stx_pipelines.cli.exit_codes import DONE, ERROR, NOT_YET
from stx_pipelines.cli.findings import Findings
from stx_pipelines.cli.verify_days import report_unreadable
from stx_pipelines.coverage.text import count_days, duration
from stx_pipelines.project import Project
from stx_pipelines.settings import SettingsError
from stx_pipelines.store.loading import DayFile

if TYPE_CHECKING:
    from stx_pipelines.sync.stacks.verify_tenures import MerkleVerdict

_NO_DAY = "no closed day was chosen: give --from and --to of days that `status` counts as stored"


def verify_merkle(project: Project, first: date | None, last: date | None, findings: Findings, *, every: bool) -> int:
    """Prove burn blocks that have no evidence by the bytes of their blocks, newest day first. Return the exit code.

    If `every`, prove all of them, otherwise at most STX_PROOF_TENURES of each day. Evidence is stored as it is found,
    so that a command that was stopped goes on where it ended.
    """
    from stx_pipelines.sync.stacks.tenures import TenureProofs
    from stx_pipelines.sync.stacks.verify_tenures import lacking, prove_day

    store = project.store()
    has_unreadable = report_unreadable([store], first, last, findings)
    days = _closed(project, first, last)
    most = None if every else project.settings.stx_proof_tenures
    chosen = {day.certificate.day: _some(lacking(store, day.certificate), most) for day in days}
    _say_cost(project, sum(map(len, chosen.values())), len(days))
    api = project.stacks_api()
    proofs = TenureProofs(project.stacks_node(api.http), api.block_by_hash)
    verdicts = []
    for day in days:
        if heights := chosen[day.certificate.day]:
            verdicts.append(prove_day(store, proofs, day.certificate, heights))
            agrees = verdicts[-1].fault is None
            findings.add(_sentence(verdicts[-1]), agrees=agrees, day=day.certificate.day, err=not agrees)
        if proofs.refusal:
            findings.stop(f"stopped: {proofs.refusal}; evidence so far is kept: set STX_NODE_URL to a node")
            break
    if has_unreadable or any(verdict.fault for verdict in verdicts):
        return ERROR
    return NOT_YET if proofs.refusal or any(verdict.left_out for verdict in verdicts) else DONE


def verify_links(project: Project, first: date | None, last: date | None, findings: Findings) -> int:
    """Compare the first block of each closed day with the day before. This needs no request. Return the exit code."""
    from stx_pipelines.sync.stacks.verify_tenures import broken_links

    store = project.store()
    has_unreadable = report_unreadable([store], first, last, findings)
    days = _closed(project, first, last)
    broken = list(broken_links(store, [day.certificate for day in days]))
    for sentence in broken:
        findings.add(f"{sentence}: read both days again with `sync --force-refresh`", agrees=False, err=True)
    sentence = f"{count_days(len(days) - len(broken))} of {len(days)} closed ones follow the day before"
    findings.add(sentence, agrees=not broken)
    return ERROR if has_unreadable or broken else DONE


def _closed(project: Project, first: date | None, last: date | None) -> list[DayFile]:
    """Return the closed days from `first` to `last`, newest first, by default all. Raises `SettingsError`."""
    days = [
        day
        for day in project.store().stored()
        if day.certificate.is_closed and (first or day.certificate.day) <= day.certificate.day <= (last or date.max)
    ]
    if not days:
        raise SettingsError(_NO_DAY)
    return days


def _some(heights: Sequence[int], most: int | None) -> list[int]:
    """Return the newest and other, randomly chosen heights, at most this many; all if `most` is None."""
    if most is None or len(heights) <= most:
        return list(heights)
    return sorted([heights[0], *SystemRandom().sample(heights[1:], most - 1)], reverse=True)


def _say_cost(project: Project, requests: int, days: int) -> None:
    settings = project.settings
    budget = settings.stx_node_requests_per_minute if settings.has_own_node else settings.budget
    at = f", about {duration(timedelta(minutes=requests / budget))}" if budget else ""
    click.echo(f"{requests:,} burn blocks of {count_days(days)} will be proved by hashes: {requests:,} requests{at}")


def _sentence(verdict: MerkleVerdict) -> str:
    if verdict.fault:
        return f"{verdict.day}: {verdict.fault}: read the day again with `sync --force-refresh`"
    said = (
        f"{verdict.day}: {verdict.proved_now} burn blocks proved now, {verdict.proved} of {verdict.burn_blocks} in all"
    )
    return "; ".join([said, *verdict.left_out])
