"""The command `sync`, with the choice and the order of the days. The runs are in `runs.py`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial

import click

from stx_pipelines.chains.days import days_between
from stx_pipelines.cli.answers import Show, json_on_stdout, json_option
from stx_pipelines.cli.exit_codes import KNOWN_ERRORS, NOT_YET, say_ending, worst
from stx_pipelines.cli.options import chain_option, day_option, load_chains, target_option, with_target
from stx_pipelines.cli.plan import counted, show_plan
from stx_pipelines.cli.results import code_of, refresh_if_due
from stx_pipelines.cli.runs import interruptible, look, refuse_if_waiting, run_all, sum_up, waiting_outside_runs
from stx_pipelines.cli.synced import Synced, SyncedChain
from stx_pipelines.clients.errors import Unreachable
from stx_pipelines.coverage.chains import ETHEREUM, STACKS, Chain
from stx_pipelines.coverage.failures import failures_noted, forget_failures
from stx_pipelines.coverage.model import Coverage
from stx_pipelines.coverage.target import target_days as target_days_of
from stx_pipelines.coverage.target import target_setting, target_words
from stx_pipelines.project import Project
from stx_pipelines.settings import SettingsError
from stx_pipelines.store.identity import known_ethereum, known_identity

_AT_ONCE = timedelta(0)


@click.command()
@target_option
@click.option(
    "--max-days",
    type=click.IntRange(min=1),
    help="Fetch at most this many missing days, not counting today and open days.",
)
@click.option("--retry", is_flag=True, help="Try failing days and days set aside now, before their next try is due.")
@click.option("--force-refresh", is_flag=True, help="Read the days from --from to --to again, even closed days.")
@chain_option
@day_option("--from", "first", help="First day to refresh (UTC, YYYY-MM-DD).")
@day_option("--to", "last", help="Last day to refresh, included.")
@click.option("--plan", "only_plan", is_flag=True, help="Print the days and their cost; fetch nothing.")
@json_option
def sync(
    target_days: int | None,
    max_days: int | None,
    retry: bool,
    force_refresh: bool,
    name: str | None,
    first: date | None,
    last: date | None,
    only_plan: bool,
    as_json: bool,
) -> int:
    """Fetch, prove and store all wanted days, newest first. This needs no daemon.

    With --plan, print the days that would be fetched now, and about how many requests, minutes and MiB they cost. No
    request is sent, nothing is stored, and the exit code is 0.

    Exit code 0: all wanted days are complete; 2: the command was stopped, days remain, or the server is behind; 1: an
    error, or days set aside.

    \b
    stx-pipelines sync --plan --target-days 30
    stx-pipelines sync --target-days 30
    stx-pipelines sync --retry
    stx-pipelines sync --force-refresh --from 2026-11-01 --to 2026-11-03
    """
    with json_on_stdout(as_json, partial(Synced, chains=[], failures=[])) as show:
        if force_refresh != (first is not None and last is not None) or bool(first) != bool(last):
            raise SettingsError("--force-refresh, --from and --to belong together: give all three or none")
        project, chains = load_chains(name, None)
        _say_lower_target(project, chains[0], target_days)
        project = with_target(project, chains, target_days)
        if first and last:
            _check_range(chains[0], first, last)
        if only_plan:
            return show_plan(project, chains, first, last, show, max_days=max_days, retry=retry)
        refuse_if_waiting(project)
        project = project.waiting(lambda line: click.echo(line, err=True))
        done: list[SyncedChain] = []
        stopped = _shown_when_stopped(show, done)
        if first and last:
            done.append(_refresh(project, chains[0], first, last, stopped))
        else:
            for chain in chains:
                done.append(_complete_if_possible(project, chain, stopped, max_days=max_days, retry=retry))
        failures = refresh_if_due(project, chains)
        code = worst([*(each.code for each in done), code_of(failures)])
        show(Synced(code=code, chains=done, failures=failures))
    return code


Stopped = Callable[[SyncedChain], None]
"""A function that is called with the result of a chain whose sync is stopped by a signal."""


def _shown_when_stopped(show: Show, done: Sequence[SyncedChain]) -> Stopped:
    return lambda stopped: show(Synced(code=NOT_YET, chains=[*done, stopped], failures=[]))


def _complete_if_possible(
    project: Project, chain: Chain, stopped: Stopped, *, max_days: int | None, retry: bool
) -> SyncedChain:
    """Fetch the missing days of a chain. A known error is printed as one sentence, so that the next chain follows."""
    try:
        return _complete(project, chain, stopped, max_days=max_days, retry=retry)
    except KNOWN_ERRORS as error:
        ending = say_ending(error)
        return SyncedChain(chain=chain.name, code=ending.code, sentence=ending.sentence)


def _say_lower_target(project: Project, chain: Chain, days: int | None) -> None:
    """Say that `health` judges the setting, if --target-days is below it."""
    if days is not None and days < target_days_of(project, chain):
        click.echo(
            f"--target-days {days} is for this command only; `health`, the sensors and the alerts judge the setting ("
            f"{target_words(project, chain)}): set {target_setting(chain)}={days} in .env to change it",
            err=True,
        )


def _complete(project: Project, chain: Chain, stopped: Stopped, *, max_days: int | None, retry: bool) -> SyncedChain:
    """Fetch the missing days of a chain, newest first; return the result."""
    with interruptible(project, chain, stopped), waiting_outside_runs(project, chain):
        _agree_with_record(project, chain)
        _identify_at_first(project, chain)
        if note := chain.note(project):
            click.echo(note, err=True)
        coverage, tip_moved = _check_tip_if_due(project, chain)
        if not tip_moved and _is_idle(project, chain, coverage, retry=retry):
            if coverage.is_complete:
                forget_failures(project.folder, *chain.tables)
            return sum_up(project, chain, [], datetime.now(UTC))
        to_retry = sum(day.attempts is not None for day in coverage.days) if retry else 0
        missing = Missing(project, chain, max_days or sys.maxsize, to_retry, tip_moved)
        return run_all(project, chain, missing.next, force=False)


def _agree_with_record(project: Project, chain: Chain) -> None:
    """Take newer days from the record, if there is one, and push days that wait. A sync without work does no run."""
    for dataset in chain.tables:
        store = project.store(dataset)
        store.refresh(at_once=True)
        if store.copy:
            store.copy.push_if_there()


def _identify_at_first(project: Project, chain: Chain) -> None:
    """Request the chain's first day once per data folder, because no day before it is wanted."""
    folder = project.folder
    if chain is STACKS and known_identity(folder) is None:
        from stx_pipelines.sync.stacks.reorgs import identify

        with failures_noted(folder, chain.tables[0]):
            identify(project.stacks_api(), folder, project.settings.stx_first_day)
    if chain is ETHEREUM and known_ethereum(folder) is None:
        from stx_pipelines.sync.ethereum.chain import identify as identify_ethereum

        with failures_noted(folder, chain.tables[0]):
            identify_ethereum(project.ethereum_rpc(), folder)


