"""What can go wrong with the Ethereum face on purpose, and what was asked of it: knobs, draws, counters.

Belongs here: deciding what befalls a batch and its elements, and counting both. Not here: what a fault makes of
an answer (ethereum_broken.py), right answers (ethereum_calls.py). Time is an argument everywhere.
"""

from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import TYPE_CHECKING, Literal, TypeVar, get_args

if TYPE_CHECKING:
    from stx_pipelines.devnet.ethereum.calls import Call

# Befalls a whole request: at most one of them does.
RequestFault = Literal[
    "http_400",
    "http_401",
    "http_402",
    "http_403",
    "http_404",
    "http_408",
    "http_413",
    "http_425",
    "http_429",
    "http_500",
    "http_502",
    "http_503",
    "http_504",
    "http_522",
    "drop",
    "truncated",
    "truncated_wrong_length",
    "not_json",
    "object",  # one error in place of the array
]
# Befalls an element of a batch; those that answer oddly befall a single call as well.
ElementFault = Literal[
    "missing",
    "repeated",
    "unknown_id",
    "null",
    "bad_hex",  # of a balance
    "error_429",
    "error_-32005",
    "error_-32007",
    "error_-32011",
    "error_-32603",
    "error_-32600",
    "error_-32601",
    "error_-32602",
    "error_-32700",
    "header_not_found",
    "missing_trie_node",  # as from one pruned node of several behind an address
]
_Kind = TypeVar("_Kind", RequestFault, ElementFault)
EthereumFault = RequestFault | ElementFault | Literal["shuffled"]
REQUEST_FAULTS: tuple[RequestFault, ...] = get_args(RequestFault)
ELEMENT_FAULTS: tuple[ElementFault, ...] = get_args(ElementFault)
ETHEREUM_FAULTS: tuple[EthereumFault, ...] = (*REQUEST_FAULTS, *ELEMENT_FAULTS, "shuffled")
# "413" by status; "element" as geth, an array with one error; "object" in place of the array; "erigon" by its words.
BatchRefusal = Literal["413", "element", "object", "erigon"]
# What a node without old states may answer, and no error: the balance of its newest block, or 0.
OldBalances = Literal["right", "newest", "zero"]
PrunedWording = Literal["missing_trie_node", "historical_state", "state_not_available", "pruned"]


@dataclass
class EthereumKnobs:
    """Everything of the Ethereum face that can be turned while the server runs. 0 switches a limit off."""

    latency_seconds: float = 0.0
    chain_id: int = 0  # said in place of the chain's own; 0: the chain's own
    batch_limit: int = 0  # elements
    batch_refusal: BatchRefusal = "element"
    response_bytes_limit: int = 0  # of the results of a batch
    calls_per_second: int = 0  # counts elements; a batch that does not fit is refused whole, by 429
    retry_after_seconds: int = 1  # said with every 429
    state_blocks: int = 0  # balances further behind the newest block are gone
    pruned_wording: PrunedWording = "missing_trie_node"
    old_balances: OldBalances = "right"  # "newest", "zero": of every block below the newest
    faults: dict[EthereumFault, float] = field(default_factory=dict)  # share of requests, or of elements
    faults_left: int = -1  # so many more requests may meet faults; -1: all
    seed: int = 1
    on_request: Callable[[list["Call"]], None] | None = None  # called with the calls before each answer
    clock: Callable[[], datetime] | None = None  # when set, the chain grows to it before each answer


@dataclass(frozen=True, slots=True)
class Verdict:
    """What befalls one request: of the whole, of each element (None: nothing), and of the order."""

    whole: RequestFault | None = None
    elements: Sequence[ElementFault | None] = ()
    shuffled: bool = False


NO_FAULT = Verdict()


class EthereumFaults:
    """Draws what befalls each request from a seeded stream, so that a failing test fails again."""

    def __init__(self, knobs: EthereumKnobs) -> None:
        """The stream starts anew whenever the seed is turned."""
        self._knobs = knobs
        self._seed = knobs.seed
        self.rng = Random(self._seed)

    def draw(self, calls: int) -> Verdict:
        """The faults of a request with so many calls."""
        if self._knobs.seed != self._seed:
            self._seed = self._knobs.seed
            self.rng = Random(self._seed)
        rates = self._knobs.faults
        if not rates or self._knobs.faults_left == 0:
            return NO_FAULT
        if self._knobs.faults_left > 0:
            self._knobs.faults_left -= 1
        return Verdict(
            _one(REQUEST_FAULTS, rates, self.rng),
            [_one(ELEMENT_FAULTS, rates, self.rng) for _ in range(calls)] if _any(ELEMENT_FAULTS, rates) else (),
            self.rng.random() < rates.get("shuffled", 0.0),
        )


