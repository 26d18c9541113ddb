"""The server's newest block at the last check. This module does no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

LASTS = timedelta(hours=1)
"""The time for which a check counts. After that, the server may have caught up."""


@dataclass(frozen=True)
class Sighting:
    """The newest block of `server` at the last check; for Ethereum, the newest final block.

    `time` is the block's own time, `since` the first check that found this block, `seen` the last check. The block is
    stale if it was older than `limit` at the last check; if `limit` is zero, it is never stale. `caught_up` is the last
    check that found a fresh block after a stale one.
    """

    server: str
    time: datetime
    since: datetime
    seen: datetime
    limit: timedelta
    caught_up: datetime | None = None

    @property
    def day(self) -> date:
        """The UTC day of the block. The server has no blocks of later days."""
        return self.time.date()

    @property
    def age(self) -> timedelta:
        """The block's age at the last check. Its age now would also count the time since that check."""
        return self.seen - self.time

    @property
    def is_stale(self) -> bool:
        """Whether the block was too old at the last check, because the server lags or its chain has stopped."""
        return bool(self.limit) and self.age > self.limit

    def outdates(self, checked: datetime) -> bool:
        """Return whether a day checked at this time was compared with a stale block."""
        return self.is_stale or (bool(self.limit) and self.caught_up is not None and checked < self.caught_up)

    def tells_at(self, now: datetime) -> bool:
        """Return whether the last check still counts at this time."""
        return now - self.seen <= LASTS
