"""The server's newest block, as it was last looked at. Pure: how old it was is judged in `coverage`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

LASTS = timedelta(hours=1)
"""For so long a look tells how the server is. Afterwards nobody has looked, and nobody is to blame but the watcher."""


@dataclass(frozen=True)
class Sighting:
    """The newest block that `server` had, final ones alone for Ethereum.

    `time` is the block's own, `since` when a look first found this block, `seen` when one last did; `limit` is the
    age at which it is stale, zero for never; `caught_up` is when a look last found a fresh one after a stale one.
    """

    server: str
    time: datetime
    since: datetime
    seen: datetime
    limit: timedelta
    caught_up: datetime | None = None

    @property
    def day(self) -> date:
        """The UTC day of the block: the server has nothing of later days."""
        return self.time.date()

    @property
    def age(self) -> timedelta:
        """How old the block was at the last look. A later instant would blame the server for a daemon that was off."""
        return self.seen - self.time

    @property
    def is_stale(self) -> bool:
        """Whether the block was too old at the last look: the server lags, or its chain stands still."""
        return bool(self.limit) and self.age > self.limit

    def outdates(self, looked: datetime) -> bool:
        """Whether a day that was compared then was compared with a stale block."""
        return self.is_stale or (bool(self.limit) and self.caught_up is not None and looked < self.caught_up)

    def tells_at(self, now: datetime) -> bool:
        """Whether the last look is recent enough to say how the server is now."""
        return now - self.seen <= LASTS
