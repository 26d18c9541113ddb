"""Connections to a node on this machine through its IPC socket: web3's provider, within our limits.

This module does not interpret responses. They mean the same as over HTTP. Import this module inside functions, because
web3 is the extra `[ethereum]`.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Mapping
from json import JSONDecodeError
from typing import Any

import msgspec
from web3.providers.ipc import IPCProvider, PersistentSocket

from stx_pipelines.clients import body as bodies
from stx_pipelines.clients.exchange import Exchange, Late, hold
from stx_pipelines.clients.response import LATE, Answer, Broken, Limits, NoAddress

_NEVER = 10**9  # seconds; web3's own limit must not apply, because the exchange has a limit
_CUT = "the connection broke before the answer was whole"


class IpcConnections:
    """Connections to one socket, kept open. Each is used by one exchange at a time. Thread-safe."""

    def __init__(self, path: str) -> None:
        """Keep the path. The first request opens a connection."""
        self._path = path
        self._idle: deque[_Provider] = deque()

    def exchange(
        self, _method: str, _path: str, _headers: Mapping[str, str] | None, body: bytes | None, limits: Limits
    ) -> Answer:
        """Send a request and return the whole response. Raises `Broken`, `NoAddress`, `TooMuch` and `Stopped`."""
        try:
            provider = self._idle.pop()
        except IndexError:
            provider = _Provider(self._path)
        try:
            with Exchange(limits.whole, limits.stop):
                answer = Answer(200, {}, provider.sent(body or b"", limits.wait))
        except Late as error:
            trouble: Exception = Broken(str(error), slow=True)
        except TimeoutError:
            trouble = Broken(LATE, slow=True)
        except FileNotFoundError:
            trouble = Broken("the socket does not exist")
        except (ConnectionError, BlockingIOError) as error:
            trouble = Broken("connection refused" if isinstance(error, ConnectionRefusedError) else _CUT)
        except OSError as error:
            trouble = NoAddress(error.strerror or str(error))
        else:
            self._idle.append(provider)
            return answer
        raise trouble


class _Provider(IPCProvider):
    """web3's provider with requests and responses as bytes, which `json_rpc` writes and reads."""

    def __init__(self, path: str) -> None:
        super().__init__(path, timeout=_NEVER)
        self._socket: Any = _Connection(path)

    def sent(self, body: bytes, wait: float) -> bytes:
        """Send a request and return its response. `wait` bounds each wait for the node, in seconds."""
        self._socket.wait = wait
        response: Any = self.make_request("", body)
        return bytes(response)

    def encode_rpc_request(self, _method: str, params: Any) -> bytes:
        return bytes(params)

    @staticmethod
    def decode_rpc_response(raw_response: bytes) -> Any:
        """Return the response if it is whole; web3 reads on after a `JSONDecodeError`."""
        try:
            msgspec.json.decode(raw_response, type=msgspec.Raw)
        except msgspec.DecodeError:
            raise JSONDecodeError("not whole", "", 0) from None
        except RecursionError:
            pass  # `json_rpc` refuses it
        return raw_response


class _Connection(PersistentSocket):
    """web3's socket that reconnects, held by the exchange that uses it."""

    wait = 0.0
    sock: _Bounded | None

    def __enter__(self) -> socket.socket:
        self.sock = self.sock or self._open()
        self.sock.bound(self.wait)
        return self.sock

    def _open(self) -> _Bounded:
        sock = _Bounded(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.bound(self.wait)  # before it connects, which may take time too
        sock.connect(self.ipc_path)
        return sock


class _Bounded(socket.socket):
    """A socket with limits for web3. Without them, web3 waits for a silent node, and reads without end."""

    _left = 0

    def bound(self, wait: float) -> None:
        """Begin a response with the limits of this thread's exchange."""
        self._left = bodies.MOST
        self.settimeout(wait)
        hold(self)

    def recv(self, _size: int, _flags: int = 0) -> bytes:
        """Return the next bytes. Raises `Broken` where web3 would wait, and `TooMuch`."""
        try:
            piece = super().recv(bodies.PIECE)
        except TimeoutError:
            raise Broken(LATE, slow=True) from None
        if not piece:
            raise Broken(_CUT)
        self._left -= len(piece)
        if self._left < 0:
            raise bodies.TooMuch(f"sent more than {bodies.MOST // 2**20} MiB")
        return piece
