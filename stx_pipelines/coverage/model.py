"""Which days are wanted, which are here, and what to do next. Pure: the one truth that everything else asks.

A day is wanted if it is one of the target days before today, or today, and not before the chain's first day. It is
covered when it is closed, or open and compared with the tip a short while ago. It is complete when the table holds
it too. Without a file it is missing, and failing or set aside when its proof failed. A file that only a later version
of this package can read is left as it is: its day is neither complete nor fetched.

The server itself may be behind: then what it says of open days is true and old. That is judged by how old its newest
block was when it was looked at, not by how old it is now, so that a daemon that was off for a night does not blame the
server. An open day that was compared with such a block is not covered, not even once the server has caught up. For as
long as the look tells how the server is, days after that block wait, and so do open days that were compared with it:
only a newer block brings them on. A server whose newest block is not known, as in folders of earlier versions, is taken
to be up to date.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from math import ceil
from statistics import median
from typing import Literal

from stx_pipelines.chains.attempts import Attempts
from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.datasets import DATASETS, TRANSACTIONS, Price
from stx_pipelines.chains.days import DAY, days_between
from stx_pipelines.coverage.sighting import Sighting

State = Literal["missing", "open", "closed", "failing", "set aside", "of a later version"]

NEWER: State = "of a later version"

_CLOCK_SKEW = timedelta(minutes=1)

RUN_MINUTES = 8
"""A run asks for as many days as fit into this time at the present budget, so that open days never wait for long."""


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
    """The wanted days, newest first, and what a day costs of the budget and in time (the median of those that landed).

    `seconds_per_day` is None until a day has landed. `tip` is the last look at the server's newest block, `first_day`
    the earliest that can be wanted: None where these are not known.
    """

    days: tuple[DayCoverage, ...]
    now: datetime
    requests_per_day: int = DATASETS[TRANSACTIONS].price.unknown
    seconds_per_day: float | None = None
    tip: Sighting | None = None
    first_day: date | None = None

    @property
    def complete_count(self) -> int:
        """How many wanted days are complete."""
        return sum(day.complete for day in self.days)

    @property
    def is_complete(self) -> bool:
        """Whether every wanted day is complete. Where none is wanted, something is wrong."""
        return bool(self.days) and all(day.complete for day in self.days)

    @property
    def old_tip(self) -> Sighting | None:
        """The server's newest block if it was too old at the last look, however long ago that was."""
        return self.tip if self.tip and self.tip.is_stale else None

    @property
    def behind(self) -> Sighting | None:
        """The same while the look still tells how the server is."""
        return self.old_tip if self.old_tip and self.old_tip.tells_at(self.now) else None

    @property
    def to_load(self) -> list[date]:
        """Days that have landed but are not in the table, newest first."""
        return [day.day for day in self.days if day.landed and not day.loaded]

    @property
    def untried(self) -> list[date]:
        """Missing days whose proof never failed and that the server can have, newest first."""
        return [day.day for day in self.days if day.state == "missing" and not self.waits(day)]

    @property
    def set_aside(self) -> list[DayCoverage]:
        """Days that failed too often, newest first."""
        return [day for day in self.days if day.state == "set aside"]

    @property
    def holes(self) -> list[date]:
        """Days without a file that have a landed day before and after them, newest first."""
        landed = [day.day for day in self.days if day.landed]
        between = [day for day in self.days if landed and landed[-1] < day.day < landed[0]]
        return [day.day for day in between if not day.landed and day.state != NEWER]

    def waits(self, day: DayCoverage) -> bool:
        """Whether only a newer block of the server brings the day on."""
        tip = self.behind
        if tip is None or day.state == "closed":
            return False
        return day.day > tip.day or (day.landed and day.looked is not None and day.looked >= tip.since)

    def is_ready(self, day: DayCoverage) -> bool:
        """Whether the day may be tried now.

        It waits after a failed proof, for a newer block, and for a version of this package that can read its file.
        """
        is_due = day.attempts is None or day.attempts.due(self.now)
        return is_due and day.state != NEWER and not self.waits(day)

    def stale(self, older_than: timedelta) -> list[date]:
        """The open days that were last compared with the tip longer ago than this, newest first.

        Each is judged alone, so that one that stays open never stands in the way of another. Days that wait are left
        out.
        """
        ready = (day for day in self.days if day.landed and day.state != "closed" and self.is_ready(day))
        return [day.day for day in ready if day.looked is None or self._is_outdated(day.looked, older_than)]

    def _is_outdated(self, looked: datetime, older_than: timedelta) -> bool:
        has_caught_up = self.tip is not None and not self.tip.is_stale and self.tip.outdates(looked)
        return has_caught_up or self.now - looked >= older_than

    def next(self, budget: int, *, open_every: timedelta, retry: bool = False) -> Work | None:
        """The next thing to do, or None: open days, untried days, failed ones by and by, what only needs loading.

        `budget` is in requests a minute, 0 for no limit. `retry` puts failed days first.
        """
        most = self._days_per_run(budget)
        today = [day.day for day in self.days[:1] if day.state == "missing" and not self.waits(day)]
        if retry and (failed := [day.day for day in self.days if day.attempts and not self.waits(day)]):
            return Work(tuple(_first_run(failed)[:most]))
        for days in (today + self.stale(open_every), self.untried, self._again(), self.to_load):
            if days:
                return Work(tuple(_first_run(days)[:most]))
        return None

    def _again(self) -> list[date]:
        """The failed day whose last try is longest ago, if it is due: one at a time, it may fail again."""
        failed = [(day.attempts.at, day.day) for day in self.days if day.attempts and self.is_ready(day)]
        return [min(failed)[1]] if failed else []

    def runs_to_go(self, budget: int) -> int:
        """How many runs the days that can be tried now will take."""
        return ceil(len(self.untried) / self._days_per_run(budget))

    def minutes_to_go(self, budget: int) -> float | None:
        """How long the untried days take at this budget; None without one."""
        return len(self.untried) * self.requests_per_day / budget if budget else None

    def _days_per_run(self, budget: int) -> int:
        if budget:
            return max(1, RUN_MINUTES * budget // self.requests_per_day)
        return max(1, int(RUN_MINUTES * 60 / self.seconds_per_day) if self.seconds_per_day else len(self.days))


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
    price: Price = DATASETS[TRANSACTIONS].price,
    tip: Sighting | None = None,
    first_day: date | None = None,
    newer: Collection[date] = (),
) -> Coverage:
    """Judge every wanted day by its certificate, the published coverage, its attempts and the clock.

    `newer` are the days whose file only a later version of this package can read.
    """
    tip = tip if tip and _past(tip.seen, now) else None

    def is_fresh(looked: datetime | None) -> bool:
        return looked is not None and now - looked < freshness and not (tip and tip.outdates(looked))

    def judge(day: date) -> DayCoverage:
        if day in newer:
            return DayCoverage(day, NEWER, covered=False, loaded=False)
        certificate = landed.get(day)
        failed = attempts.get(day) if certificate is None or not certificate.is_closed else None
        if certificate is None:
            return DayCoverage(day, _state("missing", failed), covered=False, loaded=False, attempts=failed)
        looked = _past(max(certificate.proved_at, checked.get(day, certificate.proved_at)), now)
        return DayCoverage(
            day,
            _state(certificate.state, failed),
            covered=certificate.is_closed or is_fresh(looked),
            loaded=loaded.get(day) == certificate.id,
            landed=True,
            looked=looked,
            attempts=failed,
        )

    costs = [price.of(certificate) for certificate in landed.values() if certificate.is_closed]
    requests = max(1, round(median(requests for requests, _ in costs))) if costs else price.unknown
    seconds = median(seconds for _, seconds in costs) if costs else None
    return Coverage(tuple(judge(day) for day in wanted), now, requests, seconds, tip, first_day)


def _past(looked: datetime, now: datetime) -> datetime | None:
    """None for a look in the future: the clock was ahead once, and nobody knows how long ago it was."""
    return looked if looked - now <= _CLOCK_SKEW else None


def less_far(first: Coverage, then: Coverage) -> Coverage:
    """The coverage of two datasets of the same wanted days, of which `then` is made from `first`."""
    seconds = None if first.seconds_per_day is None else first.seconds_per_day + (then.seconds_per_day or 0.0)
    days = tuple(_less_far(a, b) for a, b in zip(first.days, then.days, strict=True))
    requests = first.requests_per_day + then.requests_per_day
    return Coverage(days, first.now, requests, seconds, first.tip, first.first_day)


def _less_far(first: DayCoverage, then: DayCoverage) -> DayCoverage:
    if not first.landed or not then.landed or first.attempts:
        return replace(first if first.attempts or not first.landed else then, covered=False, loaded=False, landed=False)
    return replace(
        then,
        state=then.state if first.state == "closed" or then.attempts else first.state,
        covered=first.covered and then.covered,
        loaded=first.loaded and then.loaded,
        looked=min(filter(None, [first.looked, then.looked]), default=None),
    )


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
