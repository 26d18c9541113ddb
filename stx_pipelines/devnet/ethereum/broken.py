"""What faults and limits make of an answer of the Ethereum face.

Belongs here: the shapes of broken and of refusing answers. Not here: which fault is due (ethereum_faults.py),
sending (ethereum_rpc.py).
"""

from http import HTTPStatus
from random import Random
from typing import NamedTuple

from msgspec import UNSET

from stx_pipelines.devnet.ethereum.calls import Call
from stx_pipelines.devnet.ethereum.faults import BatchRefusal, ElementFault, EthereumKnobs, RequestFault
from stx_pipelines.devnet.ethereum.render import CallId, error_text, result_text

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
_OUR_INVENTION = 7_000_000_000  # added to an id, it is one nobody asked for


class Reply(NamedTuple):
    """One HTTP answer."""

    status: int
    body: bytes
    content_type: bytes = b"application/json"
    retry_after_seconds: int | None = None


def json_reply(text: str) -> Reply:
    """200 with JSON text."""
    return Reply(200, text.encode())


def too_many(knobs: EthereumKnobs) -> Reply:
    """429: more calls than a second may hold."""
    text = error_text(None, 429, "Too Many Requests: calls per second limit reached")
    return Reply(429, text.encode(), retry_after_seconds=knobs.retry_after_seconds)


def refused_batch(how: BatchRefusal, calls: list[Call], limit: int) -> Reply:
    """The refusal of a batch with too many elements."""
    match how:
        case "413":
            return _plain(413, "Request Entity Too Large")
        case "element":
            return json_reply(f"[{error_text(_id_of(calls[0]), -32600, 'batch too large')}]")
        case "object":
            return json_reply(error_text(None, -32600, "batch too large"))
        case "erigon":
            told = f"batch limit {limit} exceeded (can increase by --rpc.batch.limit). Requested batch of size: "
            return json_reply(error_text(None, -32000, f"{told}{len(calls)}"))


def instead(fault: RequestFault, knobs: EthereumKnobs) -> Reply | None:
    """The answer a fault gives without looking at the chain; None where it spoils the right one."""
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
    return _plain(status, phrase, knobs.retry_after_seconds if status == 429 else None)


def cut_to_size(calls: list[Call], texts: list[str], limit: int) -> list[str]:
    """As geth cuts a batch whose results grow too large: an error for every call from there on."""
    size = 0
    for position, text in enumerate(texts):
        size += len(text)
        if size > limit:
            late = [error_text(_id_of(call), -32003, "response too large") for call in calls[position + 1 :]]
            return texts[: position + 1] + late
    return texts


def spoiled_elements(call: Call, right: str, fault: ElementFault, is_batch: bool, rng: Random) -> list[str]:
    """What takes the place of one right answer; a single call's answer is always one."""
    call_id = _id_of(call)
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
    return [right, result_text(_nobodys_id(call_id), '"0x1"')] if fault == "unknown_id" else [right]


def _plain(status: int, text: str, retry_after_seconds: int | None = None) -> Reply:
    return Reply(status, text.encode(), b"text/plain; charset=utf-8", retry_after_seconds)


def _nobodys_id(call_id: CallId) -> CallId:
    return call_id + _OUR_INVENTION if isinstance(call_id, int) else _OUR_INVENTION


def _id_of(call: Call) -> CallId:
    return None if call.id is UNSET else call.id
