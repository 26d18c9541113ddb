"""The Stacks API as an ASGI application.

This module defines the order of the steps for one request: counting, limit, faults, clock, correct response, sending.
Correct responses are made in router.py, faults in faults.py, the rate limit and the counters in traffic.py.
"""

import asyncio
from dataclasses import replace
from json import loads
from time import monotonic
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope, Send

from stx_pipelines.devnet.sending import Headers, hang_up, header, send_half, send_whole
from stx_pipelines.devnet.stacks.answers import Answer, Request, wire_headers
from stx_pipelines.devnet.stacks.backends import Backends
from stx_pipelines.devnet.stacks.chain import StacksChain
from stx_pipelines.devnet.stacks.faults import Faults, instead, spoiled, too_many
from stx_pipelines.devnet.stacks.knobs import FaultKind, Knobs
from stx_pipelines.devnet.stacks.router import BURN_LIST, V3_TRANSACTIONS, Route, Router
from stx_pipelines.devnet.stacks.traffic import Allowance, Limiter, Stats, with_allowance


class StacksApi:
    """An ASGI application that responds like the recorded API, except where a knob changes the response."""

    def __init__(self, chain: StacksChain, knobs: Knobs) -> None:
        """Serve this chain. The chain and the knobs may be changed at any time."""
        self.chain = chain
        self.knobs = knobs
        self.stats = Stats()
        self._limiter = Limiter()
        self._faults = Faults(knobs)
        self._router = Router(chain, knobs)
        self._backends = Backends(chain, knobs, self._router)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        arrived = monotonic()
        route, argument = self._backends.draw().find(scope["path"])
        self.stats.arrived(arrived, route.name)
        allowance = self._allowance(arrived)
        fault = self._faults.draw(is_v3_page=route.name == V3_TRANSACTIONS, is_burn_list=route.name == BURN_LIST)
        self.stats.faulted(fault)
        await self._wait(route)
        answer = self._answer(route, _request(scope, argument), allowance, fault)
        refused = answer.status == 429
        dropped = fault == "drop" and not refused
        self.stats.answered(arrived, route.name, 0 if dropped else answer.status)
        if dropped:
            await hang_up(scope, receive)
        elif fault == "truncated" and not refused:
            await send_half(answer.status, headers_for(answer, scope), answer.body, scope, receive, send)
        else:
            await send_answer(answer, scope, send, self.knobs.drip_seconds)

    def _allowance(self, now: float) -> Allowance | None:
        limit = self.knobs.requests_per_minute
        return self._limiter.ask(now, limit, self.knobs.limit_window_seconds) if limit else None

    async def _wait(self, route: Route) -> None:
        extra = self.knobs.list_latency_seconds if route.name == BURN_LIST else 0.0
        if self.knobs.latency_seconds + extra > 0:
            await asyncio.sleep(self.knobs.latency_seconds + extra)

    def _answer(self, route: Route, request: Request, allowance: Allowance | None, fault: FaultKind | None) -> Answer:
        self._before_answer(request)
        if allowance and not allowance.allowed:
            return with_allowance(too_many(allowance.reset_seconds), allowance)
        answer = self._faulty(fault, route, request) if fault else self._router.answer(route, request)
        return with_allowance(answer, allowance) if allowance else answer

    def _before_answer(self, request: Request) -> None:
        if self.knobs.on_request:
            self.knobs.on_request(request.path)
        if self.knobs.clock:
            self.chain.grow_to(self.knobs.clock())

    def _faulty(self, fault: FaultKind, route: Route, request: Request) -> Answer:
        other = instead(fault, self.knobs.retry_after_seconds)
        if other:
            return other
        if fault == "repeated_page":
            return self._another_page(route, request)
        return spoiled(fault, self._router.answer(route, request))

    def _another_page(self, route: Route, request: Request) -> Answer:
        """Return the page before the requested page, or the page after it if there is none before."""
        answer = self._router.answer(route, replace(request, if_none_match=""))
        cursor = loads(answer.body).get("cursor", {})
        wanted = cursor.get("previous") or cursor.get("next")
        if wanted is None:
            return answer
        return self._router.answer(route, replace(request, query={**request.query, "cursor": wanted}))


def _request(scope: Scope, argument: str) -> Request:
    query = scope["query_string"].decode()
    path = f"{scope['path']}?{query}" if query else scope["path"]
    return Request(path, argument, dict(parse_qsl(query)), header(scope, b"if-none-match"))


def headers_for(answer: Answer, scope: Scope) -> Headers:
    """Return the headers of the response to this request."""
    return wire_headers(answer, keep_alive=header(scope, b"connection").lower() != "close")


async def send_answer(answer: Answer, scope: Scope, send: Send, drip_seconds: float = 0.0) -> None:
    """Send a whole response with its headers."""
    await send_whole(answer.status, headers_for(answer, scope), answer.body, send, drip_seconds)
