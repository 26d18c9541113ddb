"""The limits and the counters of the Ethereum chain's calls.

This module limits the calls a second, the calls in a batch and the size of a response, and it counts. It does not draw
faults (faults.py) or send responses (rpc.py). It reads no clock, so every instant is an argument, in seconds.
"""

from collections import Counter

from stx_pipelines.devnet.ethereum.faults import DrawnFaults
from stx_pipelines.devnet.ethereum.knobs import BatchRefusal, EthereumKnobs
from stx_pipelines.devnet.ethereum.render import Reply, error_text, json_reply, plain_reply
from stx_pipelines.devnet.ethereum.values import Call
from stx_pipelines.devnet.windows import SlidingWindow

_SECOND = 1.0


class CallLimiter:
    """A rate limit. Calls are allowed if they and the calls allowed in the second before do not exceed it."""

    def __init__(self) -> None:
        """Start with no calls."""
        self._second = SlidingWindow()

    def allows(self, now: float, calls: int, limit: int) -> bool:
        """Return whether these calls are allowed. Refused calls do not count towards the limit."""
        if self._second.count(now, _SECOND) + calls > limit:
            return False
        self._second.add(now, calls)
        return True


def too_many(knobs: EthereumKnobs) -> Reply:
    """Return the 429 for more calls than the limit of a second."""
    text = error_text(None, 429, "Too Many Requests: calls per second limit reached")
    return Reply(429, text.encode(), retry_after_seconds=knobs.retry_after_seconds)


def refused_batch(how: BatchRefusal, calls: list[Call], limit: int) -> Reply:
    """Return the refusal of a batch with too many calls, in the form `how`."""
    match how:
        case "413":
            return plain_reply(413, "Request Entity Too Large")
        case "element":
            return json_reply(f"[{error_text(calls[0].reply_id, -32600, 'batch too large')}]")
        case "object":
            return json_reply(error_text(None, -32600, "batch too large"))
        case "erigon":
            told = f"batch limit {limit} exceeded (can increase by --rpc.batch.limit). Requested batch of size: "
            return json_reply(error_text(None, -32000, f"{told}{len(calls)}"))


def cut_to_size(calls: list[Call], texts: list[str], limit: int) -> list[str]:
    """Return the results up to the one that exceeds `limit` bytes in total, and then errors, as geth does."""
    size = 0
    for position, text in enumerate(texts):
        size += len(text)
        if size > limit:
            late = [error_text(call.reply_id, -32003, "response too large") for call in calls[position + 1 :]]
            return texts[: position + 1] + late
    return texts


class EthereumStats:
    """Counters of requests, calls and responses since the last reset. A dropped connection has status 0."""

    def __init__(self) -> None:
        """Start at zero."""
        self.reset()

    def reset(self) -> None:
        """Set all counters to zero."""
        self.requests = 0
        self.calls = 0
        self.largest_batch = 0
        self.busiest_second = 0  # calls, including refused ones
        self.by_method: Counter[str] = Counter()
        self.by_status: Counter[int] = Counter()
        self.by_fault: Counter[str] = Counter()
        self._second = SlidingWindow()

    def arrived(self, now: float, methods: list[str]) -> None:
        """Count a request and its calls."""
        calls = len(methods)
        self.requests += 1
        self.calls += calls
        self.by_method.update(methods)
        self.largest_batch = max(self.largest_batch, calls)
        self._second.add(now, calls)
        self.busiest_second = max(self.busiest_second, self._second.count(now, _SECOND))

    def faulted(self, faults: DrawnFaults) -> None:
        """Count the faults of a request."""
        self.by_fault.update(kind for kind in (faults.whole, *faults.elements) if kind)
        self.by_fault["shuffled"] += faults.shuffled

    def summary(self) -> dict[str, object]:
        """Return the counters as plain values."""
        return {
            "requests": self.requests,
            "calls": self.calls,
            "largest_batch": self.largest_batch,
            "busiest_second": self.busiest_second,
            "by_method": dict(self.by_method),
            "by_status": {str(status): count for status, count in self.by_status.items()},
            "by_fault": {kind: count for kind, count in self.by_fault.items() if count},
        }
