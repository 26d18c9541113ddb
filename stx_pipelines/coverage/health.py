"""The health of the project: an exit code and a sentence, made from files, without a request or Dagster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from stx_pipelines.coverage.chains import Chain
from stx_pipelines.coverage.idle import (
    DAMAGED,
    HEALTHY,
    MISCONFIGURED,
    NOT_RUNNING,
    STALLED,
    Health,
    Idle,
    for_good,
    judge_idle,
)
from stx_pipelines.coverage.progress import waiting_run, waiting_words
from stx_pipelines.coverage.record import waiting_to_push
from stx_pipelines.coverage.room import free_bytes, lacks_room, room_words
from stx_pipelines.coverage.services import NO_SERVICES, Services
from stx_pipelines.coverage.status import DatasetStatus, describe, patience
from stx_pipelines.coverage.target import target_words
from stx_pipelines.coverage.text import behind_sentence, count_days, duration, nothing_wanted, some_days
from stx_pipelines.project import Project
from stx_pipelines.store.files import StoreError
from stx_pipelines.store.inspect import rows_per_day
from stx_pipelines.store.locks import Busy, is_run

__all__ = ["DAMAGED", "HEALTHY", "MISCONFIGURED", "NOT_RUNNING", "STALLED", "Circumstances", "Health", "judge"]

_READ_ITS_LOG = "read data/run/logs/daemon.log"


@dataclass(frozen=True)
class Circumstances:
    """What `health` takes into account besides the data folder.

    `services` are those of `make up`. `from_option` is true if the target of the first chain was given to the command.
    If `thorough`, the rows of every day file are read.
    """

    services: Services = NO_SERVICES
    from_option: bool = False
    thorough: bool = False


def judge(
    project: Project,
    chains: Sequence[Chain],
    now: datetime,
    stall: timedelta,
    circumstances: Circumstances = Circumstances(),
) -> Health:
    """Return the worst exit code among these chains.

    The sentences are those of the chains that have this code. A run has stalled if it stores nothing for longer than
    `stall`. If there is too little free space for a run, the exit code is not 0.
    """
    rest = replace(circumstances, from_option=False)
    found = [
        judge_chain(project, chain, now, stall, rest if number else circumstances)
        for number, chain in enumerate(chains)
    ]
    code = max(each.code for each in found)
    sentences = [
        each.sentence if len(chains) == 1 else f"{chain.title}: {each.sentence}"
        for chain, each in zip(chains, found, strict=True)
        if each.code == code
    ]
    if "webserver" in circumstances.services.broken:
        sentences.append("the webserver of `make up` does not stay up: read data/run/logs/webserver.log")
    if waiting := waiting_to_push(project, chains):
        sentences.append(waiting)
    return _with_room(project, Health(code, "; ".join(sentences)))


def _with_room(project: Project, found: Health) -> Health:
    """Return the health with a sentence about the free space if there is little."""
    free = free_bytes(project.folder.path)
    words = room_words(project.folder.path, free)
    if words is None:
        return found
    if lacks_room(free) and found.code in (HEALTHY, NOT_RUNNING):
        return Health(NOT_RUNNING, f"{words}; {found.sentence}")
    return Health(found.code, f"{found.sentence}; {words}")


def judge_chain(
    project: Project,
    chain: Chain,
    now: datetime,
    stall: timedelta,
    circumstances: Circumstances = Circumstances(),
) -> Health:
    """Return the health of one chain. A sentence about days ends with the target and where it comes from."""
    found = _judge_chain(project, chain, now, stall, circumstances)
    if found.code in (DAMAGED, MISCONFIGURED):
        return found
    return Health(
        found.code, f"{found.sentence}; {target_words(project, chain, from_option=circumstances.from_option)}"
    )


def _judge_chain(project: Project, chain: Chain, now: datetime, stall: timedelta, around: Circumstances) -> Health:
    """Return the health of one chain. Check its files first, then the server, then the run that fetches days."""
    coverage = chain.look(project, now)
    status = describe(project, chain, chain.wanted(project)[-1], coverage)
    if found := _of_files(project, chain, thorough=around.thorough):
        return found
    is_running = status.running is not None and is_run(status.running)
    if "daemon" in around.services.broken and not is_running:
        return Health(NOT_RUNNING, f"the daemon of `make up` does not stay up: {_READ_ITS_LOG}; {status.sentence}")
    if not is_running and (failed := for_good(project, chain, status, now)):
        return failed
    if status.is_complete:
        return Health(HEALTHY, f"healthy: {status.sentence}")
    if not coverage.days:
        return Health(STALLED, nothing_wanted(coverage))
    if waiting := waiting_run(project.shared, *chain.tables):
        return Health(HEALTHY, f"{waiting_words(waiting)}; {status.running} continues by itself; {status.sentence}")
    if coverage.behind:
        return Health(STALLED, behind_sentence(coverage.behind))
    if not is_running:
        return judge_idle(Idle(project, chain, coverage, status, around.services, now, stall))
    if (quiet := _quiet(status, now)) > max(stall, patience(coverage, chain.budget(project))):
        return Health(
            STALLED,
            f"stalled: {status.running} is running but has stored nothing for {duration(quiet)}; stored days are kept; "
            "read its log, then stop it and start it again",
        )
    return Health(HEALTHY, f"healthy: {status.running} is running; {status.sentence}")


def _of_files(project: Project, chain: Chain, *, thorough: bool) -> Health | None:
    """Return the health if a file of the chain is damaged or of a later version, otherwise None."""
    for dataset in chain.tables:
        if newer := project.store(dataset).files.newer():
            return Health(MISCONFIGURED, _first_of(newer))
        if damage := _damage(project, dataset, thorough=thorough):
            return Health(DAMAGED, damage)
    return None


def _first_of(newer: Mapping[date, str]) -> str:
    more = f" (and {count_days(len(newer) - 1)} more)" if len(newer) > 1 else ""
    return f"{next(iter(newer.values()))}{more}"


def _quiet(status: DatasetStatus, now: datetime) -> timedelta:
    progress = status.progress
    began = (progress.waited_until or progress.started_at) if progress else now
    return now - max(began, status.last_landed_at or began)


def _damage(project: Project, dataset: str, *, thorough: bool) -> str | None:
    """Return a sentence about damage in the files or the table; None without damage or while the table is written."""
    store = project.store(dataset)
    if damaged := store.files.damaged(thoroughly=thorough):
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
