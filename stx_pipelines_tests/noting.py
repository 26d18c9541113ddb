"""A server that records the API key of each request and responds with 404."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Noting:
    """The address of a running server, and the API key of each request, None for a request without a key."""

    url: str
    keys: list[str | None] = field(default_factory=list)
    asked: threading.Event = field(default_factory=threading.Event)


@contextmanager
def noting_server() -> Iterator[Noting]:
    """Run a server that responds to every request with 404, until the `with` block ends."""
    noted: Noting

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            noted.keys.append(self.headers.get("x-api-key"))
            noted.asked.set()
            self.send_error(404)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    noted = Noting(f"http://127.0.0.1:{server.server_address[1]}")
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield noted
    server.shutdown()
    server.server_close()
