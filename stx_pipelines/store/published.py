"""The published state of a dataset: the loaded days, and when the server's tip was checked. Pure: no file access."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta

import msgspec

_MARKS_KEPT = timedelta(days=2)


class Published(msgspec.Struct):
    """The content of a dataset's coverage file, which can be read without opening the database.

    `loaded` gives, per day, the id of the certificate its rows came from. `inode` is the database file it holds for.
    `checked` is when an open day was last found unchanged. `details` is true if the dataset's second table holds all
    loaded days; earlier versions drop it when they load a day. `tip_time` is the time of the server's newest block.
    `tip_since` is when that block was first seen, `tip_seen` when it was last seen. `tip_caught_up` is when a fresh
    block was last seen after a stale one. Files of earlier versions lack some of these.
    """

    loaded: dict[date, str] = {}
    checked: dict[date, datetime] = {}
    inode: int = 0
    details: bool = False
    tip_time: datetime | None = None
    tip_since: datetime | None = None
    tip_seen: datetime | None = None
    tip_caught_up: datetime | None = None

    def holding(self, loaded: dict[date, str], inode: int) -> Published:
        """Return a copy for the database file `inode`, which holds the rows of these certificates."""
        return msgspec.structs.replace(self, loaded=loaded, inode=inode)

    def compared(self, days: Iterable[date], now: datetime) -> Published:
        """Return a copy after these open days were compared with the tip and found unchanged."""
        at = now.replace(microsecond=0)
        lately = {day: seen for day, seen in self.checked.items() if at - seen < _MARKS_KEPT}
        return msgspec.structs.replace(self, checked={**lately, **dict.fromkeys(days, at)})

    def with_tip(self, time: datetime, now: datetime, limit: timedelta) -> Published:
        """Return a copy after the server's newest block was checked; `time` is the block's.

        A block is stale when it is older than `limit`. If `limit` is zero, no block is stale.
        """
        at = now.replace(microsecond=0)
        since = self.tip_since if self.tip_time == time else None
        caught_up = self.tip_caught_up
        if limit and self.tip_time and self.tip_seen and self.tip_seen - self.tip_time > limit >= at - time:
            caught_up = at
        return msgspec.structs.replace(
            self,
            tip_time=time,
            tip_since=min(since or at, at),
            tip_seen=at,
            tip_caught_up=min(caught_up, at) if caught_up else None,
        )
