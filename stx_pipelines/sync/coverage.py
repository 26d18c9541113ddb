"""Which days are wanted, which are here, and what to do next. Pure: the one truth that everything else asks.

A day is wanted if it is one of the target days before today, or today, and not before the chain's first day. It is
covered when it is closed, or open and compared with the tip a short while ago. It is complete when the table holds
it too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.days import DAY, days_between

State = Literal["missing", "open", "closed"]


@dataclass(frozen=True)
class DayCoverage:
    """One wanted day: its state, whether it is covered, and whether the table holds it as its file has it."""

    day: date
    state: State
    covered: bool
    loaded: bool

    @property
    def complete(self) -> bool:
        """Covered, and in the table."""
        return self.covered and self.loaded


@dataclass(frozen=True)
class Coverage:
    """The wanted days, newest first."""

    days: tuple[DayCoverage, ...]

    @property
    def to_fetch(self) -> list[date]:
        """Days that are not covered, newest first."""
        return [day.day for day in self.days if not day.covered]

    @property
    def to_load(self) -> list[date]:
        """Days that have landed but are not in the table, newest first."""
        return [day.day for day in self.days if day.state != "missing" and not day.loaded]

    @property
    def is_complete(self) -> bool:
        """Whether every wanted day is covered and in the table."""
        return all(day.complete for day in self.days)

    @property
    def complete_count(self) -> int:
        """How many wanted days are complete."""
        return sum(day.complete for day in self.days)


def wanted_days(target_days: int, today: date, first_day: date | None) -> list[date]:
    """The target days before today, and today, newest first; never before the chain's first day."""
    start = today - target_days * DAY
    return days_between(max(start, first_day or start), today)[::-1]


def survey(
    wanted: Sequence[date],
    landed: Mapping[date, Certificate],
    loaded: Mapping[date, str],
    checked: Mapping[date, datetime],
    now: datetime,
    freshness: timedelta,
) -> Coverage:
    """Judge every wanted day by its certificate, the published coverage and the clock."""

    def judge(day: date) -> DayCoverage:
        certificate = landed.get(day)
        if certificate is None:
            return DayCoverage(day, "missing", covered=False, loaded=False)
        looked = max(certificate.proved_at, checked.get(day, certificate.proved_at))
        return DayCoverage(
            day,
            certificate.state,
            covered=certificate.is_closed or now - looked < freshness,
            loaded=loaded.get(day) == certificate.id,
        )

    return Coverage(tuple(judge(day) for day in wanted))


def ranges(days: Sequence[date]) -> list[tuple[date, date]]:
    """Days as runs of neighbours `(first, last)`, newest run first."""
    runs: list[tuple[date, date]] = []
    for day in sorted(days, reverse=True):
        if runs and runs[-1][0] - day == DAY:
            runs[-1] = (day, runs[-1][1])
        else:
            runs.append((day, day))
    return runs
