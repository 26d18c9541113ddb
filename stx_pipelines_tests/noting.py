"""Servers that note who asked them, with which key, and know nothing. Not here: claims (test_*.py)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Noting:
    """A server's address, and the key of each request it got (None: without one)."""

    url: str
    keys: list[str | None] = field(default_factory=list)
    asked: threading.Event = field(default_factory=threading.Event)


@contextmanager
def noting_server() -> Iterator[Noting]:
    """A server that answers 404 to everything."""
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
