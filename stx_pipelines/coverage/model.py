"""The wanted days, their states, and the next days to sync. The functions do no I/O.

A day is wanted if it is today or one of the target days before today, and not before the chain's first day. It is
covered when it is closed, or when it is open and was checked a short time ago. It is complete when it is covered and
the table has it. A day without a file is missing; after failed attempts it is failing or set aside. A file that only a
later version of this package can read is not changed. Its day is neither complete nor fetched again.

The server is behind if its newest block was stale at the last check. The block's age at the check counts, not its
age now, because a daemon that was off for a night does not mean that the server is behind. An open day that was
compared with a stale block is not covered, even after the server has caught up. For an hour after the check, days after
the stale block wait for a newer block. Open days that were compared with the stale block wait too. If the
newest block is not known, as in data folders of earlier versions, the server counts as up to date.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import ceil
from statistics import median
from typing import Literal

from stx_pipelines.chains.attempts import Attempts
from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.clock import is_past
from stx_pipelines.chains.datasets import DATASETS, TRANSACTIONS, Price
from stx_pipelines.chains.days import DAY, days_between
from stx_pipelines.coverage.sighting import Sighting

State = Literal["missing", "open", "closed", "failing", "set aside", "of a later version"]

NEWER: State = "of a later version"

LEARNED_DAYS = 30
"""The cost of a day is learned from this many closed days, the newest, because a chain's traffic changes over years."""

RUN_MINUTES = 8
"""One run fetches as many days as fit into this time at the present budget, so that open days do not wait long."""


@dataclass(frozen=True)
class DayCoverage:
    """One wanted day.

    `stored` is true if the day's certified file is in place. `checked` is the time when the day was last compared with
    the tip. `attempts` are the failed attempts since the last success. They make an open or missing day failing or set
    aside.
    """

    day: date
    state: State
    covered: bool
    loaded: bool
    stored: bool = False
    checked: datetime | None = None
    attempts: Attempts | None = None
    needs_table: bool = True

    @property
    def complete(self) -> bool:
        """Whether the day is covered and in the table, if it must be there."""
        return self.covered and (self.loaded or not self.needs_table)


@dataclass(frozen=True)
class Work:
    """A range of neighbouring days to sync next, newest first."""

    days: tuple[date, ...]

    def __str__(self) -> str:
        newest, oldest = self.days[0], self.days[-1]
        return newest.isoformat() if newest == oldest else f"{newest}..{oldest}"


