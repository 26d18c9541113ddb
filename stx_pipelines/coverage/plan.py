"""The days that a sync would fetch now, and their cost. No request is sent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from math import ceil
from statistics import median

import msgspec

from stx_pipelines.chains.datasets import Dataset
from stx_pipelines.chains.days import DAY
from stx_pipelines.chains.stacks import NAKAMOTO_DAY
from stx_pipelines.coverage.chains import STACKS, Chain
from stx_pipelines.coverage.model import LEARNED_DAYS, Coverage
from stx_pipelines.coverage.text import count_days, duration, size
from stx_pipelines.project import Project

_WITH_TABLE = 3  # the table takes about twice as much space as the day files


class ChainPlan(msgspec.Struct, frozen=True, kw_only=True):
    """The days of a chain that a sync would fetch now, newest first, and their cost.

    `minutes` is None if it is not known: there is no limit of requests per minute, and no stored day. `bytes` is the
    size of the new day files and of their rows in the database. `learned_from` is the number of stored days whose cost
    the estimate is made from; 0 means that it is made from constants.
    """

    chain: str
    sentence: str
    days: list[date]
    requests: int
    requests_per_minute: int | None
    minutes: float | None
    bytes: int
    learned_from: int


def due_days(coverage: Coverage, open_every: timedelta, *, retry: bool) -> list[date]:
    """Return the days that the runs of a sync try now, in their order. `retry` includes failed days that are not due.

    The list is empty if all days are complete, because a sync then only compares the newest day with the tip.
    """
    if coverage.is_complete:
        return []
    again = [day.day for day in coverage.failed if retry or coverage.is_ready(day)]
    ordered = coverage.at_once(open_every) + coverage.untried
    return list(dict.fromkeys(again + ordered if retry else ordered + again))


def plan_of(project: Project, chain: Chain, coverage: Coverage, days: Sequence[date], *, force: bool) -> ChainPlan:
    """Return the cost of fetching these days, learned from the newest closed days, if any.

    `force` fetches stored rows again.
    """
    budget, parts = chain.budget(project), [_part(coverage, day, force=force) for day in days]
    read = [part * _readings(chain, day) for part, day in zip(parts, days, strict=True)]
    requests = sum(ceil(coverage.requests_per_day * part) for part in read)
    minutes = requests / budget if budget else _minutes_without_budget(coverage, sum(read))
    needed = round(sum(parts) * sum(_bytes_per_day(project, dataset) for dataset in chain.wanted(project)))
    learned = _learned_from(project, chain)
    return ChainPlan(
        chain=chain.name,
        sentence=_sentence(chain, days, requests, budget, minutes, needed, learned),
        days=sorted(days, reverse=True),
        requests=requests,
        requests_per_minute=budget or None,
        minutes=minutes,
        bytes=needed,
        learned_from=learned,
    )


def _part(coverage: Coverage, day: date, *, force: bool) -> float:
    """Return the part of a day that must be read, up to 1. Of an open day, only the time since its last check is read.

    `force` reads all of it.
    """
    known = {each.day: each for each in coverage.days}.get(day)
    begin = datetime.combine(day, time(), UTC)
    end = min(coverage.now, begin + DAY)
    if known and known.stored and known.checked and not force:
        begin = max(begin, known.checked)
    return max(0.01, (end - begin) / DAY)


def _readings(chain: Chain, day: date) -> int:
    """Return how often the transactions of a day are read: twice before 2024-10-29, because of its microblocks."""
    return 2 if chain is STACKS and day < NAKAMOTO_DAY else 1


def _minutes_without_budget(coverage: Coverage, days: float) -> float | None:
    if not days:
        return 0.0
    return None if coverage.seconds_per_day is None else days * coverage.seconds_per_day / 60


def _learned_from(project: Project, chain: Chain) -> int:
    """Return the number of closed days that the estimate is made from: of the dataset that has the fewest."""
    return min(len(_newest_closed(project, dataset)) for dataset in chain.wanted(project))


def _newest_closed(project: Project, dataset: Dataset) -> list[date]:
    known = project.store(dataset.name).files.certificates()
    return sorted((day for day, each in known.items() if each.is_closed), reverse=True)[:LEARNED_DAYS]


def _bytes_per_day(project: Project, dataset: Dataset) -> float:
    files = project.store(dataset.name).files
    sizes = [files.path(day).stat().st_size for day in _newest_closed(project, dataset)]
    return _WITH_TABLE * (median(sizes) if sizes else dataset.price.unknown_bytes)


def _sentence(
    chain: Chain, days: Sequence[date], requests: int, budget: int, minutes: float | None, needed: int, learned: int
) -> str:
    if not days:
        return f"{chain.title}: nothing to fetch; `sync` only compares the newest day with the server's newest block"
    oldest, newest = min(days), max(days)
    range_ = f"{oldest}" if oldest == newest else f"{oldest} to {newest}"
    pace = f"{budget:,} {chain.unit}/min" if budget else f"no limit of {chain.unit}"
    took = f"{duration(timedelta(minutes=minutes))} at {pace}" if minutes is not None else pace
    basis = f"from {count_days(learned)} stored" if learned else "without a stored day"
    return (
        f"{chain.title}: {count_days(len(days))} ({range_}), about {requests:,} {chain.unit}, {took}, {size(needed)}; "
        f"estimated {basis}"
    )
