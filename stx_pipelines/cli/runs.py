"""Functions that do the runs of `sync`, one after another, and print a summary.

A lock per data folder prevents two syncs at a time. A signal ends a sync at any moment.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, NoReturn

import click

from stx_pipelines.chains.datasets import DATASETS
from stx_pipelines.cli.exit_codes import DONE, ERROR, NOT_YET
from stx_pipelines.cli.stopping import ended_by_signals, interrupted_by_sigterm
from stx_pipelines.cli.synced import SyncedChain
from stx_pipelines.coverage.chains import STACKS, Chain
from stx_pipelines.coverage.model import Coverage
from stx_pipelines.coverage.progress import Reporter, waiting_run, waiting_words
from stx_pipelines.coverage.record import waiting_to_push
from stx_pipelines.coverage.text import count_days, coverage_sentence, failing_words
from stx_pipelines.project import Project
from stx_pipelines.store.locks import Busy
from stx_pipelines.store.shared import SYNC

if TYPE_CHECKING:
    from stx_pipelines.cli.materialize import Failed

_DAYS_NAMED = 10

NextDays = Callable[[Coverage, int], Sequence[date]]
"""A function that returns the days of the next run. The loop of runs ends when it returns no days.

Its arguments are the coverage and the number of days tried so far.
"""


def look(project: Project, chain: Chain) -> Coverage:
    """Return the present coverage of a chain."""
    return chain.look(project, datetime.now(UTC))


def run_all(project: Project, chain: Chain, choose: NextDays, *, force: bool) -> SyncedChain:
    """Materialize the days that `choose` returns, one run after another. Print a summary and return the result."""
    began = datetime.now(UTC)
    with alone(project):
        failures = _run_after_run(project, chain, choose, force=force)
    return sum_up(project, chain, failures, began)


def _run_after_run(project: Project, chain: Chain, choose: NextDays, *, force: bool) -> list[Failed]:
    """Do one run after another and return all failures.

    The loop ends when `choose` returns no days, when a run failed and changed nothing, or when `choose` returns the
    same days again after a run that changed nothing.
    """
    from stx_pipelines.cli.materialize import clean_history, materialize_days, open_instance
    from stx_pipelines.cli.progress_bar import progress_bar

    failures: list[Failed] = []
    before: Sequence[date] = ()
    coverage, tried, changed = look(project, chain), 0, True
    with open_instance() as instance:
        with progress_bar(project, chain) as expect:
            while (days := choose(coverage, tried)) and (changed or days != before):
                expect(tried + max(len(days), sum(not day.covered for day in coverage.days)))
                failed = materialize_days(project, instance, chain.name, min(days), max(days), force=force)
                failures += failed
                before, tried = days, tried + len(days)
                known, coverage = coverage, look(project, chain)
                changed = _has_changed(known, coverage)
                if failed and not changed:
                    break
        if why_not := clean_history(project, instance):
            click.echo(why_not, err=True)
    return failures


def _has_changed(before: Coverage, after: Coverage) -> bool:
    """Return whether a run stored or loaded a day, recorded a failed proof, or changed whether the server is behind."""
    days = [[(day.day, day.state, day.loaded, day.attempts) for day in each.days] for each in (before, after)]
    return days[0] != days[1] or bool(before.behind) != bool(after.behind)


def sum_up(project: Project, chain: Chain, failures: Sequence[Failed], began: datetime) -> SyncedChain:
    """Print the coverage of the chain and the failures, and load days that are not loaded. Return the result.

    `began` is the time when the command's runs began.
    """
    coverage = look(project, chain)
    sentence, stored = _sentence(project, chain, coverage), _stored_since(project, chain, began)
    title = "" if chain is STACKS else f"{chain.title}: "
    click.echo(title + sentence)
    # The coverage sentence has already reported that the server is behind.
    told = [failure for failure in failures if not (failure.behind and coverage.behind)]
    is_over = coverage.is_complete and all(failure.passing for failure in told)
    say_failures(told, is_over=is_over)
    if told and not is_over:
        click.echo(f"{count_days(len(stored))} stored by this command and kept", err=True)
    if coverage.to_load:
        _load_or_report(project, chain)
    for dataset in chain.tables:
        project.store(dataset).serve_if_possible()
    newer = [why for dataset in chain.tables for why in project.store(dataset).files.newer().values()]
    for why in newer:
        click.echo(f"error: {why}", err=True)
    _say_set_aside(coverage)
    _say_waiting(coverage)
    if waiting := waiting_to_push(project, [chain]):
        click.echo(waiting, err=True)
    if coverage.may_be_empty and (note := chain.note(project)):
        click.echo(note, err=True)
    has_errors = bool(newer or coverage.set_aside) or any(not failure.passing for failure in failures)
    code = ERROR if has_errors else _code(project, chain, coverage)
    reasons = [*(failure.sentence for failure in failures), *newer]
    return _result(chain, coverage, code, sentence, stored, reasons)


def _code(project: Project, chain: Chain, coverage: Coverage) -> int:
    return DONE if coverage.is_complete and not _lacks_proofs(project, chain, coverage) else NOT_YET


def _result(
    chain: Chain, coverage: Coverage, code: int, sentence: str, stored: list[date], failures: list[str]
) -> SyncedChain:
    return SyncedChain(
        chain=chain.name,
        code=code,
        sentence=sentence,
        days_wanted=len(coverage.days),
        days_complete=coverage.complete_count,
        stored=stored,
        failing=[day for day, _ in coverage.failing],
        set_aside=[day.day for day in coverage.set_aside],
        failures=failures,
    )


def _lacks_proofs(project: Project, chain: Chain, coverage: Coverage) -> bool:
    """Return whether STX_PROOF=full is set and a wanted closed day was not proved by hashes. Print the number."""
    if chain is not STACKS or project.settings.stx_proof != "full":
        return False
    from stx_pipelines.sync.stacks.verify_tenures import lacking

    store = project.store()
    known, wanted = store.files.certificates(), {day.day for day in coverage.days}
    closed = {day: each for day, each in known.items() if day in wanted and each.is_closed}
    counts = store.evidence.counts(closed)
    short = [each for day, each in closed.items() if counts.get(day, 0) < each.burn_blocks and lacking(store, each)]
    if short:
        click.echo(
            f"STX_PROOF is full, but {count_days(len(short))} have burn blocks that were not proved by hashes: run "
            "`stx-pipelines verify --merkle --all`",
            err=True,
        )
    return bool(short)


def _sentence(project: Project, chain: Chain, coverage: Coverage) -> str:
    return coverage_sentence(coverage, chain.budget(project), unit=chain.unit)


def say_failures(failures: Iterable[Failed], *, is_over: bool = False) -> None:
    """Print a sentence for each failure. If `is_over`, a later run of the same command fetched the days."""
    for failure in failures:
        click.echo(f"{'failed at first, complete now' if is_over else 'failed'}: {failure.sentence}", err=True)


def _stored_since(project: Project, chain: Chain, began: datetime) -> list[date]:
    """Return the days that were stored since then, newest first."""
    days = {
        day
        for dataset in chain.tables
        for day, known in project.store(dataset).files.certificates().items()
        if known.proved_at >= began.replace(microsecond=0)  # a certificate has whole seconds
    }
    return sorted(days, reverse=True)


def _load_or_report(project: Project, chain: Chain) -> None:
    for dataset in chain.tables:
        store = project.store(dataset)
        if waiting := store.load(wait=0.0):
            click.echo(f"{count_days(len(waiting))} stored, waiting for {store.waiting_for}", err=True)


def _say_set_aside(coverage: Coverage) -> None:
    for day in coverage.set_aside:
        reason = day.attempts.sentence if day.attempts else ""
        click.echo(f"set aside: {day.day}: {reason} (try again with `stx-pipelines sync --retry`)", err=True)


def _say_waiting(coverage: Coverage) -> None:
    """Name the failed days that wait for their next attempt, with the reason and the time."""
    waiting = coverage.failing
    for day, attempts in waiting[:_DAYS_NAMED]:
        click.echo(f"waiting: {day}: {failing_words(attempts)}", err=True)
    if len(waiting) > _DAYS_NAMED:
        click.echo(f"waiting: {count_days(len(waiting) - _DAYS_NAMED)} more; see `stx-pipelines status`", err=True)


def refuse_if_waiting(project: Project) -> None:
    """Raise `Busy` if a `sync` of this data folder waits for its server. It continues by itself."""
    if waiting := waiting_run(project.shared, *DATASETS):
        raise Busy(f"{waiting.process} is {waiting_words(waiting)} and continues by itself", waiting.process)


@contextmanager
def alone(project: Project) -> Iterator[None]:
    """Hold the lock of `sync`, so that no other `sync` runs.

    If another `sync` is running, print its process and wait until it ends. Raises `Busy` after `STX_RUN_WAIT_SECONDS`,
    and at once if the other `sync` waits for its server.
    """
    refuse_if_waiting(project)
    with ExitStack() as held:
        try:
            held.enter_context(project.shared.locked(SYNC, wait=0))
        except Busy as busy:
            click.echo(f"{busy.holder} is syncing already; waiting for it", err=True)
            held.enter_context(project.shared.locked(SYNC, wait=project.settings.stx_run_wait_seconds))
        yield


@contextmanager
def waiting_outside_runs(project: Project, chain: Chain) -> Iterator[None]:
    """Let requests outside of runs wait for the chain's server, as those of a run do, while the `with` block runs.

    During the wait, the lock of `sync` is held and the progress says so, for `health` and for another `sync`.
    """
    outage, shared = project.outage(chain.name), project.shared
    if outage is None:
        yield
        return
    with ExitStack() as held:
        reporter: list[Reporter] = []

        def note(since: datetime | None) -> None:
            if not reporter:
                with suppress(Busy):
                    held.enter_context(shared.locked(SYNC, wait=0))
                reporter.append(Reporter(shared, chain.tables[0], 0, lambda: 0))
            reporter[0].waiting(since, outage.name)
            if since is None:
                held.close()
                reporter.clear()

        outage.on_wait = note
        try:
            yield
        finally:
            if reporter:
                note(None)
            outage.on_wait = None


@contextmanager
def interruptible(project: Project, chain: Chain, stopped: Callable[[SyncedChain], None]) -> Iterator[None]:
    """On Ctrl-C or SIGTERM, print a summary and end the process at once with exit code `NOT_YET`.

    `stopped` is called with the result before the process ends.
    """
    began = datetime.now(UTC)
    with interrupted_by_sigterm(), ended_by_signals(lambda: _stop(project, chain, began, stopped)):
        try:
            yield
        except KeyboardInterrupt:
            _stop(project, chain, began, stopped)


def _stop(project: Project, chain: Chain, began: datetime, stopped: Callable[[SyncedChain], None]) -> NoReturn:
    try:
        coverage = look(project, chain)
        sentence = f"stopped; stored days are kept: {_sentence(project, chain, coverage)}"
        click.echo(sentence)
        stopped(_result(chain, coverage, NOT_YET, sentence, _stored_since(project, chain, began), []))
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        # A normal exit would wait for threads that look up a name or connect, until their time-out. Threads that read
        # a response end within a second of the stop signal.
        os._exit(NOT_YET)
