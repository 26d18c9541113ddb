"""The command `sync`: ask `coverage` what is next, materialize it, until nothing is left. Needs no daemon."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

import click

from stx_pipelines.chains.days import days_between
from stx_pipelines.clients.errors import Unreachable
from stx_pipelines.coverage.datasets import STACKS, Chain
from stx_pipelines.coverage.model import Coverage
from stx_pipelines.coverage.text import count_days, coverage_sentence
from stx_pipelines.dashboard.page import page_is_due
from stx_pipelines.metrics.open import open_metrics
from stx_pipelines.project import Project
from stx_pipelines.settings import SettingsError
from stx_pipelines.store.identity import known_ethereum, known_identity
from stx_pipelines.store.locks import Busy, locked
from stx_pipelines.sync.ethereum import chain as ethereum_chain
from stx_pipelines.sync.look import look_at_tip
from stx_pipelines.sync.stacks import reorgs as chain_check

if TYPE_CHECKING:
    from stx_pipelines.cli.materialize import Failed

DONE, ERROR, NOT_YET = 0, 1, 2
_AT_ONCE = timedelta(0)


def sync_until_covered(project: Project, chain: Chain, *, max_days: int | None, retry: bool) -> int:
    """Work through the coverage of a chain; the exit code of `sync`."""
    with _interruptible(project, chain):
        _identify_at_first(project, chain)
        if note := chain.note(project):
            click.echo(note, err=True)
        coverage, look_again = _survey(project, chain), False
        if coverage.is_complete or coverage.old_tip:
            moved = _chain_moved(project, chain)
            coverage = _survey(project, chain)
            look_again = moved and coverage.is_complete
        left = max_days or sys.maxsize
        to_retry = sum(day.attempts is not None for day in coverage.days) if retry else 0
        if not look_again and _is_idle(project, chain, coverage, retry=retry):
            return _end(project, chain, [])

        def work(coverage: Coverage, already: int) -> Sequence[date]:
            nonlocal left
            first_look = look_again and not already
            found = coverage.next(
                chain.budget(project),
                open_every=_AT_ONCE if first_look else project.settings.open_every,
                retry=already < to_retry,
            )
            days = _bounded(coverage, found.days if found else (), left)
            left -= len(_counted(coverage, days))
            return days

        return _run(project, chain, work, force=False)


def _is_idle(project: Project, chain: Chain, coverage: Coverage, *, retry: bool) -> bool:
    """Whether all is there, or what is not there waits for the server."""
    if coverage.is_complete:
        return True
    work = coverage.next(chain.budget(project), open_every=project.settings.open_every, retry=retry)
    return coverage.behind is not None and work is None


def _identify_at_first(project: Project, chain: Chain) -> None:
    """The chain's first day is not known before its first use, and no earlier day is wanted."""
    folder = project.folder
    if chain is STACKS and known_identity(folder) is None:
        chain_check.identify(project.stacks_api(), folder, project.settings.stx_first_day)
    if chain is not STACKS and known_ethereum(folder) is None:
        ethereum_chain.identify(project.ethereum_rpc(), folder)


def refresh_results(project: Project) -> int:
    """Make anew what is computed from closed days, where their set has changed; the exit code."""
    store = open_metrics(project)
    due = store.stale() and store.files.days()
    if not due and not page_is_due(project):
        return DONE
    with _alone(project):
        from stx_pipelines.cli.materialize import materialize_metrics, open_instance

        with open_instance() as instance:
            failures = materialize_metrics(project, instance, only_page=not due)
    for failure in failures:
        click.echo(f"failed: {failure.sentence}", err=True)
    return ERROR if failures else DONE


def _counted(coverage: Coverage, days: Sequence[date]) -> list[date]:
    """The days that `--max-days` bounds: today and what has landed are free, so that old days get their turn."""
    free = {day.day for day in coverage.days if day.landed} | {coverage.now.date()}
    return [day for day in days if day not in free]


def _bounded(coverage: Coverage, newest_first: Sequence[date], most: int) -> Sequence[date]:
    beyond = _counted(coverage, newest_first)[most:]
    return newest_first[: newest_first.index(beyond[0])] if beyond else newest_first


def refresh(project: Project, chain: Chain, first: date, last: date) -> int:
    """Read chosen days again from the network; the others are left alone."""
    today = datetime.now(UTC).date()
    if not first <= last <= today:
        raise SettingsError(f"--from {first} --to {last}: days must rise, and none may be after today ({today})")
    from stx_pipelines.defs.partitions import ETHEREUM_FIRST_DAY, STACKS_FIRST_DAY

    chain_began = STACKS_FIRST_DAY if chain is STACKS else ETHEREUM_FIRST_DAY
    if first < date.fromisoformat(chain_began):
        raise SettingsError(f"--from {first}: the chain's first day is {chain_began}")
    days = days_between(first, last)[::-1]
    with _interruptible(project, chain):
        return _run(project, chain, lambda _, already: () if already else days, force=True)


