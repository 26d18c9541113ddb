"""A node at an IPC socket: the small node of `node.py`, or any bytes. Not here: tests (test_*.py)."""

from __future__ import annotations

import json
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from stx_pipelines_tests.clients.node import Node

Talk = Callable[[bytes], Iterator[bytes]]
"""Takes a request and gives the pieces of its response; an empty piece closes the connection."""


@dataclass
class Listener:
    """The path of a socket, and what it received."""

    path: Path
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    asked: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"ipc://{self.path}"


def answers_of(node: Node) -> Talk:
    """Respond like this node, faults included. A fault with status 0 closes the connection."""

    def talk(request: bytes) -> Iterator[bytes]:
        status, _, body = node.answer(request)
        yield body + b"\n" if status else b""

    return talk


@contextmanager
def socket_folder() -> Iterator[Path]:
    """Make a folder with a short path, because the path of a socket must be short."""
    folder = Path(tempfile.mkdtemp(prefix="stx-ipc-", dir="/tmp"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def listening(path: Path, talk: Talk) -> Iterator[Listener]:
    """Run a server at this socket until the block ends; then its connections are closed and the file is gone."""
    listener, connections = Listener(path), list[socket.socket]()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(str(path))
        server.listen(64)
        threading.Thread(target=_accept, args=(server, listener, talk, connections), daemon=True).start()
        try:
            yield listener
        finally:
            path.unlink()
            for each in (server, *connections):
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)


def _accept(server: socket.socket, listener: Listener, talk: Talk, connections: list[socket.socket]) -> None:
    with suppress(OSError):
        while True:
            connection, _ = server.accept()
            listener.connections += 1
            connections.append(connection)
            threading.Thread(target=_serve, args=(connection, listener, talk), daemon=True).start()


def _serve(connection: socket.socket, listener: Listener, talk: Talk) -> None:
    with connection, suppress(OSError):
        while request := _request(connection):
            listener.requests.append(request)
            listener.asked.set()
            for piece in talk(request):
                if not piece:
                    return
                connection.sendall(piece)


def _request(connection: socket.socket) -> bytes:
    """Read one request, which may come in parts; nothing once the client has left."""
    request = b""
    while part := connection.recv(65536):
        request += part
        with suppress(ValueError):
            json.loads(request)
            return request
    return b""
