"""A calendar of the wanted days: a column per week, the oldest left, and a row per weekday, Monday on top.

Each state has a glyph, so that the calendar can be read without colours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from stx_pipelines.chains.days import DAY, days_between
from stx_pipelines.coverage.model import NEWER, Coverage, DayCoverage, State

GLYPHS: Mapping[State, str] = {
    "missing": "·",
    "open": "○",
    "closed": "■",
    "failing": "!",
    "set aside": "x",
    NEWER: "?",
}
"""The glyph of each state."""

INCOMPLETE = "□"
"""The glyph of a stored day that is not complete: it is not loaded yet, or waits to be compared with the tip."""

MEANINGS = {sign: str(state) for state, sign in GLYPHS.items()} | {INCOMPLETE: "stored, not complete"}
"""What each glyph means: a state, or the words for `INCOMPLETE`."""

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

_DAYS_SHOWN = 400
_CHARACTERS = 2  # per week
_DAYS_A_WEEK = 7


@dataclass(frozen=True)
class Calendar:
    """The newest wanted days. `rows` has a row per weekday with a day, or None, per week."""

    mondays: Sequence[date]
    rows: Sequence[Sequence[DayCoverage | None]]

    @property
    def months(self) -> str:
        """The line above the calendar. Each month's name begins above the week with the month's first day."""
        sundays = [monday + (_DAYS_A_WEEK - 1) * DAY for monday in self.mondays]
        named = [week for week, sunday in enumerate(sundays) if week == 0 or sunday.day <= _DAYS_A_WEEK]
        line = ""
        # The name of the first week's month is left out if the next name would follow at once.
        for week in named[1:] if named[1:2] == [1] else named:
            line = line.ljust(_CHARACTERS * week) + f"{sundays[week]:%b}"
        return line


def calendar(coverage: Coverage) -> Calendar:
    """Return the calendar of the newest 400 wanted days."""
    days = {day.day: day for day in coverage.days[:_DAYS_SHOWN]}
    if not days:
        return Calendar((), ())
    first, last = min(days), max(days)
    mondays = days_between(first - first.weekday() * DAY, last)[::_DAYS_A_WEEK]
    rows = [[days.get(monday + weekday * DAY) for monday in mondays] for weekday in range(_DAYS_A_WEEK)]
    return Calendar(mondays, rows)


def glyph(day: DayCoverage | None) -> str:
    """Return the glyph of a day; a space for None."""
    if day is None:
        return " "
    return INCOMPLETE if day.stored and not day.complete and day.attempts is None else GLYPHS[day.state]


def as_text(coverage: Coverage) -> str:
    """Return the calendar as lines of text, with the legend."""
    found = calendar(coverage)
    if not found.mondays:
        return "no day is wanted yet"
    rows = [f"{name} {' '.join(map(glyph, row))}".rstrip() for name, row in zip(WEEKDAYS, found.rows, strict=True)]
    legend = [f"{sign} {meaning}" for sign, meaning in MEANINGS.items()]
    return "\n".join(["    " + found.months, *rows, "  ".join(legend[:4]), "  ".join(legend[4:])])
