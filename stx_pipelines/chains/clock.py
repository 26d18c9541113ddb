"""The rule for stored times in the future: they were written while this machine's clock was wrong, and do not count."""

from __future__ import annotations

from datetime import datetime, timedelta

SKEW = timedelta(minutes=1)
"""The difference between two clocks that counts as none."""


def is_past(at: datetime, now: datetime) -> bool:
    """Return whether this time is not in the future."""
    return at - now <= SKEW
