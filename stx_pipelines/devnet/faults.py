"""What can go wrong on purpose, and what was asked: the knobs, the limiter, the faults and the counters.

Belongs here: deciding what befalls a request, and counting. Not here: right answers (routes_*.py) or sockets
(stacks_api.py). Time is an argument everywhere.
"""

from collections import Counter, deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil
from random import Random
from typing import Literal, get_args

FaultKind = Literal[
    "429",
    "500",
    "502",
    "503",
    "504",
    "522",
    "drop",
    "truncated",
    "truncated_wrong_length",
    "empty_page",
    "not_json",
    "repeated_page",
]
FAULT_KINDS: tuple[FaultKind, ...] = get_args(FaultKind)
_OF_PAGES = frozenset({"empty_page", "repeated_page"})  # faults only a v3 page can have
_LOG_LENGTH = 20_000
_MINUTE = 60.0


@dataclass
class Knobs:
    """Everything that can be turned while the server runs."""

    latency_seconds: float = 0.0
    list_latency_seconds: float = 0.0  # on top, for the list of burn blocks: it is slow on the real server
    requests_per_minute: int = 0  # 0: no limit
    limit_window_seconds: float = _MINUTE
    burn_list_broken: bool = False
    v1_gone: bool = False
    v3_missing: bool = False
    fault_rate: float = 0.0
    fault_kinds: tuple[FaultKind, ...] = FAULT_KINDS
    fail_next: int = 0  # so many requests fail, whatever the rate
    retry_after_seconds: int = 1  # said by the fault 429; the limiter says the truth
    wrong_counts: set[int] = field(default_factory=set)  # burn heights whose total_tx_count is one too high
    hidden_transactions: set[str] = field(default_factory=set)  # tx_ids no list shows; counts stay true
    seed: int = 1
    on_request: Callable[[str], None] | None = None  # called with path and query before each answer
    clock: Callable[[], datetime] | None = None  # when set, the chain grows to it before each answer


@dataclass(frozen=True, slots=True)
class Allowance:
    """What the limiter says of one request; the numbers are those of the ratelimit headers."""

    allowed: bool
    limit: int
    remaining: int
    reset_seconds: int


class Limiter:
    """A sliding window: a request is allowed while the window before it holds fewer than the limit."""

    def __init__(self) -> None:
        """Nothing was allowed yet."""
        self._allowed: deque[float] = deque()

    def ask(self, now: float, limit: int, window: float) -> Allowance:
        """Allow or refuse one request; refused requests do not fill the window."""
        while self._allowed and self._allowed[0] <= now - window:
            self._allowed.popleft()
        allowed = len(self._allowed) < limit
        if allowed:
            self._allowed.append(now)
        reset = ceil(self._allowed[0] + window - now)
        return Allowance(allowed, limit, limit - len(self._allowed), max(1, reset))


class Faults:
    """Draws what befalls each request from a seeded stream, so that a failing test fails again."""

    def __init__(self, knobs: Knobs) -> None:
        """The stream starts anew whenever the seed is turned."""
        self._knobs = knobs
        self._seed = knobs.seed
        self._rng = Random(self._seed)

    def draw(self, *, is_v3_page: bool) -> FaultKind | None:
        """The fault of this request, or none."""
        if self._knobs.seed != self._seed:
            self._seed = self._knobs.seed
            self._rng = Random(self._seed)
        kinds = [kind for kind in self._knobs.fault_kinds if is_v3_page or kind not in _OF_PAGES]
        if not self._is_due() or not kinds:
            return None
        return self._rng.choice(kinds)

    def _is_due(self) -> bool:
        if self._knobs.fail_next > 0:
            self._knobs.fail_next -= 1
            return True
        return self._knobs.fault_rate > 0 and self._rng.random() < self._knobs.fault_rate


class Stats:
    """What was asked and answered since the start or the last reset. A dropped connection has status 0."""

    def __init__(self) -> None:
        """All zero."""
        self.reset()

    def reset(self) -> None:
        """Forget everything counted so far."""
        self.requests = 0
        self.by_route: Counter[str] = Counter()
        self.by_status: Counter[int] = Counter()
        self.busiest_60_seconds = 0
        self.log: deque[tuple[float, str, int]] = deque(maxlen=_LOG_LENGTH)
        self._last_minute: deque[float] = deque()

    def arrived(self, now: float, route: str) -> None:
        """Count a request as it comes in."""
        self.requests += 1
        self.by_route[route] += 1
        self._last_minute.append(now)
        while self._last_minute[0] <= now - _MINUTE:
            self._last_minute.popleft()
        self.busiest_60_seconds = max(self.busiest_60_seconds, len(self._last_minute))

    def answered(self, arrived: float, route: str, status: int) -> None:
        """Count an answer as it goes out."""
        self.by_status[status] += 1
        self.log.append((arrived, route, status))

    def summary(self) -> dict[str, object]:
        """The counters as plain values."""
        return {
            "requests": self.requests,
            "by_route": dict(self.by_route),
            "by_status": {str(status): count for status, count in self.by_status.items()},
            "busiest_60_seconds": self.busiest_60_seconds,
        }


def known_kinds(names: Collection[str]) -> tuple[FaultKind, ...]:
    """The fault kinds of these names; a name that is none is refused."""
    unknown = sorted(set(names) - set(FAULT_KINDS))
    if unknown:
        raise ValueError(f"unknown fault kinds {', '.join(unknown)}; known are {', '.join(FAULT_KINDS)}")
    return tuple(kind for kind in FAULT_KINDS if kind in names)
