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
from stx_pipelines.settings import Settings, SettingsError
from stx_pipelines.sources.errors import Unreachable
from stx_pipelines.store.identity import known_identity
from stx_pipelines.store.locks import Busy, locked
from stx_pipelines.sync.chain_check import identify
from stx_pipelines.sync.coverage import Coverage
from stx_pipelines.sync.metrics import open_metrics
from stx_pipelines.sync.open import open_stacks_api
from stx_pipelines.sync.progress import sync_lock
from stx_pipelines.sync.sentences import coverage_sentence
from stx_pipelines.sync.survey import open_landing, survey_stacks

if TYPE_CHECKING:
    from stx_pipelines.runs import Failed

DONE, ERROR, NOT_YET = 0, 1, 2
_AT_ONCE = timedelta(0)


def sync_until_covered(settings: Settings, *, max_days: int | None, retry: bool) -> int:
    """Work through the coverage; the exit code of `sync`."""
    with _interruptible(settings):
        if known_identity(settings.stx_data_dir) is None:
            identify(open_stacks_api(settings), settings.stx_data_dir, settings.stx_first_day)
        coverage = _survey(settings)
        look_again = coverage.is_complete and _chain_moved(settings)
        if coverage.is_complete and not look_again:
            return _end(settings, [])
        to_retry = sum(day.attempts is not None for day in coverage.days) if retry else 0

        def work(coverage: Coverage, already: int) -> Sequence[date]:
            first_look = look_again and not already
            found = coverage.next(
                settings.budget,
                open_every=_AT_ONCE if first_look else settings.open_every,
                retry=already < to_retry,
            )
            return found.days[: max_days - already if max_days else None] if found else ()

        return _run(settings, work, force=False)


def refresh(settings: Settings, first: date, last: date) -> int:
    """Read chosen days again from the network; the others are left alone."""
    today = datetime.now(UTC).date()
    if not first <= last <= today:
        raise SettingsError(f"--from {first} --to {last}: days must rise, and none may be after today ({today})")
    from stx_pipelines.partitions import STACKS_FIRST_DAY

    if first < date.fromisoformat(STACKS_FIRST_DAY):
        raise SettingsError(f"--from {first}: the chain's first day is {STACKS_FIRST_DAY}")
    days = days_between(first, last)[::-1]
    with _interruptible(settings):
        return _run(settings, lambda _, already: () if already else days, force=True)


def _run(settings: Settings, work: Callable[[Coverage, int], Sequence[date]], *, force: bool) -> int:
    """Materialize what `work` names, run after run, until it names nothing or a run brings nothing."""
    failures: list[Failed] = []
    already, changed = 0, True
    with _alone(settings):
        from stx_pipelines.progress_bar import progress_bar
        from stx_pipelines.runs import materialize_days, materialize_metrics, open_instance

        coverage = _survey(settings)
        with progress_bar(settings) as expect, open_instance() as instance:
            before: Sequence[date] = ()
            while (days := work(coverage, already)) and not (days == before and not changed):
                expect(already + max(len(days), sum(not day.covered for day in coverage.days)))
                failed = materialize_days(instance, min(days), max(days), force=force)
                already += len(days)
                failures += failed
                before, known, coverage = days, coverage, _survey(settings)
                changed = _changed(known, coverage)
                if failed and not changed:
                    break
            if open_metrics(settings).stale():
                failures += materialize_metrics(instance)
    return _end(settings, failures)


def _survey(settings: Settings) -> Coverage:
    return survey_stacks(settings, datetime.now(UTC))


def _changed(before: Coverage, after: Coverage) -> bool:
    """Whether a run landed or loaded a day, or counted a failed proof."""
    facts = [[(day.day, day.state, day.loaded, day.attempts) for day in each.days] for each in (before, after)]
    return facts[0] != facts[1]


def _chain_moved(settings: Settings) -> bool:
    """Whether the newest day is behind the chain, or on another fork. An unreachable server has nothing newer."""
    newest = open_landing(settings).files.certificate(datetime.now(UTC).date())
    if newest is None:
        return False
    api = open_stacks_api(settings)
    try:
        if api.tip().burn_block_height != newest.tip_burn_height:
            return True
        height, name = newest.last_height, newest.last_hash
        return height is not None and name is not None and not api.has_block(height, name)
    except Unreachable as error:
        click.echo(f"the newest day may have grown: {error}", err=True)
        return False


def _end(settings: Settings, failures: Sequence[Failed]) -> int:
    coverage = _survey(settings)
    click.echo(coverage_sentence(coverage, settings.budget))
    for failure in failures:
        click.echo(f"failed: {failure.sentence}", err=True)
    if coverage.to_load:
        landing = open_landing(settings)
        if waiting := landing.load(wait=0.0):
            click.echo(f"{len(waiting)} days landed, waiting for {landing.waiting_for}", err=True)
    for day in coverage.set_aside:
        reason = day.attempts.sentence if day.attempts else ""
        click.echo(f"set aside: {day.day}: {reason} (try again with `stx-pipelines sync --retry`)", err=True)
    if coverage.set_aside or any(not failure.passing for failure in failures):
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
def _interruptible(settings: Settings) -> Iterator[None]:
    """Ctrl-C and SIGTERM end the command at once, with a summary: what has landed is whole."""

    def stop(_: int, __: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except KeyboardInterrupt:
        _stop(settings)
    finally:
        signal.signal(signal.SIGTERM, before)


def _stop(settings: Settings) -> NoReturn:
    click.echo(f"stopped; every landed day is whole: {coverage_sentence(_survey(settings), settings.budget)}")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(NOT_YET)  # answers still on their way would hold up a normal exit for the length of their time-out
