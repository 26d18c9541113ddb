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
from stx_pipelines.coverage.progress import sync_lock
from stx_pipelines.coverage.survey import open_landing
from stx_pipelines.coverage.text import count_days, coverage_sentence
from stx_pipelines.metrics.open import open_metrics, page_is_due
from stx_pipelines.settings import Settings, SettingsError
from stx_pipelines.store.identity import known_ethereum, known_identity
from stx_pipelines.store.locks import Busy, locked
from stx_pipelines.sync.ethereum import chain as ethereum_chain
from stx_pipelines.sync.ethereum.open import open_node
from stx_pipelines.sync.look import look_at_tip
from stx_pipelines.sync.stacks import reorgs as chain_check
from stx_pipelines.sync.stacks.open import open_stacks_api

if TYPE_CHECKING:
    from stx_pipelines.cli.materialize import Failed

DONE, ERROR, NOT_YET = 0, 1, 2
_AT_ONCE = timedelta(0)


def sync_until_covered(settings: Settings, chain: Chain, *, max_days: int | None, retry: bool) -> int:
    """Work through the coverage of a chain; the exit code of `sync`."""
    with _interruptible(settings, chain):
        _identify_at_first(settings, chain)
        if note := chain.note(settings):
            click.echo(note, err=True)
        coverage, look_again = _survey(settings, chain), False
        if coverage.is_complete or coverage.old_tip:
            moved = _chain_moved(settings, chain)
            coverage = _survey(settings, chain)
            look_again = moved and coverage.is_complete
        left = max_days or sys.maxsize
        to_retry = sum(day.attempts is not None for day in coverage.days) if retry else 0
        if not look_again and _is_idle(settings, chain, coverage, retry=retry):
            return _end(settings, chain, [])

        def work(coverage: Coverage, already: int) -> Sequence[date]:
            nonlocal left
            first_look = look_again and not already
            found = coverage.next(
                chain.budget(settings),
                open_every=_AT_ONCE if first_look else settings.open_every,
                retry=already < to_retry,
            )
            days = _bounded(coverage, found.days if found else (), left)
            left -= len(_counted(coverage, days))
            return days

        return _run(settings, chain, work, force=False)


def _is_idle(settings: Settings, chain: Chain, coverage: Coverage, *, retry: bool) -> bool:
    """Whether all is there, or what is not there waits for the server."""
    if coverage.is_complete:
        return True
    work = coverage.next(chain.budget(settings), open_every=settings.open_every, retry=retry)
    return coverage.behind is not None and work is None


def _identify_at_first(settings: Settings, chain: Chain) -> None:
    """The chain's first day is not known before its first use, and no earlier day is wanted."""
    folder = settings.stx_data_dir
    if chain is STACKS and known_identity(folder) is None:
        chain_check.identify(open_stacks_api(settings), folder, settings.stx_first_day)
    if chain is not STACKS and known_ethereum(folder) is None:
        ethereum_chain.identify(open_node(settings), folder)


def refresh_results(settings: Settings) -> int:
    """Make anew what is computed from closed days, where their set has changed; the exit code."""
    store = open_metrics(settings)
    due = store.stale() and store.files.days()
    if not due and not page_is_due(settings):
        return DONE
    with _alone(settings):
        from stx_pipelines.cli.materialize import materialize_metrics, open_instance

        with open_instance() as instance:
            failures = materialize_metrics(instance, only_page=not due)
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


def refresh(settings: Settings, chain: Chain, first: date, last: date) -> int:
    """Read chosen days again from the network; the others are left alone."""
    today = datetime.now(UTC).date()
    if not first <= last <= today:
        raise SettingsError(f"--from {first} --to {last}: days must rise, and none may be after today ({today})")
    from stx_pipelines.defs.partitions import ETHEREUM_FIRST_DAY, STACKS_FIRST_DAY

    chain_began = STACKS_FIRST_DAY if chain is STACKS else ETHEREUM_FIRST_DAY
    if first < date.fromisoformat(chain_began):
        raise SettingsError(f"--from {first}: the chain's first day is {chain_began}")
    days = days_between(first, last)[::-1]
    with _interruptible(settings, chain):
        return _run(settings, chain, lambda _, already: () if already else days, force=True)


