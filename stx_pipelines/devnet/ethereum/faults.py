"""Faults of the Ethereum chain: drawing the faults of a request, and changing its response.

This module draws faults and makes broken responses. It does not name the faults (knobs.py), make correct responses
(methods.py), refuse requests over a limit (traffic.py) or break connections (rpc.py).
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
_ID_OFFSET = 7_000_000_000  # added to the id of a call; the result is not the id of any call


@dataclass(frozen=True, slots=True)
class DrawnFaults:
    """The faults of one request: of the whole response, of each element (None for no fault), and of their order."""

    whole: RequestFault | None = None
    elements: Sequence[ElementFault | None] = ()
    shuffled: bool = False


NO_FAULTS = DrawnFaults()


class EthereumFaults:
    """The faults of a series of requests, drawn from a seed so that a failing test can be repeated."""

    def __init__(self, knobs: EthereumKnobs) -> None:
        """Start a series. The series starts again whenever the knob `seed` changes."""
        self._knobs = knobs
        self._seed = knobs.seed
        self.rng = Random(self._seed)

    def draw(self, calls: int) -> DrawnFaults:
        """Draw the faults of the next request, which has this many calls."""
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
    """Return the response of a fault that replaces the correct response, or None for a fault that changes it."""
    match fault:
        case "object":
            return json_reply(error_text(None, -32005, "limit exceeded"))
        case "not_json":
            return Reply(200, b"<html><body><h1>One moment, please</h1></body></html>", b"text/html")
        case "drop" | "truncated" | "truncated_wrong_length":
            return None
    status = int(fault.removeprefix("http_"))
    # 522 has no standard phrase, because only some proxies use it.
    phrase = "Connection timed out" if status == 522 else HTTPStatus(status).phrase
    return plain_reply(status, phrase, knobs.retry_after_seconds if status == 429 else None)


def spoiled_elements(call: Call, right: str, fault: ElementFault, is_batch: bool, rng: Random) -> list[str]:
    """Return the elements that replace one correct element. A call outside a batch always gets exactly one."""
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
    """Draw at most one of the kinds, each with its rate.

    If the rates add up to more than 1, the last kinds are drawn less often, or never.
    """
    drawn = rng.random()
    for kind in kinds:
        drawn -= rates.get(kind, 0.0)
        if drawn < 0:
            return kind
    return None
