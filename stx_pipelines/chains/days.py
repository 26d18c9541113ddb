"""UTC days as half-open windows, for every chain and every file."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

DAY = timedelta(days=1)

LAST_SECOND = 253_402_300_799
"""The last second of the year 9999, in unix seconds. No `date` is later. Times in milliseconds exceed it."""


def day_of(unix_seconds: int) -> date:
    """Return the UTC date of an instant."""
    return datetime.fromtimestamp(unix_seconds, UTC).date()


def window(day: date) -> tuple[int, int]:
    """Return the day as `[start, end)` in unix seconds."""
    start = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    return start, start + 86_400


def days_between(first: date, last: date) -> list[date]:
    """Return every day from `first` to `last`, both included, oldest first. The list is empty if `last` is earlier."""
    return [first + n * DAY for n in range((last - first).days + 1)]