def _run(settings: Settings, chain: Chain, work: Callable[[Coverage, int], Sequence[date]], *, force: bool) -> int:
    """Materialize what `work` names, run after run, until it names nothing or a run brings nothing."""
    failures: list[Failed] = []
    already, changed = 0, True
    with _alone(settings):
        from stx_pipelines.cli.materialize import materialize_days, open_instance
        from stx_pipelines.cli.progress_bar import progress_bar

        coverage = _survey(settings, chain)
        with progress_bar(settings, chain) as expect, open_instance() as instance:
            before: Sequence[date] = ()
            while (days := work(coverage, already)) and not (days == before and not changed):
                expect(already + max(len(days), sum(not day.covered for day in coverage.days)))
                failed = materialize_days(instance, chain.name, min(days), max(days), force=force)
                already += len(days)
                failures += failed
                before, known, coverage = days, coverage, _survey(settings, chain)
                changed = _changed(known, coverage)
                if failed and not changed:
                    break
    return _end(settings, chain, failures)


def _survey(settings: Settings, chain: Chain) -> Coverage:
    return chain.look(settings, datetime.now(UTC))


def _changed(before: Coverage, after: Coverage) -> bool:
    """Whether a run landed or loaded a day, counted a failed proof, or found the server behind."""
    days = [[(day.day, day.state, day.loaded, day.attempts) for day in each.days] for each in (before, after)]
    return days[0] != days[1] or bool(before.behind) != bool(after.behind)


def _chain_moved(settings: Settings, chain: Chain) -> bool:
    """Look at the newest block; whether today's day is behind it. An unreachable server has nothing newer."""
    try:
        return look_at_tip(settings, chain)
    except Unreachable as error:
        click.echo(f"the newest day may have grown: {error}", err=True)
        return False


def _end(settings: Settings, chain: Chain, failures: Sequence[Failed]) -> int:
    coverage = _survey(settings, chain)
    title = "" if chain is STACKS else f"{chain.title}: "
    click.echo(title + coverage_sentence(coverage, chain.budget(settings), unit=chain.unit))
    for failure in failures:
        if not (failure.behind and coverage.behind):  # then it has been said
            click.echo(f"failed: {failure.sentence}", err=True)
    for dataset in chain.tables if coverage.to_load else ():
        landing = open_landing(settings, dataset)
        if waiting := landing.load(wait=0.0):
            click.echo(f"{count_days(len(waiting))} landed, waiting for {landing.waiting_for}", err=True)
    newer = [why for dataset in chain.tables for why in open_landing(settings, dataset).files.newer().values()]
    for why in newer:
        click.echo(f"error: {why}", err=True)
    for day in coverage.set_aside:
        reason = day.attempts.sentence if day.attempts else ""
        click.echo(f"set aside: {day.day}: {reason} (try again with `stx-pipelines sync --retry`)", err=True)
    if newer or coverage.set_aside or any(not failure.passing for failure in failures):
        return ERROR
    return DONE if coverage.is_complete else NOT_YET


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """One `sync` at a time per data folder; a second one waits and says for whom."""
    lock = sync_lock(settings.stx_data_dir)
    try:
        with locked(lock, "sync", wait=0):
            yield
            return
    except Busy as busy:
        if busy.path != lock:
            raise
        click.echo(f"{busy.holder} is syncing already; waiting for it", err=True)
    with locked(lock, "sync", wait=settings.stx_run_wait_seconds):
        yield


@contextmanager
def _interruptible(settings: Settings, chain: Chain) -> Iterator[None]:
    """Ctrl-C and SIGTERM end the command at once, with a summary: what has landed is whole."""

    def stop(_: int, __: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except KeyboardInterrupt:
        _stop(settings, chain)
    finally:
        signal.signal(signal.SIGTERM, before)


def _stop(settings: Settings, chain: Chain) -> NoReturn:
    sentence = coverage_sentence(_survey(settings, chain), chain.budget(settings), unit=chain.unit)
    click.echo(f"stopped; every landed day is whole: {sentence}")
    sys.stdout.flush()
    sys.stderr.flush()
    # Answers on their way end within a second of the stop signal, but not a look-up of a name or a connection that
    # is being made: these would hold up a normal exit for the length of their time-out.
    os._exit(NOT_YET)
