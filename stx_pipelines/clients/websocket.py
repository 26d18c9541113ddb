"""Connections to a node through WebSocket: the library that web3's provider uses, within our limits.

web3's own provider cannot be stopped, because it is asynchronous. This module does not interpret responses. They mean
the same as over HTTP. Import this module inside functions, because its library comes with the extra `[ethereum]`.
"""

from __future__ import annotations

import logging
import socket
import ssl
import weakref
from collections import deque
from collections.abc import Mapping
from urllib.parse import urlsplit

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.protocol import State
from websockets.sync.client import ClientConnection, connect

from stx_pipelines.clients import body as bodies
from stx_pipelines.clients.exchange import Exchange, Late, hold
from stx_pipelines.clients.response import LATE, Answer, Broken, Limits, NoAddress

_CUT = "the connection broke before the answer was whole"
_TOO_BIG = 1009  # the code of a connection that is closed because a message is too large
_SECONDS_TO_CLOSE = 1.0
_PORTS = {"ws": 80, "wss": 443}


class WebSocketConnections:
    """Connections to one server, kept open. Each is used by one exchange at a time. Thread-safe."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        """Keep the address and the headers of the handshake. The first request opens a connection."""
        self._url, self._headers = url, headers
        self._idle: deque[ClientConnection] = deque()
        weakref.finalize(self, _close, self._idle)  # each connection has a thread, which would never end
        logging.getLogger("websockets").setLevel(logging.ERROR)  # at other levels it logs headers and addresses

    def exchange(
        self, _method: str, _path: str, _headers: Mapping[str, str] | None, body: bytes | None, limits: Limits
    ) -> Answer:
        """Send a request and return the whole response. Raises `Broken`, `NoAddress`, `TooMuch` and `Stopped`.

        A server that refuses the handshake has responded with an HTTP status.
        """
        try:
            with Exchange(limits.whole, limits.stop):
                return Answer(200, {}, self._sent((body or b"").decode(), limits.wait))
        except Late as error:
            trouble: Exception = Broken(str(error), slow=True)
        except InvalidStatus as error:
            refused = error.response
            headers = {name.lower(): value for name, value in refused.headers.raw_items()}
            return Answer(refused.status_code, headers, bytes(refused.body or b""))
        except ConnectionClosed as error:
            is_too_big = error.sent is not None and error.sent.code == _TOO_BIG
            trouble = bodies.TooMuch(f"sent more than {bodies.MOST // 2**20} MiB") if is_too_big else Broken(_CUT)
        except (InvalidHandshake, EOFError):
            trouble = Broken("the server did not answer the handshake of a WebSocket")
        except TimeoutError:
            trouble = Broken(LATE, slow=True)
        except ssl.SSLCertVerificationError as error:
            trouble = NoAddress(f"its certificate is not accepted: {error.verify_message}")
        except OSError as error:
            trouble = Broken("connection refused" if isinstance(error, ConnectionRefusedError) else _reason(error))
        except ValueError:  # the library follows no redirect with a socket of ours
            trouble = NoAddress("it redirects to another address, which is not followed")
        raise trouble

    def _sent(self, request: str, wait: float) -> bytes:
        connection = self._kept() or self._opened(wait)
        try:
            connection.send(request)
            response = connection.recv(wait, decode=False)
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)
        return bytes(response)

    def _kept(self) -> ClientConnection | None:
        """Return an open connection that no exchange uses."""
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:  # another thread took it
                return None
            if connection.protocol.state is State.OPEN:
                hold(connection.socket)
                return connection
        return None

    def _opened(self, wait: float) -> ClientConnection:
        parts = urlsplit(self._url)
        sock = socket.create_connection((parts.hostname, parts.port or _PORTS[parts.scheme]), wait)
        hold(sock, copy=True)  # before the handshakes, which a server can delay
        return connect(
            self._url,
            sock=sock,
            additional_headers=self._headers,
            compression=None,
            open_timeout=wait,
            ping_interval=None,
            close_timeout=_SECONDS_TO_CLOSE,
            max_size=bodies.MOST,
        ).__enter__()  # a connection outlives this exchange


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__


def _close(connections: deque[ClientConnection]) -> None:
    while connections:
        connections.pop().close()