@dataclass(frozen=True)
class Coverage:
    """The wanted days, newest first, and the requests and seconds that a day costs (the median of new closed days).

    `seconds_per_day` is None until a closed day is stored. `tip` is the server's newest block at the last check,
    `first_day` the earliest day that can be wanted. Both are None if not known. If `may_be_empty`, nothing is wrong
    when no day is wanted.
    """

    days: tuple[DayCoverage, ...]
    now: datetime
    requests_per_day: int = DATASETS[TRANSACTIONS].price.unknown
    seconds_per_day: float | None = None
    tip: Sighting | None = None
    first_day: date | None = None
    may_be_empty: bool = False

    @property
    def complete_count(self) -> int:
        """The number of wanted days that are complete."""
        return sum(day.complete for day in self.days)

    @property
    def is_complete(self) -> bool:
        """Whether every wanted day is complete. False if no day is wanted, unless the coverage may be empty."""
        return (self.may_be_empty or bool(self.days)) and all(day.complete for day in self.days)

    @property
    def old_tip(self) -> Sighting | None:
        """The server's newest block if it was stale at the last check, however long ago; otherwise None."""
        return self.tip if self.tip and self.tip.is_stale else None

    @property
    def behind(self) -> Sighting | None:
        """The server's newest block if it was stale at the last check, not more than an hour ago; otherwise None."""
        return self.old_tip if self.old_tip and self.old_tip.tells_at(self.now) else None

    @property
    def to_load(self) -> list[date]:
        """Days that are stored but not in the table, newest first."""
        return [day.day for day in self.days if day.stored and not day.loaded]

    @property
    def untried(self) -> list[date]:
        """Missing days without failed attempts that do not wait for a newer block, newest first."""
        return [day.day for day in self.days if day.state == "missing" and not self.waits(day)]

    @property
    def set_aside(self) -> list[DayCoverage]:
        """Days that are set aside, newest first."""
        return [day for day in self.days if day.state == "set aside"]

    @property
    def failing(self) -> list[tuple[date, Attempts]]:
        """Days with failed attempts that are not set aside, newest first."""
        return [(day.day, day.attempts) for day in self.days if day.state == "failing" and day.attempts]

    @property
    def holes(self) -> list[date]:
        """Days without a file between stored days, newest first."""
        stored = [day.day for day in self.days if day.stored]
        between = [day for day in self.days if stored and stored[-1] < day.day < stored[0]]
        return [day.day for day in between if not day.stored and day.state != NEWER]

    def waits(self, day: DayCoverage) -> bool:
        """Return whether the day waits for a newer block of the server."""
        tip = self.behind
        if tip is None or day.state == "closed":
            return False
        return day.day > tip.day or (day.stored and day.checked is not None and day.checked >= tip.since)

    def is_ready(self, day: DayCoverage) -> bool:
        """Return whether the day may be synced now.

        It may not if a failed attempt was too recent, if it waits for a newer block, or if only a later version of
        this package can read its file.
        """
        is_due = day.attempts is None or day.attempts.due(self.now)
        return is_due and day.state != NEWER and not self.waits(day)

    def stale(self, older_than: timedelta) -> list[date]:
        """Return the open days whose last check is older than this, newest first, without days that may not be synced.

        Each day is judged separately, so that a day that stays open does not delay another day.
        """
        ready = (day for day in self.days if day.stored and day.state != "closed" and self.is_ready(day))
        return [day.day for day in ready if day.checked is None or self._is_outdated(day.checked, older_than)]

    def at_once(self, open_every: timedelta) -> list[date]:
        """Return today if it is missing, and the open days that are stale, newest first."""
        today = [day.day for day in self.days[:1] if day.state == "missing" and not self.waits(day)]
        return today + self.stale(open_every)

    @property
    def failed(self) -> list[DayCoverage]:
        """Days with failed attempts that do not wait for a newer block, newest first."""
        return [day for day in self.days if day.attempts and not self.waits(day)]

    def _is_outdated(self, checked: datetime, older_than: timedelta) -> bool:
        has_caught_up = self.tip is not None and not self.tip.is_stale and self.tip.outdates(checked)
        return has_caught_up or self.now - checked >= older_than

    def next(self, budget: int, *, open_every: timedelta, retry: bool = False) -> Work | None:
        """Return the next days to sync, or None if there are none.

        Open days come first, then untried days, failed days that are due, and stored days to load. With `retry`, all
        failed days come first. `budget` is in requests per minute; 0 means no limit.
        """
        most = self._days_per_run(budget)
        if retry and (failed := [day.day for day in self.failed]):
            return Work(tuple(_first_run(failed)[:most]))
        to_load = [day.day for day in self.days if day.stored and not day.loaded and day.needs_table]
        for days in (self.at_once(open_every), self.untried, self._again(), to_load):
            if days:
                return Work(tuple(_first_run(days)[:most]))
        return None

    def _again(self) -> list[date]:
        """Return the due failed day with the oldest last attempt. Only one is returned, because it may fail again."""
        failed = [(day.attempts.at, day.day) for day in self.days if day.attempts and self.is_ready(day)]
        return [min(failed)[1]] if failed else []

    def runs_to_go(self, budget: int) -> int:
        """Return the number of runs that the untried days need."""
        return ceil(len(self.untried) / self._days_per_run(budget))

    def minutes_to_go(self, budget: int) -> float | None:
        """Return the minutes that the untried days need at this budget; None without a budget."""
        return len(self.untried) * self.requests_per_day / budget if budget else None

    def _days_per_run(self, budget: int) -> int:
        if budget:
            return max(1, RUN_MINUTES * budget // self.requests_per_day)
        return max(1, int(RUN_MINUTES * 60 / self.seconds_per_day) if self.seconds_per_day else len(self.days))


def wanted_days(target_days: int, today: date, first_day: date | None) -> list[date]:
    """Return today and `target_days` days before today, newest first, without days before `first_day`."""
    start = today - target_days * DAY
    return days_between(max(start, first_day or start), today)[::-1]


def judge_days(
    wanted: Sequence[date],
    stored: Mapping[date, Certificate],
    loaded: Mapping[date, str],
    checked: Mapping[date, datetime],
    attempts: Mapping[date, Attempts],
    now: datetime,
    freshness: timedelta,
    price: Price = DATASETS[TRANSACTIONS].price,
    tip: Sighting | None = None,
    first_day: date | None = None,
    newer: Collection[date] = (),
    torn: Collection[date] = (),
    may_be_empty: bool = False,
    needs_table: bool = True,
) -> Coverage:
    """Return the coverage of the wanted days.

    `stored` holds the stored days' certificates, `loaded` the ids of the certificates in the table, `checked` the times
    at which open days were compared with the tip. An open day is covered for `freshness` after its check.
    `newer` are the days whose file only a later version of this package can read. `torn` are the days that do not fit
    to a neighbouring day: they are not covered, and the next run reads them again. `needs_table` is false if a stored
    day counts before it is in this machine's table.
    """
    tip = tip if tip and is_past(tip.seen, now) else None
    attempts = {day: each.believed(now) for day, each in attempts.items()}

    def is_fresh(last: datetime | None) -> bool:
        return last is not None and now - last < freshness and not (tip and tip.outdates(last))

    def judge(day: date) -> DayCoverage:
        if day in newer:
            return DayCoverage(day, NEWER, covered=False, loaded=False)
        certificate = stored.get(day)
        failed = attempts.get(day) if certificate is None or not certificate.is_closed else None
        if certificate is None:
            return DayCoverage(day, _state("missing", failed), covered=False, loaded=False, attempts=failed)
        if day in torn:
            in_table = loaded.get(day) == certificate.id
            state = _state("open", attempts.get(day))
            return DayCoverage(day, state, covered=False, loaded=in_table, stored=True, needs_table=needs_table)
        looks = (certificate.proved_at, checked.get(day, certificate.proved_at))
        last = max((at for at in looks if is_past(at, now)), default=None)
        return DayCoverage(
            day,
            _state(certificate.state, failed),
            covered=certificate.is_closed or is_fresh(last),
            loaded=loaded.get(day) == certificate.id,
            stored=True,
            checked=last,
            attempts=failed,
            needs_table=needs_table,
        )

    closed = sorted((day for day, certificate in stored.items() if certificate.is_closed), reverse=True)
    costs = [price.of(stored[day]) for day in closed[:LEARNED_DAYS]]
    requests = max(1, round(median(requests for requests, _ in costs))) if costs else price.unknown
    seconds = median(seconds for _, seconds in costs) if costs else None
    return Coverage(tuple(judge(day) for day in wanted), now, requests, seconds, tip, first_day, may_be_empty)


def _state(otherwise: State, failed: Attempts | None) -> State:
    if failed is None:
        return otherwise
    return "set aside" if failed.is_set_aside else "failing"


def ranges(days: Sequence[date]) -> list[tuple[date, date]]:
    """Return ranges of neighbouring days as `(first, last)`, newest range first."""
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
