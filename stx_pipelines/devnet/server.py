"""The devnet as a running server, in a thread of a test or in the foreground.

This module opens sockets, and starts and stops uvicorn. It does not choose the chain of a request (app.py).
"""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from stx_pipelines.devnet.app import DevnetApp
from stx_pipelines.devnet.ethereum.chain import EthereumChain
from stx_pipelines.devnet.ethereum.knobs import EthereumKnobs
from stx_pipelines.devnet.ethereum.rpc import ETHEREUM_PATH, EthereumRpc
from stx_pipelines.devnet.ethereum.traffic import EthereumStats
from stx_pipelines.devnet.prices import PricesApi
from stx_pipelines.devnet.sending import HANG_UP
from stx_pipelines.devnet.stacks.api import StacksApi
from stx_pipelines.devnet.stacks.chain import StacksChain
from stx_pipelines.devnet.stacks.knobs import Knobs
from stx_pipelines.devnet.stacks.traffic import Stats

_HOST = "127.0.0.1"
_START_SECONDS = 120.0
_Chain = TypeVar("_Chain", StacksApi, EthereumRpc)


@dataclass(frozen=True, slots=True)
class Devnet:
    """A running devnet: its address, its chains, their knobs and counters.

    The properties of a chain raise LookupError if the devnet does not serve that chain.
    """

    url: str
    stacks: StacksApi | None
    ethereum: EthereumRpc | None
    prices: PricesApi

    @property
    def chain(self) -> StacksChain:
        """The Stacks chain."""
        return _served(self.stacks).chain

    @property
    def knobs(self) -> Knobs:
        """The knobs of the Stacks chain."""
        return _served(self.stacks).knobs

    @property
    def stats(self) -> Stats:
        """The counters of the Stacks chain."""
        return _served(self.stacks).stats

    @property
    def ethereum_url(self) -> str:
        """The address of the Ethereum chain."""
        return self.url + ETHEREUM_PATH

    @property
    def ethereum_chain(self) -> EthereumChain:
        """The Ethereum chain."""
        return _served(self.ethereum).chain

    @property
    def ethereum_knobs(self) -> EthereumKnobs:
        """The knobs of the Ethereum chain."""
        return _served(self.ethereum).knobs

    @property
    def ethereum_stats(self) -> EthereumStats:
        """The counters of the Ethereum chain."""
        return _served(self.ethereum).stats


class _Protocol(HttpToolsProtocol):
    """uvicorn's protocol with an additional function that closes the connection. ASGI has no such function."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        scope: Any = self.scope
        scope["extensions"] = {HANG_UP: self.transport.close}


@contextmanager
def serve(
    chain: StacksChain | None,
    knobs: Knobs | None = None,
    port: int = 0,
    *,
    ethereum: EthereumChain | None = None,
    ethereum_knobs: EthereumKnobs | None = None,
) -> Iterator[Devnet]:
    """Serve one chain or both in a thread until the `with` block ends. Port 0 is any free port."""
    stacks_api = StacksApi(chain, knobs or Knobs()) if chain else None
    ethereum_rpc = EthereumRpc(ethereum, ethereum_knobs or EthereumKnobs()) if ethereum else None
    prices = PricesApi()
    listener = listen(_HOST, port)
    server = uvicorn.Server(_config(DevnetApp(stacks_api, ethereum_rpc, prices)))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="devnet", daemon=True)
    thread.start()
    try:
        _await_start(server, thread)
        yield Devnet(f"http://{_HOST}:{listener.getsockname()[1]}", stacks_api, ethereum_rpc, prices)
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def run(
    chain: StacksChain | None,
    knobs: Knobs,
    listener: socket.socket,
    *,
    follow_clock: bool,
    ethereum: EthereumChain | None = None,
    ethereum_knobs: EthereumKnobs | None = None,
) -> None:
    """Serve the chains on the socket of `listen` in the foreground until interrupted, then close the socket.

    With `follow_clock` the chains grow as time passes.
    """
    ethereum_knobs = ethereum_knobs or EthereumKnobs()
    if follow_clock:
        knobs.clock = ethereum_knobs.clock = lambda: datetime.now(UTC)
    app = DevnetApp(
        StacksApi(chain, knobs) if chain else None,
        EthereumRpc(ethereum, ethereum_knobs) if ethereum else None,
    )
    with listener:
        uvicorn.Server(_config(app)).run(sockets=[listener])


def _served(chain: _Chain | None) -> _Chain:
    if chain is None:
        raise LookupError("this devnet does not serve that chain")
    return chain


def _config(app: DevnetApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=_Protocol,
        loop="uvloop",
        ws="none",
        lifespan="off",
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_keep_alive=72,
        timeout_graceful_shutdown=1,
    )


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens on this port; port 0 is any free port. Raises `OSError`, also for a taken port."""
    listener = socket.create_server((host, port), backlog=2048)
    listener.setblocking(False)
    return listener


def _await_start(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise RuntimeError("the devnet did not start")
        time.sleep(0.005)
