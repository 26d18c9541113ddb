"""Faults of the Ethereum chain: which ones a request meets, and how they change the answer.

Belongs here: drawing faults, the shapes of broken answers. Not here: the names of faults (knobs.py),
right answers (methods.py), refusals of a limit (traffic.py), broken connections (rpc.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from random import Random
from typing import TypeVar

from stx_pipelines.devnet.ethereum.knobs import (
    ELEMENT_FAULTS,
    REQUEST_FAULTS,
    ElementFault,
    EthereumFault,
    EthereumKnobs,
    RequestFault,
)
from stx_pipelines.devnet.ethereum.render import Reply, error_text, json_reply, plain_reply, result_text
from stx_pipelines.devnet.ethereum.values import Call, CallId

_Kind = TypeVar("_Kind", RequestFault, ElementFault)
_ERRORS: dict[ElementFault, tuple[int, str]] = {
    "error_429": (429, "Your app has exceeded its compute units per second capacity."),
    "error_-32005": (-32005, "limit exceeded"),
    "error_-32007": (-32007, "50/second request limit reached - reduce calls per second or upgrade your account"),
    "error_-32011": (-32011, "no backends available for method"),
    "error_-32603": (-32603, "Internal error"),
    "error_-32600": (-32600, "invalid request"),
    "error_-32601": (-32601, "the method is not available on your plan"),
    "error_-32602": (-32602, "invalid argument 0: hex string without 0x prefix"),
    "error_-32700": (-32700, "parse error"),
    "header_not_found": (-32000, "header not found"),
    "missing_trie_node": (-32000, f"missing trie node {'5d' * 32} (path ) state 0x{'5d' * 32} is not available"),
}
_BAD_HEX = ('"0x"', '"0xzz"', '"1234"', '""', '"0x-1"', '"0x' + "f" * 65 + '"', "17", "{}")
_ID_OFFSET = 7_000_000_000  # added to an id, it makes one that was in no call


@dataclass(frozen=True, slots=True)
class DrawnFaults:
    """The faults of one request: of the whole, of each element (None: no fault), and of the order."""

    whole: RequestFault | None = None
    elements: Sequence[ElementFault | None] = ()
    shuffled: bool = False


NO_FAULTS = DrawnFaults()


class EthereumFaults:
    """The faults of a series of requests, drawn from a seed: a failing test fails again."""

    def __init__(self, knobs: EthereumKnobs) -> None:
        """Start a series. It starts again whenever the seed changes."""
        self._knobs = knobs
        self._seed = knobs.seed
        self.rng = Random(self._seed)

    def draw(self, calls: int) -> DrawnFaults:
        """Draw the faults of the next request, which has so many calls."""
        if self._knobs.seed != self._seed:
            self._seed = self._knobs.seed
            self.rng = Random(self._seed)
        rates = self._knobs.faults
        if not rates or self._knobs.faults_left == 0:
            return NO_FAULTS
        if self._knobs.faults_left > 0:
            self._knobs.faults_left -= 1
        return DrawnFaults(
            _one(REQUEST_FAULTS, rates, self.rng),
            [_one(ELEMENT_FAULTS, rates, self.rng) for _ in range(calls)] if _any(ELEMENT_FAULTS, rates) else (),
            self.rng.random() < rates.get("shuffled", 0.0),
        )


def instead(fault: RequestFault, knobs: EthereumKnobs) -> Reply | None:
    """Return the answer of a fault that needs no right one; None where it spoils the right one."""
    match fault:
        case "object":
            return json_reply(error_text(None, -32005, "limit exceeded"))
        case "not_json":
            return Reply(200, b"<html><body><h1>One moment, please</h1></body></html>", b"text/html")
        case "drop" | "truncated" | "truncated_wrong_length":
            return None
    status = int(fault.removeprefix("http_"))
    # 522 is a proxy's own invention and has no standard phrase.
    phrase = "Connection timed out" if status == 522 else HTTPStatus(status).phrase
    return plain_reply(status, phrase, knobs.retry_after_seconds if status == 429 else None)


def spoiled_elements(call: Call, right: str, fault: ElementFault, is_batch: bool, rng: Random) -> list[str]:
    """Return the elements in place of one right answer; a single call always gets one."""
    call_id = call.reply_id
    if fault in _ERRORS:
        return [error_text(call_id, *_ERRORS[fault])]
    if fault == "null":
        return [result_text(call_id, "null")]
    if fault == "bad_hex" and call.method == "eth_getBalance":
        return [result_text(call_id, rng.choice(_BAD_HEX))]
    if not is_batch:
        return [right]
    if fault == "missing":
        return []
    if fault == "repeated":
        return [right, right]
    return [right, result_text(_unknown_id(call_id), '"0x1"')] if fault == "unknown_id" else [right]


def _unknown_id(call_id: CallId) -> CallId:
    return call_id + _ID_OFFSET if isinstance(call_id, int) else _ID_OFFSET


def _any(kinds: Sequence[EthereumFault], rates: Mapping[EthereumFault, float]) -> bool:
    return any(rates.get(kind) for kind in kinds)


def _one(kinds: Sequence[_Kind], rates: Mapping[EthereumFault, float], rng: Random) -> _Kind | None:
    """Draw at most one of the kinds, each at its rate; where the rates exceed 1 in sum, the last come less often."""
    drawn = rng.random()
    for kind in kinds:
        drawn -= rates.get(kind, 0.0)
        if drawn < 0:
            return kind
    return None
