"""The published state of a dataset: its loaded days, and when the server's tip was checked. Pure: no file access."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta

import msgspec

_MARKS_KEPT = timedelta(days=2)


class Published(msgspec.Struct):
    """The content of a dataset's coverage file, which can be read without opening the database.

    `loaded` gives, per loaded day, the id of the certificate that its rows came from. `inode` is the inode of
    the database file that holds these days. `checked` gives, per open day, when the day was last found unchanged.
    `details` is true if the dataset's second table holds all loaded days. Earlier versions of this package remove
    `details` when they load a day. `tip_time` is the time of the server's newest block. `tip_since` is when that block
    was first seen, and `tip_seen` when it was last seen. `tip_caught_up` is when a fresh block was last seen after a
    stale block. Files of earlier versions lack some of these fields.
    """

    loaded: dict[date, str] = {}
    checked: dict[date, datetime] = {}
    inode: int = 0
    details: bool = False
    tip_time: datetime | None = None
    tip_since: datetime | None = None
    tip_seen: datetime | None = None
    tip_caught_up: datetime | None = None

    def holding(self, loaded: dict[date, str], inode: int, *, details: bool | None = None) -> Published:
        """Return a copy with these loaded days, which the database file with this inode holds.

        `details` says whether its second table holds these days; None means as before, if it is the same file.
        """
        details = self.details and inode == self.inode if details is None else details
        return msgspec.structs.replace(self, loaded=loaded, inode=inode, details=details)

    def compared(self, days: Iterable[date], now: datetime) -> Published:
        """Return a copy with these open days marked as unchanged at `now`. Marks older than two days are dropped."""
        at = now.replace(microsecond=0)
        lately = {day: seen for day, seen in self.checked.items() if at - seen < _MARKS_KEPT}
        return msgspec.structs.replace(self, checked={**lately, **dict.fromkeys(days, at)})

    def with_tip(self, time: datetime, now: datetime, limit: timedelta) -> Published:
        """Return a copy with the server's newest block as seen at `now`. `time` is the time of the block.

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
