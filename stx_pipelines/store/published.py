"""What the database holds and when the chain was looked at, published beside it. Pure: no file is touched here."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta

import msgspec

_MARKS_KEPT = timedelta(days=2)


class Published(msgspec.Struct):
    """What the database holds, readable without opening it.

    `loaded` names per day the certificate its rows came from; `checked` when an open day was last found unchanged;
    `inode` is the database file this was said of. `details` says that the dataset's second table holds all loaded days;
    earlier versions drop it when they load a day. `tip_time` is the time of the server's newest block, `tip_since`
    when a look first found that block, `tip_seen` when one last did; `tip_caught_up` when a look last found a fresh one
    after a stale one. Files of earlier versions do not know.
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
        """The same looks, of a database file that holds these certificates' rows."""
        return msgspec.structs.replace(self, loaded=loaded, inode=inode)

    def compared(self, days: Iterable[date], now: datetime) -> Published:
        """The same after these open days were compared with the chain."""
        at = now.replace(microsecond=0)
        lately = {day: seen for day, seen in self.checked.items() if at - seen < _MARKS_KEPT}
        return msgspec.structs.replace(self, checked={**lately, **dict.fromkeys(days, at)})

    def with_tip(self, time: datetime, now: datetime, limit: timedelta) -> Published:
        """The same after a look at the server's newest block, which is stale beyond `limit`; zero means never."""
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
