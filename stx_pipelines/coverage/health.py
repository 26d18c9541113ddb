"""The health of the project: an exit code and a sentence, made from files, without a request or Dagster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

import msgspec

from stx_pipelines.coverage.chains import Chain
from stx_pipelines.coverage.progress import BETWEEN_RUNS, waiting_run, waiting_words
from stx_pipelines.coverage.status import DatasetStatus, describe, patience
from stx_pipelines.coverage.target import target_words
from stx_pipelines.coverage.text import behind_sentence, count_days, days_are, duration, nothing_wanted, some_days
from stx_pipelines.coverage.versions import versions_sentence
from stx_pipelines.project import Project
from stx_pipelines.store.files import StoreError
from stx_pipelines.store.inspect import rows_per_day
from stx_pipelines.store.locks import Busy

HEALTHY, NOT_RUNNING, STALLED, DAMAGED, MISCONFIGURED = 0, 1, 2, 3, 4


class Health(msgspec.Struct, frozen=True):
    """An exit code and its sentence.

    `other_versions` maps each running process of another version to that version.
    """

    code: int
    sentence: str
    other_versions: Mapping[str, str] = {}

    def beside(self, others: Mapping[str, str]) -> Health:
        """Return a copy whose sentence also names the running processes of other versions.

        The exit code does not change.
        """
        sentence = f"{self.sentence}; {versions_sentence(others)}" if others else self.sentence
        return Health(self.code, sentence, others)


def judge(
    project: Project, chains: Sequence[Chain], now: datetime, stall: timedelta, *, from_option: bool = False
) -> Health:
    """Return the worst exit code among these chains.

    The sentences are those of the chains that have this code. A run has stalled if it stores nothing for longer than
    `stall`. `from_option` is true if the target of the first chain was given to the command.
    """
    found = [
        judge_chain(project, chain, now, stall, from_option=from_option and chain is chains[0]) for chain in chains
    ]
    code = max(each.code for each in found)
    sentences = [
        each.sentence if len(chains) == 1 else f"{chain.title}: {each.sentence}"
        for chain, each in zip(chains, found, strict=True)
        if each.code == code
    ]
    return Health(code, "; ".join(sentences))


def judge_chain(
    project: Project, chain: Chain, now: datetime, stall: timedelta, *, from_option: bool = False
) -> Health:
    """Return the health of one chain. A sentence about days ends with the target and where it comes from."""
    found = _judge_chain(project, chain, now, stall)
    if found.code in (DAMAGED, MISCONFIGURED):
        return found
    return Health(found.code, f"{found.sentence}; {target_words(project, chain, from_option=from_option)}")


def _judge_chain(project: Project, chain: Chain, now: datetime, stall: timedelta) -> Health:
    """Return the health of one chain. Check its files first, then the server, then the run that fetches days."""
    coverage = chain.look(project, now)
    status = describe(project, chain, chain.datasets[-1], coverage)
    for dataset in chain.tables:
        if newer := project.store(dataset).files.newer():
            return Health(MISCONFIGURED, _first_of(newer))
        if damage := _damage(project, dataset):
            return Health(DAMAGED, damage)
    if status.is_complete:
        return Health(HEALTHY, f"healthy: {status.sentence}")
    if not coverage.days:
        return Health(STALLED, nothing_wanted(coverage))
    if waiting := waiting_run(project.folder, *chain.tables):
        return Health(HEALTHY, f"{waiting_words(waiting)}; {status.running} continues by itself; {status.sentence}")
    if coverage.behind:
        return Health(STALLED, behind_sentence(coverage.behind))
    missing = status.days_wanted - status.days_complete
    if status.running is None:
        if coverage.next(chain.budget(project), open_every=project.settings.freshness) is None:
            named = some_days([*(each.day for each in status.set_aside), *status.failing])
            return Health(HEALTHY, f"healthy: the next attempt at {named} is not due yet; see `stx-pipelines status`")
        if status.last_active_at and (ago := now - status.last_active_at) < BETWEEN_RUNS:
            return Health(HEALTHY, f"healthy: the last run ended {duration(ago)} ago; {status.sentence}")
        return Health(
            NOT_RUNNING, f"not running, though {days_are(missing)} missing: start `make up` or `stx-pipelines sync`"
        )
    if (quiet := _quiet(status, now)) > max(stall, patience(coverage, chain.budget(project))):
        return Health(
            STALLED,
            f"stalled: {status.running} is running but has stored nothing for {duration(quiet)}; stored days are kept; "
            "read its log, then stop it and start it again",
        )
    return Health(HEALTHY, f"healthy: {status.running} is running; {status.sentence}")


def _first_of(newer: Mapping[date, str]) -> str:
    more = f" (and {count_days(len(newer) - 1)} more)" if len(newer) > 1 else ""
    return f"{next(iter(newer.values()))}{more}"


def _quiet(status: DatasetStatus, now: datetime) -> timedelta:
    progress = status.progress
    began = (progress.waited_until or progress.started_at) if progress else now
    return now - max(began, status.last_landed_at or began)


def _damage(project: Project, dataset: str) -> str | None:
    """Return a sentence about damage in the files or the table; None without damage or while the table is written."""
    store = project.store(dataset)
    if damaged := store.files.damaged():
        return next(iter(damaged.values()))
    claimed = store.warehouse.published(dataset, even_if_lost=True).loaded
    loaded = {day: c for day, c in store.files.certificates().items() if claimed.get(day) == c.id}
    if not loaded:
        return None
    try:
        rows = rows_per_day(store.warehouse.path, dataset)
        if lost := store.warehouse.missing_bytes():
            return f"{store.warehouse.path} was cut by {lost:,} bytes: run `stx-pipelines rebuild`"
    except Busy:
        return None
    except StoreError as error:
        return str(error)
    wrong = [day for day, certificate in loaded.items() if rows.get(day, 0) != certificate.published]
    if not wrong:
        return None
    named = some_days(wrong)
    return f"{store.warehouse.path} disagrees with the certificates of {named}: run `stx-pipelines rebuild`"
