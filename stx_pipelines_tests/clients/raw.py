"""A server that sends any bytes, even without end. Servers that send whole responses are in conftest.py and node.py."""

from __future__ import annotations

import itertools
import re
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

PAUSE = 0.02  # seconds of a pause, which an empty piece stands for
HEAD = b"HTTP/1.1 200 OK\r\n"

Talk = Iterator[bytes | None]
"""The pieces that a server sends. An empty piece is a pause. None waits for the next request.

The connection is closed after the last piece.
"""


@dataclass
class Raw:
    """A running server and its requests. `over` ends it.

    `asked` is set at the first request. If the server sends first, it is set at the first connection.
    """

    url: str
    port: int
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    asked: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)


def dripping(text: bytes) -> Talk:
    """Send one byte at a time, then nothing more."""
    for byte in text:
        yield bytes([byte])
        yield b""
    yield from silence()


def silence() -> Talk:
    """Send nothing."""
    return itertools.repeat(b"")


def endless(first: bytes, again: bytes, *, slowly: bool = False) -> Talk:
    """Send `first`, then `again` without end, with a pause after each `again` if `slowly` is true."""
    yield first
    while True:
        yield again
        if slowly:
            yield b""


def keeping(answers: Iterable[bytes]) -> Callable[[], Talk]:
    """Return a function that sends these whole responses, one for each request, over any number of connections."""
    left = iter(answers)

    def talk() -> Talk:
        for answer in left:
            yield answer
            yield None

    return talk


@contextmanager
def talking(talk: Callable[[], Talk], *, first: bool = False, tls: ssl.SSLContext | None = None) -> Iterator[Raw]:
    """Run a server until the `with` block ends. It sends the pieces of `talk` over each connection.

    It sends them after a request or, if `first` is true, at once, as a mail server does.
    """
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        raw = Raw(f"http://127.0.0.1:{port}", port)
        threading.Thread(target=_accept, args=(listening, raw, talk, first, tls), daemon=True).start()
        try:
            yield raw
        finally:
            raw.over.set()
            listening.shutdown(socket.SHUT_RDWR)


def certified(path: Path) -> ssl.SSLContext:
    """Write a certificate for `localhost` and return a TLS context for a server. Skip the test without openssl."""
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    command = ["openssl", "req", "-x509", "-nodes", "-newkey", "rsa:2048", "-days", "2", *subject]
    try:
        subprocess.run([*command, "-keyout", f"{path}.key", "-out", path], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("openssl makes no certificate here")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, f"{path}.key")
    return context


def _accept(
    listening: socket.socket, raw: Raw, talk: Callable[[], Talk], first: bool, tls: ssl.SSLContext | None
) -> None:
    with suppress(OSError):
        while True:
            connection, _ = listening.accept()
            raw.connections += 1
            threading.Thread(target=_serve, args=(connection, raw, talk, first, tls), daemon=True).start()


def _serve(plain: socket.socket, raw: Raw, talk: Callable[[], Talk], first: bool, tls: ssl.SSLContext | None) -> None:
    with plain, suppress(OSError), tls.wrap_socket(plain, server_side=True) if tls else plain as connection:
        is_whole = _is_mail if first else _is_http
        if not first and not _is_asked(connection, raw, is_whole):
            return
        raw.asked.set()
        for piece in talk():
            if piece is None and not _is_asked(connection, raw, is_whole):
                return
            if piece == b"":
                raw.over.wait(PAUSE)
            connection.sendall(piece or b"")
            if raw.over.is_set():
                return


def _is_asked(connection: socket.socket, raw: Raw, is_whole: Callable[[bytes], bool]) -> bool:
    """Read and record one request, which may arrive in parts. Return whether it arrived whole."""
    request = b""
    while not is_whole(request):
        part = connection.recv(65536)
        if not part:
            return False
        request += part
    raw.requests.append(request)
    return True


def _is_mail(request: bytes) -> bool:
    return request.endswith(b"\r\n")


def _is_http(request: bytes) -> bool:
    head, end, rest = request.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    return bool(end) and len(rest) >= int(length[1] if length else 0)
