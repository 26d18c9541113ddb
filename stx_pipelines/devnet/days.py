"""The UTC day of both chains.

This module defines the length and the first second of a day. It does not define the content of a day.
"""

from datetime import UTC, date, datetime, time

DAY = 86_400


def midnight(day: date) -> datetime:
    """Return the first instant of a UTC day."""
    return datetime.combine(day, time(), UTC)


def unix_midnight(day: date) -> int:
    """Return the first second of a UTC day in unix seconds."""
    return int(midnight(day).timestamp())
