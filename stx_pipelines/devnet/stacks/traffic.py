"""The rate limit and the counters of the Stacks chain's requests.

This module holds the code that depends on the number and the times of requests. It does not draw faults (faults.py) or
send responses (api.py). It reads no clock, so every instant is an argument, in seconds.
"""

from collections import Counter, deque
from dataclasses import dataclass, replace
from math import ceil

from stx_pipelines.devnet.stacks.answers import Answer
from stx_pipelines.devnet.windows import SlidingWindow

_LOG_LENGTH = 20_000
_MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Allowance:
    """The limiter's decision on one request, with the numbers of the ratelimit headers."""

    allowed: bool
    limit: int
    remaining: int
    reset_seconds: int


class Limiter:
    """A rate limit. A request is allowed if fewer requests than the limit were allowed in the window before it."""

    def __init__(self) -> None:
        """Start with no requests."""
        self._allowed = SlidingWindow()

    def ask(self, now: float, limit: int, window: float) -> Allowance:
        """Allow or refuse one request. Refused requests do not count towards the limit. `window` is in seconds."""
        count = self._allowed.count(now, window)
        allowed = count < limit
        if allowed:
            self._allowed.add(now)
            count += 1
        reset = ceil(self._allowed.oldest + window - now)
        return Allowance(allowed, limit, limit - count, max(1, reset))


def with_allowance(answer: Answer, allowance: Allowance) -> Answer:
    """Add the headers that a rate limited server sends with every response."""
    added = (
        (b"ratelimit-limit", str(allowance.limit).encode()),
        (b"ratelimit-remaining", str(allowance.remaining).encode()),
        (b"ratelimit-reset", str(allowance.reset_seconds).encode()),
    )
    return replace(answer, extra_headers=added + answer.extra_headers)


class Stats:
    """Counters of requests and responses since the start or the last reset. A dropped connection has status 0."""

    def __init__(self) -> None:
        """Start at zero."""
        self.reset()

    def reset(self) -> None:
        """Set all counters to zero."""
        self.requests = 0
        self.by_route: Counter[str] = Counter()
        self.by_status: Counter[int] = Counter()
        self.by_fault: Counter[str] = Counter()
        self.busiest_60_seconds = 0
        self.log: deque[tuple[float, str, int]] = deque(maxlen=_LOG_LENGTH)
        self._last_minute = SlidingWindow()

    def arrived(self, now: float, route: str) -> None:
        """Count a request."""
        self.requests += 1
        self.by_route[route] += 1
        self._last_minute.add(now)
        self.busiest_60_seconds = max(self.busiest_60_seconds, self._last_minute.count(now, _MINUTE))

    def faulted(self, kind: str | None) -> None:
        """Count the fault of a request, if it has one."""
        if kind:
            self.by_fault[kind] += 1

    def answered(self, arrived: float, route: str, status: int) -> None:
        """Count a response."""
        self.by_status[status] += 1
        self.log.append((arrived, route, status))

    def summary(self) -> dict[str, object]:
        """Return the counters as plain values."""
        return {
            "requests": self.requests,
            "by_route": dict(self.by_route),
            "by_status": {str(status): count for status, count in self.by_status.items()},
            "by_fault": dict(self.by_fault),
            "busiest_60_seconds": self.busiest_60_seconds,
        }
