"""Failed proofs of a day. A day that failed four times is set aside, so that it does not delay others."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

MOST_TRIES = 4
"""Number of failed proofs after which a day is set aside."""

SET_ASIDE_PAUSE = timedelta(days=1)
_FIRST_PAUSE = timedelta(minutes=10)


class Attempts(msgspec.Struct, frozen=True):
    """The failed proofs of a day since its last success: their number, and the sentence and time of the last one."""

    count: int
    sentence: str
    at: datetime

    @property
    def is_set_aside(self) -> bool:
        """Whether the day failed so often that it is tried only once a day, or by `sync --retry`."""
        return self.count >= MOST_TRIES

    def due(self, now: datetime) -> bool:
        """Return whether it is time to try again. The pause doubles with every failure."""
        pause = SET_ASIDE_PAUSE if self.is_set_aside else _FIRST_PAUSE * 2 ** (self.count - 1)
        return now - self.at >= pause
