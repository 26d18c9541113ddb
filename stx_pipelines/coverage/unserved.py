"""The days whose states of accounts a server does not give, in a small file that applies for a day.

Such days are not wanted, so that they neither fail nor delay the others. After a day the server is asked again.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import date, datetime, timedelta

import msgspec

from stx_pipelines.chains.datasets import WALLET_BALANCES
from stx_pipelines.store.data_folder import DataFolder
from stx_pipelines.store.files import StoreError, read_if_sound, replace_file

_APPLIES = timedelta(days=1)


class Unserved(msgspec.Struct, frozen=True):
    """The newest day whose state `server` did not give, the reason, and the time of the response.

    No older day is requested then.
    """

    server: str
    day: date
    reason: str
    at: datetime

    @property
    def until(self) -> datetime:
        """The time from which the server is asked again."""
        return self.at + _APPLIES

    @property
    def sentence(self) -> str:
        """What is not wanted, why, and until when."""
        return (
            f"{self.server} does not give the states of accounts at the end of {self.day} and before ({self.reason}), "
            f"so these days of {WALLET_BALANCES} are not wanted; the server is asked again from "
            f"{self.until:%Y-%m-%d %H:%M} UTC on; a node that keeps old states can be given as STX_NODE_URL"
        )


def unserved(folder: DataFolder, server: str, now: datetime) -> Unserved | None:
    """Return what this server did not give in the last day; None if nothing is known."""
    known = read_if_sound(folder.unserved(WALLET_BALANCES), Unserved)
    applies = known is not None and known.server == server and timedelta(0) <= now - known.at < _APPLIES
    return known if applies else None


def note_unserved(folder: DataFolder, found: Unserved) -> None:
    """Write what a server did not give. Without the file, the next run asks once more."""
    path = folder.unserved(WALLET_BALANCES)
    with suppress(StoreError):
        replace_file(path, lambda aside: aside.write_bytes(msgspec.json.encode(found)), durable=False)
