"""Failed attempts at a day. A day that failed four proofs is set aside, so that it does not delay others.

An attempt that got no usable response from the API is no failed proof. It only postpones the day.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from stx_pipelines.chains.clock import is_past

MOST_TRIES = 4
"""Number of failed proofs after which a day is set aside."""

SET_ASIDE_PAUSE = timedelta(days=1)
_FIRST_PAUSE = timedelta(minutes=10)
_MOST_DOUBLINGS = 3


class Attempts(msgspec.Struct, frozen=True):
    """The failed attempts at a day since its last success.

    `count` is the number of failed proofs. `sentence` and `at` are the error and the time of the last attempt. `unread`
    is the number of attempts without a usable response of the API since the last failed proof.
    """

    count: int
    sentence: str
    at: datetime
    unread: int = 0

    @property
    def is_set_aside(self) -> bool:
        """Whether the day failed so often that it is tried only once a day, or by `sync --retry`."""
        return self.count >= MOST_TRIES

    @property
    def due_at(self) -> datetime:
        """The time of the next attempt. The pause doubles with every failure, up to 80 minutes."""
        if self.is_set_aside:
            return self.at + SET_ASIDE_PAUSE
        failures = max(1, self.unread or self.count)
        return self.at + _FIRST_PAUSE * (1 << min(failures - 1, _MOST_DOUBLINGS))

    def due(self, now: datetime) -> bool:
        """Return whether it is time to try again."""
        return now >= self.due_at

    def believed(self, now: datetime) -> Attempts:
        """Return the attempts. If the last one is in the future, because the clock was wrong, the next one is due."""
        return self if is_past(self.at, now) else msgspec.structs.replace(self, at=now - SET_ASIDE_PAUSE)
