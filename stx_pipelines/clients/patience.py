"""The number of attempts of a request and the pauses between them."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass

from stx_pipelines.clients.response import Limits

_WAITS_PER_EXCHANGE = 10


@dataclass(frozen=True)
class Patience:
    """The number of attempts and their pauses. Times are seconds; `longest_wait` caps a pause that a server demands.

    `timeout` bounds each wait for the server, `answer_within` a whole exchange: by default ten such waits, so that a
    slow connection has enough time.
    """

    attempts: int = 5
    first_wait: float = 0.5
    last_wait: float = 8.0
    timeout: float = 30.0
    longest_wait: float = 120.0
    answer_within: float | None = None
    statuses: frozenset[int] = frozenset({429, 500, 502, 503, 504, 522, 525})

    def limits(self, stop: threading.Event) -> Limits:
        """Return the limits of one exchange."""
        return Limits(self.timeout, self.answer_within or _WAITS_PER_EXCHANGE * self.timeout, stop)

    def backoff(self, attempt: int) -> float:
        """Return an exponential pause with jitter, so that threads which failed together do not retry together."""
        ceiling = min(self.last_wait, self.first_wait * 2 ** (attempt - 1))
        return random.uniform(ceiling / 2, ceiling)