def _check_tip_if_due(project: Project, chain: Chain) -> tuple[Coverage, bool]:
    """Return the coverage, and whether all days are complete and today's stored day is behind the tip or on a fork.

    The tip is checked only if all days are complete or the newest known block of the server is old.
    """
    coverage = look(project, chain)
    if not (coverage.is_complete or coverage.old_tip):
        return coverage, False
    moved = _has_tip_moved(project, chain)
    coverage = look(project, chain)
    return coverage, moved and coverage.is_complete


def _has_tip_moved(project: Project, chain: Chain) -> bool:
    """Return whether today's stored day is behind the tip or on a fork. Return False if the server is unreachable."""
    from stx_pipelines.sync.tip import check_tip

    try:
        return check_tip(project, chain)
    except Unreachable as error:
        click.echo(f"the newest day could not be compared with the tip: {error}", err=True)
        return False


def _is_idle(project: Project, chain: Chain, coverage: Coverage, *, retry: bool) -> bool:
    """Return whether no day can be synced now, because all days are complete or the server is behind."""
    if coverage.is_complete:
        return True
    work = coverage.next(chain.budget(project), open_every=project.settings.open_every, retry=retry)
    return coverage.behind is not None and work is None


@dataclass
class Missing:
    """The missing days of a chain, in portions that fit into one run.

    `left` is the number of days that `--max-days` still allows. Until `to_retry` days were tried, failed days do not
    wait for their next try. If `tip_moved` is true, the first run includes all open days.
    """

    project: Project
    chain: Chain
    left: int
    to_retry: int
    tip_moved: bool

    def next(self, coverage: Coverage, tried: int) -> Sequence[date]:
        """Return the days of the next run, newest first; `tried` is the number of days tried so far."""
        open_now = self.tip_moved and not tried
        found = coverage.next(
            self.chain.budget(self.project),
            open_every=_AT_ONCE if open_now else self.project.settings.open_every,
            retry=tried < self.to_retry,
        )
        days = self._allowed(coverage, found.days if found else ())
        self.left -= len(counted(coverage, days))
        return days

    def _allowed(self, coverage: Coverage, newest_first: Sequence[date]) -> Sequence[date]:
        beyond = counted(coverage, newest_first)[self.left :]
        return newest_first[: newest_first.index(beyond[0])] if beyond else newest_first


def _refresh(project: Project, chain: Chain, first: date, last: date, stopped: Stopped) -> SyncedChain:
    """Read only the days `first` to `last` again; return the result."""
    days = days_between(first, last)[::-1]
    with interruptible(project, chain, stopped):
        return run_all(project, chain, lambda _, tried: () if tried else days, force=True)


def _check_range(chain: Chain, first: date, last: date) -> None:
    today = datetime.now(UTC).date()
    if not first <= last <= today:
        raise SettingsError(
            f"--from {first} --to {last}: --from must not be after --to, nor --to after today ({today})"
        )
    if first < chain.began:
        raise SettingsError(f"--from {first}: the day must not be before the chain's first day ({chain.began})")
