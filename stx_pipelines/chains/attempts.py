"""How often a day could not be proved, and why. A day that failed too often is set aside, so that it holds up none."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

MOST_TRIES = 4
"""After so many failed proofs a day is set aside."""

SET_ASIDE_PAUSE = timedelta(days=1)
_FIRST_PAUSE = timedelta(minutes=10)


class Attempts(msgspec.Struct, frozen=True):
    """Failed proofs of a day since its last success: how many, the last one's sentence, and when."""

    count: int
    sentence: str
    at: datetime

    @property
    def is_set_aside(self) -> bool:
        """Whether the day waits for its daily try, or for `sync --retry`."""
        return self.count >= MOST_TRIES

    def due(self, now: datetime) -> bool:
        """Whether it is time to try again; the pause doubles with every failure."""
        pause = SET_ASIDE_PAUSE if self.is_set_aside else _FIRST_PAUSE * 2 ** (self.count - 1)
        return now - self.at >= pause
