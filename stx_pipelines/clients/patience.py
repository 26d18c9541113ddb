"""The number of attempts of a request, and the pauses between attempts."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass

from stx_pipelines.clients.response import Limits

_WAITS_PER_EXCHANGE = 10


@dataclass(frozen=True)
class Patience:
    """The number of attempts of a request and the pauses between attempts. All times are seconds.

    The pauses grow from `first_wait` to `last_wait`. A request fails if the server demands a pause longer than
    `longest_wait`. `timeout` limits each wait for the server. `answer_within` limits a whole exchange, by default to
    ten times `timeout`. `statuses` are the HTTP statuses after which a request is sent again. The server counts the
    requests of `limit_window`; 0 means that this time is short.
    """

    attempts: int = 5
    first_wait: float = 0.5
    last_wait: float = 8.0
    timeout: float = 30.0
    longest_wait: float = 120.0
    limit_window: float = 0.0
    answer_within: float | None = None
    statuses: frozenset[int] = frozenset({429, 500, 502, 503, 504, 522, 525})

    def limits(self, stop: threading.Event) -> Limits:
        """Return the time limits of one exchange, which `stop` ends early."""
        return Limits(self.timeout, self.answer_within or _WAITS_PER_EXCHANGE * self.timeout, stop)

    def backoff(self, attempt: int) -> float:
        """Return a random pause in seconds after this attempt, counted from 1.

        The longest possible pause doubles with each attempt, up to `last_wait`. The shortest is half of it. Random
        pauses keep threads that failed together from sending their requests together again.
        """
        ceiling = min(self.last_wait, self.first_wait * 2 ** (attempt - 1))
        return random.uniform(ceiling / 2, ceiling)
