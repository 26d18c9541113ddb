"""The routes of the Stacks API: finding the route of a path, and its correct response.

This module handles paths, conditional requests and the knobs that switch whole routes off. It does not make the content
of a response (routes_*.py), limits (traffic.py) or faults (faults.py).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from stx_pipelines.devnet.stacks.answers import Answer, RefusedError, Request, gone, no_route
from stx_pipelines.devnet.stacks.chain import StacksChain
from stx_pipelines.devnet.stacks.knobs import Knobs
from stx_pipelines.devnet.stacks.routes_accounts import AccountRoutes
from stx_pipelines.devnet.stacks.routes_node import NodeBlocks
from stx_pipelines.devnet.stacks.routes_v1 import V1Transactions
from stx_pipelines.devnet.stacks.routes_v2 import V2Blocks
from stx_pipelines.devnet.stacks.routes_v3 import V3Pages

V3_TRANSACTIONS = "v3/transactions"
BURN_LIST = "v2/burn-blocks"
_V1 = "v1/tx"


@dataclass(frozen=True, slots=True)
class Route:
    """A route with the short name under which its requests are counted."""

    name: str
    handler: Callable[[Request], Answer]


class Router:
    """All routes of one chain. One request is answered at a time."""

    def __init__(self, chain: StacksChain, knobs: Knobs) -> None:
        """Build every route over this chain."""
        self._chain = chain
        self._knobs = knobs
        v3, v2, v1 = V3Pages(chain, knobs), V2Blocks(chain, knobs), V1Transactions(chain, knobs)
        node, accounts = NodeBlocks(chain, knobs), AccountRoutes(chain, knobs)
        self._exact = {
            "/extended": Route("extended", v2.status),
            "/extended/v3/transactions": Route(V3_TRANSACTIONS, v3.transactions),
            "/extended/v2/blocks": Route("v2/blocks", v2.blocks),
            "/extended/v2/burn-blocks": Route(BURN_LIST, v2.burn_blocks),
            "/extended/v1/tx": Route(_V1, v1.transactions),
        }
        self._patterns = [
            (
                re.compile(r"/extended/v3/blocks/([^/]+)/transactions"),
                Route("v3/blocks/transactions", v3.of_block),
            ),
            (
                re.compile(r"/extended/v2/blocks/by-block-time/([^/]+)"),
                Route("v2/by-block-time", v2.block_by_time),
            ),
            (re.compile(r"/extended/v2/blocks/([^/]+)"), Route("v2/blocks/one", v2.block)),
            (re.compile(r"/extended/v2/burn-blocks/([^/]+)"), Route("v2/burn-blocks/one", v2.burn_block)),
            (
                re.compile(r"/extended/v3/principals/([^/]+)/transactions"),
                Route("v3/principals/transactions", accounts.transactions),
            ),
            (re.compile(r"/v2/accounts/([^/]+)"), Route("node/account", accounts.account)),
            (re.compile(r"/v3/blocks/([0-9a-f]{64})"), Route("node/block", node.block)),
            (re.compile(r"/v3/blocks/height/([0-9]{1,18})"), Route("node/block-at", node.block_at)),
            (re.compile(r"/v3/tenures/([0-9a-f]{64})"), Route("node/tenure", node.tenure)),
            (re.compile(r"/v3/tenures/blocks/height/([0-9]{1,18})"), Route("node/tenure-blocks", node.tenure_blocks)),
        ]
        self._unknown = Route("unknown", lambda request: no_route(request.path))

    def find(self, path: str) -> tuple[Route, str]:
        """Return the route of a path and the variable part of the path."""
        path = path.rstrip("/")
        exact = self._exact.get(path)
        if exact:
            return exact, ""
        for pattern, route in self._patterns:
            found = pattern.fullmatch(path)
            if found:
                return route, found.group(1)
        return self._unknown, ""

    def answer(self, route: Route, request: Request) -> Answer:
        """Return the correct response, made from one state of the chain."""
        if route.name == _V1 and self._knobs.v1_gone:
            return gone()
        if route.name.startswith("v3/") and self._knobs.v3_missing:
            return no_route(request.path)
        if route.name.startswith("node/") and self._knobs.node_missing:
            return no_route(request.path)
        with self._chain.lock:
            try:
                answer = route.handler(request)
            except RefusedError as refused:
                answer = refused.answer
        return _conditional(answer, request.if_none_match)


def _conditional(answer: Answer, if_none_match: str) -> Answer:
    """Return a 304 if the client sent the response's etag, else the response. All pages of a list have one etag."""
    known = {tag.strip().removeprefix("W/").strip('"') for tag in if_none_match.split(",")}
    return Answer(304, b"", answer.etag) if answer.etag and answer.etag in known else answer
