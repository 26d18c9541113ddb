"""Fixtures of the client tests: servers that send given responses, and clients of these servers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from stx_pipelines.clients.ethereum_rpc import PASSING, EthereumRpc
from stx_pipelines.clients.http import Http
from stx_pipelines.clients.patience import Patience
from stx_pipelines.clients.rate_limit import Budget
from stx_pipelines_tests.clients import node as node_module
from stx_pipelines_tests.clients.imaginary import Clock
from stx_pipelines_tests.waiting import LONGEST


@dataclass
class Script:
    """A server's responses `(status, headers, body)`, which it sends one after another. The last one is repeated."""

    url: str
    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)

    def say(self, status: int, body: bytes = b"", **headers: str) -> Script:
        self.answers.append((status, {name.replace("_", "-"): value for name, value in headers.items()}, body))
        return self

    def next(self) -> tuple[int, dict[str, str], bytes]:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
def script() -> Iterator[Script]:
    """A running server that sends the responses of its script."""
    told: Script

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            told.asked.append(self.path)
            told.keys.append(self.headers.get("x-api-key"))
            status, headers, body = told.next()
            self.send_response_only(status)  # without the header Date, which would correct an imaginary clock
            for name, value in headers.items():
                self.send_header(name, value)
            if status != 304:
                self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told = Script(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield told
    server.shutdown()
    server.server_close()


@pytest.fixture
def make_http(script: Script) -> Callable[..., Http]:
    """A function that makes clients of the scripted server, with short pauses."""

    def make(headers: dict[str, str] | None = None, url: str = script.url, **patience: Any) -> Http:
        quick: dict[str, Any] = {"attempts": 3, "first_wait": 0.005, "last_wait": 0.01, "timeout": LONGEST}
        return Http(url, Budget(url, 0), Patience(**(quick | patience)), headers or {})

    return make


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of this process's budgets and clients. It shows exactly how long they wait."""
    clock = Clock()
    clock.govern(monkeypatch)
    return clock


@pytest.fixture
def node() -> Iterator[node_module.Node]:
    with node_module.running() as it:
        yield it


@pytest.fixture
def make_rpc(node: node_module.Node) -> node_module.MakeRpc:
    """A function that makes clients of the node, with short pauses."""

    def make(path: str = "", calls_per_second: int = 0, batch_size: int = 100, **patience: Any) -> EthereumRpc:
        quick: dict[str, Any] = {"attempts": 3, "first_wait": 0.005, "last_wait": 0.01, "timeout": LONGEST}
        budget = Budget(node.url, calls_per_second=calls_per_second)
        kept = Patience(statuses=PASSING, **(quick | patience))
        return EthereumRpc(Http(node.url + path, budget, kept, name=node.url), batch_size=batch_size)

    return make
