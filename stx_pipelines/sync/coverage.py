"""Which days are wanted, which are here, and what to do next. Pure: the one truth that everything else asks.

A day is wanted if it is one of the target days before today, or today, and not before the chain's first day. It is
covered when it is closed, or open and compared with the tip a short while ago. It is complete when the table holds
it too. Without a file it is missing, and failing or set aside when its proof failed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import ceil
from statistics import median
from typing import Literal

from stx_pipelines.chains.attempts import Attempts
from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.days import DAY, days_between

State = Literal["missing", "open", "closed", "failing", "set aside"]

RUN_MINUTES = 8
"""A run asks for as many days as fit into this time at the present budget, so that open days never wait for long."""

_UNKNOWN_REQUESTS_PER_DAY = 300  # about 15,000 transactions; used until days of this chain have landed


@dataclass(frozen=True)
class DayCoverage:
    """One wanted day.

    `landed`: a certified day file is in place; `looked`: when it was last compared with the tip; `attempts`: failed
    proofs since its last success, which make a day that is not closed failing or set aside.
    """

    day: date
    state: State
    covered: bool
    loaded: bool
    landed: bool = False
    looked: datetime | None = None
    attempts: Attempts | None = None

    @property
    def complete(self) -> bool:
        """Covered, and in the table."""
        return self.covered and self.loaded


@dataclass(frozen=True)
class Work:
    """A range of neighbouring days to do next, `days` newest first."""

    days: tuple[date, ...]

    def __str__(self) -> str:
        newest, oldest = self.days[0], self.days[-1]
        return newest.isoformat() if newest == oldest else f"{newest}..{oldest}"


@dataclass(frozen=True)
class Coverage:
    """The wanted days, newest first, and what a day costs in requests (the median of those that landed)."""

    days: tuple[DayCoverage, ...]
    now: datetime
    requests_per_day: int = _UNKNOWN_REQUESTS_PER_DAY

    @property
    def complete_count(self) -> int:
        """How many wanted days are complete."""
        return sum(day.complete for day in self.days)

    @property
    def is_complete(self) -> bool:
        """Whether every wanted day is complete."""
        return all(day.complete for day in self.days)

    @property
    def to_load(self) -> list[date]:
        """Days that have landed but are not in the table, newest first."""
        return [day.day for day in self.days if day.landed and not day.loaded]

    @property
    def untried(self) -> list[date]:
        """Missing days whose proof never failed, newest first."""
        return [day.day for day in self.days if day.state == "missing"]

    @property
    def set_aside(self) -> list[DayCoverage]:
        """Days that failed too often, newest first."""
        return [day for day in self.days if day.state == "set aside"]

    @property
    def holes(self) -> list[date]:
        """Days without a file that have a landed day before and after them, newest first."""
        landed = [day.day for day in self.days if day.landed]
        return [day.day for day in self.days if not day.landed and landed and landed[-1] < day.day < landed[0]]

    def is_ready(self, day: DayCoverage) -> bool:
        """Whether the day does not wait after a failed proof."""
        return day.attempts is None or day.attempts.due(self.now)

    def stale(self, older_than: timedelta) -> list[date]:
        """The open days, all of them if one was last compared with the tip longer ago than this; newest first.

        Days that wait after a failure are left out.
        """
        ready = [day for day in self.days if day.landed and day.state != "closed" and self.is_ready(day)]
        is_due = any(day.looked is not None and self.now - day.looked >= older_than for day in ready)
        return [day.day for day in ready] if is_due else []

    def next(self, budget: int, *, open_every: timedelta, retry: bool = False) -> Work | None:
        """The next thing to do, or None: open days, untried days, failed ones by and by, what only needs loading.

        `budget` is in requests a minute, 0 for no limit. `retry` puts failed days first.
        """
        most = self._days_per_run(budget)
        today = [day.day for day in self.days[:1] if day.state == "missing"]
        if retry and (failed := [day.day for day in self.days if day.attempts]):
            return Work(tuple(_first_run(failed)[:most]))
        for days in (today + self.stale(open_every), self.untried, self._again(), self.to_load):
            if days:
                return Work(tuple(_first_run(days)[:most]))
        return None

    def _again(self) -> list[date]:
        """The failed day whose last try is longest ago, if it is due: one at a time, it may fail again."""
        failed = [(day.attempts.at, day.day) for day in self.days if day.attempts and day.attempts.due(self.now)]
        return [min(failed)[1]] if failed else []

    def runs_to_go(self, budget: int) -> int:
        """How many runs the days that can be tried now will take."""
        return ceil(len(self.untried) / self._days_per_run(budget))

    def minutes_to_go(self, budget: int) -> float | None:
        """How long the untried days take at this budget; None without one."""
        return len(self.untried) * self.requests_per_day / budget if budget else None

    def _days_per_run(self, budget: int) -> int:
        return max(1, RUN_MINUTES * budget // self.requests_per_day if budget else len(self.days))


def wanted_days(target_days: int, today: date, first_day: date | None) -> list[date]:
    """The target days before today, and today, newest first; never before the chain's first day."""
    start = today - target_days * DAY
    return days_between(max(start, first_day or start), today)[::-1]


def survey(
    wanted: Sequence[date],
    landed: Mapping[date, Certificate],
    loaded: Mapping[date, str],
    checked: Mapping[date, datetime],
    attempts: Mapping[date, Attempts],
    now: datetime,
    freshness: timedelta,
) -> Coverage:
    """Judge every wanted day by its certificate, the published coverage, its attempts and the clock."""

    def judge(day: date) -> DayCoverage:
        certificate = landed.get(day)
        failed = attempts.get(day) if certificate is None or not certificate.is_closed else None
        if certificate is None:
            return DayCoverage(day, _state("missing", failed), covered=False, loaded=False, attempts=failed)
        looked = max(certificate.proved_at, checked.get(day, certificate.proved_at))
        return DayCoverage(
            day,
            _state(certificate.state, failed),
            covered=certificate.is_closed or now - looked < freshness,
            loaded=loaded.get(day) == certificate.id,
            landed=True,
            looked=looked,
            attempts=failed,
        )

    costs = [certificate.requests for certificate in landed.values() if certificate.is_closed]
    per_day = max(1, round(median(costs))) if costs else _UNKNOWN_REQUESTS_PER_DAY
    return Coverage(tuple(judge(day) for day in wanted), now, per_day)


def _state(otherwise: State, failed: Attempts | None) -> State:
    if failed is None:
        return otherwise
    return "set aside" if failed.is_set_aside else "failing"


def ranges(days: Sequence[date]) -> list[tuple[date, date]]:
    """Days as runs of neighbours `(first, last)`, newest run first."""
    runs: list[tuple[date, date]] = []
    for day in sorted(days, reverse=True):
        if runs and runs[-1][0] - day == DAY:
            runs[-1] = (day, runs[-1][1])
        else:
            runs.append((day, day))
    return runs


def _first_run(newest_first: Sequence[date]) -> list[date]:
    first, last = ranges(newest_first)[0]
    return days_between(first, last)[::-1]
