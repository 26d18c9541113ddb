"""The Ethereum node as an ASGI application: JSON-RPC over POST.

This module defines the order of the steps for one request: counting, limits, faults, clock, correct results, sending.
Correct results are made in methods.py, faults in faults.py, limits and counters in traffic.py.
"""

import asyncio
from time import monotonic

import msgspec
from starlette.types import Receive, Scope, Send

from stx_pipelines.devnet.ethereum.chain import EthereumChain
from stx_pipelines.devnet.ethereum.faults import NO_FAULTS, DrawnFaults, EthereumFaults, instead, spoiled_elements
from stx_pipelines.devnet.ethereum.knobs import EthereumKnobs
from stx_pipelines.devnet.ethereum.methods import EthereumMethods
from stx_pipelines.devnet.ethereum.render import Reply, error_text, json_reply, plain_reply
from stx_pipelines.devnet.ethereum.traffic import CallLimiter, EthereumStats, cut_to_size, refused_batch, too_many
from stx_pipelines.devnet.ethereum.values import Call
from stx_pipelines.devnet.sending import Headers, hang_up, read_body, send_half, send_whole

ETHEREUM_PATH = "/eth"
_LARGEST_BODY = 5 * 1024 * 1024  # bytes, as in geth


class EthereumRpc:
    """An ASGI application that responds like a real node, except where a knob changes the response."""

    def __init__(self, chain: EthereumChain, knobs: EthereumKnobs) -> None:
        """Serve this chain. The chain and the knobs may be changed at any time."""
        self.chain = chain
        self.knobs = knobs
        self.stats = EthereumStats()
        self._methods = EthereumMethods(chain, knobs)
        self._faults = EthereumFaults(knobs)
        self._limiter = CallLimiter()
        self._decode_one = msgspec.json.Decoder(Call).decode
        self._decode_batch = msgspec.json.Decoder(list[Call]).decode

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        body = await read_body(receive)
        refusal = _refused_unread(scope["method"], body)
        if refusal:
            await _send(refusal, send)
            return
        calls, is_batch = self._parse(body)
        if calls:
            await self._serve(calls, is_batch, scope, receive, send)
        else:
            await _send(_unreadable(body, is_batch), send)

    def _parse(self, body: bytes) -> tuple[list[Call], bool]:
        """Return the calls of a request, none if its body is invalid, and whether the body is a batch."""
        is_batch = body.lstrip()[:1] == b"["
        try:
            return (self._decode_batch(body) if is_batch else [self._decode_one(body)]), is_batch
        except msgspec.DecodeError:
            return [], is_batch

    async def _serve(self, calls: list[Call], is_batch: bool, scope: Scope, receive: Receive, send: Send) -> None:
        arrived = monotonic()
        self.stats.arrived(arrived, [call.method for call in calls])
        refusal = self._refusal(arrived, calls, is_batch)
        faults = self._faults.draw(len(calls)) if refusal is None else NO_FAULTS
        self.stats.faulted(faults)
        if self.knobs.latency_seconds > 0:
            await asyncio.sleep(self.knobs.latency_seconds)
        reply = refusal or self._reply(calls, is_batch, faults)
        self.stats.by_status[0 if faults.whole == "drop" else reply.status] += 1
        if faults.whole == "drop":
            await hang_up(scope, receive)
        elif faults.whole == "truncated":
            await send_half(reply.status, _headers(reply), reply.body, scope, receive, send)
        else:
            await send_whole(reply.status, _headers(reply), reply.body, send, self.knobs.drip_seconds)

    def _refusal(self, now: float, calls: list[Call], is_batch: bool) -> Reply | None:
        knobs = self.knobs
        if knobs.batch_limit and is_batch and len(calls) > knobs.batch_limit:
            return refused_batch(knobs.batch_refusal, calls, knobs.batch_limit)
        if knobs.calls_per_second and not self._limiter.allows(now, len(calls), knobs.calls_per_second):
            return too_many(knobs)
        return None

    def _reply(self, calls: list[Call], is_batch: bool, faults: DrawnFaults) -> Reply:
        self._before_answer(calls)
        other = instead(faults.whole, self.knobs) if faults.whole else None
        if other:
            return other
        texts = self._texts(calls, is_batch, faults)
        text = f"[{','.join(texts)}]" if is_batch else "".join(texts)
        reply = json_reply(text)
        if faults.whole == "truncated_wrong_length":
            return reply._replace(body=reply.body[: len(reply.body) // 2])
        return reply

    def _before_answer(self, calls: list[Call]) -> None:
        if self.knobs.on_request:
            self.knobs.on_request(calls)
        if self.knobs.clock:
            self.chain.grow_to(self.knobs.clock())

    def _texts(self, calls: list[Call], is_batch: bool, faults: DrawnFaults) -> list[str]:
        calls = [call for call in calls if call.id is not msgspec.UNSET]
        with self.chain.lock:
            texts = [self._methods.answer(call) for call in calls]
        if is_batch and self.knobs.response_bytes_limit:
            texts = cut_to_size(calls, texts, self.knobs.response_bytes_limit)
        if faults.elements:
            texts = self._spoiled(calls, texts, is_batch, faults)
        if faults.shuffled:
            self._faults.rng.shuffle(texts)
        return texts

    def _spoiled(self, calls: list[Call], texts: list[str], is_batch: bool, faults: DrawnFaults) -> list[str]:
        spoiled: list[str] = []
        for call, right, fault in zip(calls, texts, faults.elements, strict=False):
            rng = self._faults.rng
            spoiled += spoiled_elements(call, right, fault, is_batch, rng) if fault else [right]
        return spoiled


def _refused_unread(method: str, body: bytes) -> Reply | None:
    if method == "GET" and not body:
        return Reply(200, b"")
    if method != "POST":
        return plain_reply(405, "method not allowed\n")
    if len(body) > _LARGEST_BODY:
        return plain_reply(413, "content length too large\n")
    return None


def _unreadable(body: bytes, is_batch: bool) -> Reply:
    try:
        parsed = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return json_reply(error_text(None, -32700, "parse error"))
    return json_reply(error_text(None, -32600, "empty batch" if is_batch and not parsed else "invalid request"))


def _headers(reply: Reply) -> Headers:
    headers = [(b"content-type", reply.content_type), (b"vary", b"Origin")]
    if reply.retry_after_seconds is not None:
        headers.append((b"retry-after", str(reply.retry_after_seconds).encode()))
    return [*headers, (b"content-length", str(len(reply.body)).encode())]


async def _send(reply: Reply, send: Send) -> None:
    await send_whole(reply.status, _headers(reply), reply.body, send)
