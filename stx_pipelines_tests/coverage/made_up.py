"""Coverages from made-up certificates, at noon of one day. Days are named by how many days ago they were."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from stx_pipelines.chains.attempts import Attempts
from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.days import DAY
from stx_pipelines.coverage.model import Coverage, judge_days, wanted_days
from stx_pipelines.coverage.sighting import Sighting
from stx_pipelines_tests.world import at

TODAY = date(2026, 6, 10)
NOW = at(TODAY, 12)
FRESHNESS = timedelta(minutes=30)
OPEN_EVERY = timedelta(minutes=10)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def ago(days: int) -> date:
    return TODAY - days * DAY


def certificate(day: date, *, closed: bool = True, minutes_ago: float = 0, requests: int = 100) -> Certificate:
    return Certificate(
        dataset="transactions",
        day=day,
        state="closed" if closed else "open",
        proof="counts",
        expected=10,
        seen=10,
        published=10,
        left_out={},
        first_height=1,
        last_height=2,
        last_hash="0x1",
        first_block_time=at(day, 1),
        last_block_time=at(day, 2),
        burn_blocks=1,
        proved_to=5,
        tip_height=9,
        proved_at=NOW - minutes_ago * MINUTE,
        requests=requests,
        seconds=1.0,
        route="v3",
    )


def stored(*days_ago: int, **more: Any) -> list[Certificate]:
    """Return the certificates of these days; today and yesterday are open."""
    return [certificate(ago(days), closed=days > 1, **more) for days in days_ago]


def failed(count: int, minutes_ago: float = 0) -> Attempts:
    return Attempts(count, "burn block 7 has 3 transactions, read 2", NOW - minutes_ago * MINUTE)


def tip(age: timedelta, *, since: float = 60, seen: float = 0, limit: timedelta = 3 * HOUR) -> Sighting:
    """Return a newest block: its age at the last check, minutes since the first and the last check, its limit."""
    return Sighting("https://api", NOW - seen * MINUTE - age, NOW - since * MINUTE, NOW - seen * MINUTE, limit)


def coverage_of(
    target: int, certificates: list[Certificate], attempts: Mapping[int, Attempts] | None = None, **given: Any
) -> Coverage:
    """Return the coverage at noon. Every stored day is loaded unless `unloaded` has it."""
    return judge_days(
        wanted=wanted_days(target, TODAY, given.get("first_day")),
        stored={each.day: each for each in certificates},
        loaded={each.day: each.id for each in certificates if each.day not in given.get("unloaded", ())},
        checked=given.get("checked", {}),
        attempts={ago(days): tried for days, tried in (attempts or {}).items()},
        now=NOW,
        freshness=given.get("freshness", FRESHNESS),
        tip=given.get("tip"),
    )


def next_days(coverage: Coverage, budget: int = 0, *, retry: bool = False) -> list[int] | None:
    """Return how many days ago the next days are, newest first. Without a budget, a run has no limit."""
    work = coverage.next(budget, open_every=OPEN_EVERY, retry=retry)
    return work and [(TODAY - day).days for day in work.days]