class CallLimiter:
    """A sliding second: calls are allowed while the second before them holds fewer than the limit."""

    def __init__(self) -> None:
        """Nothing was allowed yet."""
        self._second = SlidingSecond()

    def allows(self, now: float, calls: int, limit: int) -> bool:
        """Allow or refuse calls; refused ones do not fill the second."""
        if self._second.count(now) + calls > limit:
            return False
        self._second.add(now, calls)
        return True


class SlidingSecond:
    """How many calls there were in the second before an instant."""

    def __init__(self) -> None:
        """None so far."""
        self._seen: deque[tuple[float, int]] = deque()
        self._sum = 0

    def add(self, now: float, calls: int) -> None:
        """Count calls that come now."""
        self._seen.append((now, calls))
        self._sum += calls

    def count(self, now: float) -> int:
        """The calls of the second that ends now."""
        while self._seen and self._seen[0][0] <= now - 1.0:
            self._sum -= self._seen.popleft()[1]
        return self._sum


class EthereumStats:
    """What was asked and answered since the start or the last reset. A dropped connection has status 0."""

    def __init__(self) -> None:
        """All zero."""
        self.reset()

    def reset(self) -> None:
        """Forget everything counted so far."""
        self.requests = 0
        self.calls = 0
        self.largest_batch = 0
        self.busiest_second = 0  # calls, refused ones too
        self.by_method: Counter[str] = Counter()
        self.by_status: Counter[int] = Counter()
        self.by_fault: Counter[str] = Counter()
        self._second = SlidingSecond()

    def arrived(self, now: float, methods: list[str]) -> None:
        """Count a request with its calls as it comes in."""
        calls = len(methods)
        self.requests += 1
        self.calls += calls
        self.by_method.update(methods)
        self.largest_batch = max(self.largest_batch, calls)
        self._second.add(now, calls)
        self.busiest_second = max(self.busiest_second, self._second.count(now))

    def befell(self, verdict: Verdict) -> None:
        """Count the faults of a request."""
        self.by_fault.update(kind for kind in (verdict.whole, *verdict.elements) if kind)
        self.by_fault["shuffled"] += verdict.shuffled

    def summary(self) -> dict[str, object]:
        """The counters as plain values."""
        return {
            "requests": self.requests,
            "calls": self.calls,
            "largest_batch": self.largest_batch,
            "busiest_second": self.busiest_second,
            "by_method": dict(self.by_method),
            "by_status": {str(status): count for status, count in self.by_status.items()},
            "by_fault": {kind: count for kind, count in self.by_fault.items() if count},
        }


def known_faults(wanted: object) -> dict[EthereumFault, float]:
    """The shares of faults given by their names; an unknown name or an impossible share is refused."""
    if not isinstance(wanted, dict):
        raise TypeError(f"faults must be an object of shares by kind, got {wanted!r}")
    unknown = sorted(set(wanted) - set(ETHEREUM_FAULTS))
    if unknown:
        raise ValueError(f"unknown faults {', '.join(unknown)}; known are {', '.join(ETHEREUM_FAULTS)}")
    for kind, share in wanted.items():
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
            raise ValueError(f"the share of {kind} must lie between 0 and 1, got {share!r}")
    return {kind: float(share) for kind, share in wanted.items()}


def _any(kinds: Sequence[EthereumFault], rates: Mapping[EthereumFault, float]) -> bool:
    return any(rates.get(kind) for kind in kinds)


def _one(kinds: Sequence[_Kind], rates: Mapping[EthereumFault, float], rng: Random) -> _Kind | None:
    """At most one of the kinds, each at its rate; rates above 1 in sum leave the last ones short."""
    drawn = rng.random()
    for kind in kinds:
        drawn -= rates.get(kind, 0.0)
        if drawn < 0:
            return kind
    return None