def _run(project: Project, chain: Chain, work: Callable[[Coverage, int], Sequence[date]], *, force: bool) -> int:
    """Materialize what `work` names, run after run, until it names nothing or a run brings nothing."""
    failures: list[Failed] = []
    already, changed = 0, True
    with _alone(project):
        from stx_pipelines.cli.materialize import materialize_days, open_instance
        from stx_pipelines.cli.progress_bar import progress_bar

        coverage = _survey(project, chain)
        with progress_bar(project, chain) as expect, open_instance() as instance:
            before: Sequence[date] = ()
            while (days := work(coverage, already)) and not (days == before and not changed):
                expect(already + max(len(days), sum(not day.covered for day in coverage.days)))
                failed = materialize_days(project, instance, chain.name, min(days), max(days), force=force)
                already += len(days)
                failures += failed
                before, known, coverage = days, coverage, _survey(project, chain)
                changed = _changed(known, coverage)
                if failed and not changed:
                    break
    return _end(project, chain, failures)


def _survey(project: Project, chain: Chain) -> Coverage:
    return chain.look(project, datetime.now(UTC))


def _changed(before: Coverage, after: Coverage) -> bool:
    """Whether a run landed or loaded a day, counted a failed proof, or found the server behind."""
    days = [[(day.day, day.state, day.loaded, day.attempts) for day in each.days] for each in (before, after)]
    return days[0] != days[1] or bool(before.behind) != bool(after.behind)


def _chain_moved(project: Project, chain: Chain) -> bool:
    """Look at the newest block; whether today's day is behind it. An unreachable server has nothing newer."""
    try:
        return look_at_tip(project, chain)
    except Unreachable as error:
        click.echo(f"the newest day may have grown: {error}", err=True)
        return False


def _end(project: Project, chain: Chain, failures: Sequence[Failed]) -> int:
    coverage = _survey(project, chain)
    title = "" if chain is STACKS else f"{chain.title}: "
    click.echo(title + coverage_sentence(coverage, chain.budget(project), unit=chain.unit))
    for failure in failures:
        if not (failure.behind and coverage.behind):  # then it has been said
            click.echo(f"failed: {failure.sentence}", err=True)
    for dataset in chain.tables if coverage.to_load else ():
        store = project.store(dataset)
        if waiting := store.load(wait=0.0):
            click.echo(f"{count_days(len(waiting))} landed, waiting for {store.waiting_for}", err=True)
    newer = [why for dataset in chain.tables for why in project.store(dataset).files.newer().values()]
    for why in newer:
        click.echo(f"error: {why}", err=True)
    for day in coverage.set_aside:
        reason = day.attempts.sentence if day.attempts else ""
        click.echo(f"set aside: {day.day}: {reason} (try again with `stx-pipelines sync --retry`)", err=True)
    if newer or coverage.set_aside or any(not failure.passing for failure in failures):
        return ERROR
    return DONE if coverage.is_complete else NOT_YET


@contextmanager
def _alone(project: Project) -> Iterator[None]:
    """One `sync` at a time per data folder; a second one waits and says for whom."""
    lock = project.folder.lock("sync")
    try:
        with locked(lock, "sync", wait=0):
            yield
            return
    except Busy as busy:
        if busy.path != lock:
            raise
        click.echo(f"{busy.holder} is syncing already; waiting for it", err=True)
    with locked(lock, "sync", wait=project.settings.stx_run_wait_seconds):
        yield


@contextmanager
def _interruptible(project: Project, chain: Chain) -> Iterator[None]:
    """Ctrl-C and SIGTERM end the command at once, with a summary: what has landed is whole."""

    def stop(_: int, __: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except KeyboardInterrupt:
        _stop(project, chain)
    finally:
        signal.signal(signal.SIGTERM, before)


def _stop(project: Project, chain: Chain) -> NoReturn:
    sentence = coverage_sentence(_survey(project, chain), chain.budget(project), unit=chain.unit)
    click.echo(f"stopped; every landed day is whole: {sentence}")
    sys.stdout.flush()
    sys.stderr.flush()
    # Answers on their way end within a second of the stop signal, but not a look-up of a name or a connection that
    # is being made: these would hold up a normal exit for the length of their time-out.
    os._exit(NOT_YET)
