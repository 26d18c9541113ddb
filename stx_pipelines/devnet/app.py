"""The devnet as one ASGI application.

This module chooses the chain of a request. It does not make responses (stacks/, ethereum/, control.py) or open sockets
(server.py).
"""

from starlette.types import Receive, Scope, Send

from stx_pipelines.devnet.control import CONTROL_PATH, Control
from stx_pipelines.devnet.ethereum.control import ethereum_routes
from stx_pipelines.devnet.ethereum.rpc import ETHEREUM_PATH, EthereumRpc
from stx_pipelines.devnet.prices import PRICES_PATH, PricesApi
from stx_pipelines.devnet.sending import read_body
from stx_pipelines.devnet.stacks.answers import Answer, Caching, dumps, no_route
from stx_pipelines.devnet.stacks.api import StacksApi, send_answer
from stx_pipelines.devnet.stacks.control import stacks_routes


class DevnetApp:
    """An application that passes each request to its chain. Requests for a chain that is not served get a 404."""

    def __init__(self, stacks: StacksApi | None, ethereum: EthereumRpc | None, prices: PricesApi | None = None) -> None:
        """Serve these chains and prices. None leaves a chain out."""
        self._prices = prices or PricesApi()
        self._stacks = stacks
        self._ethereum = ethereum
        self._control = Control(
            (stacks_routes(stacks.chain, stacks.knobs, stacks.stats) if stacks else {})
            | (ethereum_routes(ethereum.chain, ethereum.knobs, ethereum.stats) if ethereum else {})
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = scope["path"]
        if self._ethereum and path.rstrip("/") == ETHEREUM_PATH:
            await self._ethereum(scope, receive, send)
        elif path.startswith(f"{PRICES_PATH}/"):
            await self._prices(scope, receive, send)
        elif path.startswith(CONTROL_PATH):
            status, value = self._control.answer(scope["method"], path, await read_body(receive))
            await send_answer(Answer(status, dumps(value), caching=Caching.SILENT), scope, send)
        elif self._stacks:
            await self._stacks(scope, receive, send)
        else:
            await send_answer(no_route(path), scope, send)
