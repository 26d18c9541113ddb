"""The devnet as a process: in a thread of a test, or in the foreground.

Belongs here: sockets, uvicorn, starting and stopping. Not here: answers (stacks_api.py).
"""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from stx_pipelines.devnet.faults import Knobs, Stats
from stx_pipelines.devnet.stacks_api import HANG_UP, StacksApi
from stx_pipelines.devnet.stacks_chain import StacksChain

_HOST = "127.0.0.1"
_START_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Devnet:
    """A running devnet: where it listens, and what can be looked at and turned while it runs."""

    url: str
    chain: StacksChain
    knobs: Knobs
    stats: Stats


class _Protocol(HttpToolsProtocol):
    """uvicorn's protocol, which lets the application close the connection: ASGI has no word for that."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        scope: Any = self.scope
        scope["extensions"] = {HANG_UP: self.transport.close}


@contextmanager
def serve(chain: StacksChain, knobs: Knobs | None = None, port: int = 0) -> Iterator[Devnet]:
    """Serve a chain from a thread until the block ends; port 0 is any free one."""
    knobs, stats = knobs or Knobs(), Stats()
    listener = _listen(port)
    server = uvicorn.Server(_config(StacksApi(chain, knobs, stats)))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="devnet", daemon=True)
    thread.start()
    try:
        _await_start(server, thread)
        yield Devnet(f"http://{_HOST}:{listener.getsockname()[1]}", chain, knobs, stats)
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def run(chain: StacksChain, knobs: Knobs, host: str, port: int, follow_clock: bool) -> None:
    """Serve a chain in the foreground until interrupted; with `follow_clock` it grows as time passes."""
    if follow_clock:
        knobs.clock = lambda: datetime.now(UTC)
    uvicorn.Server(_config(StacksApi(chain, knobs, Stats()), host=host, port=port)).run()


def _config(app: StacksApi, **where: Any) -> uvicorn.Config:
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
        **where,
    )


def _listen(port: int) -> socket.socket:
    listener = socket.create_server((_HOST, port), backlog=2048)
    listener.setblocking(False)
    return listener


def _await_start(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise RuntimeError("the devnet did not start")
        time.sleep(0.005)
