"""Connections to one server, kept alive in a pool of urllib3, and plain messages for their errors.

Import this module inside functions. It imports `requests`, which would slow down the start of every command.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import requests
from requests.adapters import HTTPAdapter
from urllib3 import BaseHTTPResponse, HTTPConnectionPool
from urllib3.connection import HTTPConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ReadTimeoutError, SSLError

from stx_pipelines.clients.body import ENCODING, PIECE, Undecodable, whole
from stx_pipelines.clients.exchange import Exchange, Late, hold
from stx_pipelines.clients.response import LATE, Answer, Broken, Limits, NoAddress
from stx_pipelines.version import PRODUCT

if TYPE_CHECKING:
    _Base = HTTPConnection
else:
    _Base = object

_MOST_IDLE = 256
"""The number of connections kept alive. No client has more threads."""


class _Route(NamedTuple):
    """The way to a server: its connections and the `headers` of every request.

    `root` is the target of a request with an empty path. `start` precedes every other path.
    """

    pool: HTTPConnectionPool
    headers: dict[str, str]
    root: str
    start: str


class Connections:
    """Connections to one server, usable by several threads. `headers` are sent with every request."""

    def __init__(self, base_url: str, headers: Mapping[str, str]) -> None:
        """Store the address and the headers. The first request opens a connection."""
        self._base_url = base_url
        self._headers = headers

    def exchange(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None,
        body: bytes | None,
        limits: Limits,
        *,
        read_body: bool = True,
    ) -> Answer:
        """Send a request and return the whole response. A redirect is not followed.

        If `read_body` is false, the body is empty and the connection is closed. Raises `Broken`, `NoAddress`,
        `TooMuch` and `Stopped`. Error messages of the libraries are not repeated, because they may contain the address.
        """
        try:
            with Exchange(limits.whole, limits.stop) as exchange:
                response = self._send(method, path, headers, body, limits.wait)
                if read_body:
                    return Answer(response.status, response.headers, _body(response, exchange))
                response.close()
                return Answer(response.status, response.headers, b"")
        except (Late, Undecodable) as error:
            trouble: Exception = Broken(str(error), slow=isinstance(error, Late))
        except (requests.RequestException, ValueError) as error:  # a malformed address, proxy or header
            trouble = NoAddress(type(error).__name__)
        except HTTPError as error:
            slow = isinstance(error, ReadTimeoutError | ConnectTimeoutError)
            slow = slow and not isinstance(error, NewConnectionError)  # not a time-out, although a subclass
            trouble = Broken(LATE if slow else _plain(error), slow=slow)
        except OSError:
            trouble = NoAddress("no certificates where REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE or SSL_CERT_FILE points")
        raise trouble

    def _send(
        self, method: str, path: str, headers: Mapping[str, str] | None, body: bytes | None, wait: float
    ) -> BaseHTTPResponse:
        route = self._route
        return route.pool.urlopen(
            method,
            route.start + path if path else route.root,
            body=body,
            headers={**route.headers, **headers} if headers else route.headers,
            timeout=wait,
            retries=False,
            redirect=False,
            assert_same_host=False,  # the pool of an HTTP proxy has the proxy's name
            preload_content=False,
            decode_content=False,
        )

    @cached_property
    def _route(self) -> _Route:
        """The way to the server. `requests` reads proxies and certificates from the environment, once.

        Raises `requests.RequestException`, ValueError or OSError if an address, a proxy or a certificate is unusable.
        """
        session = requests.Session()
        found = session.merge_environment_settings(self._base_url, {}, None, None, None)
        verify, proxies = found["verify"], found["proxies"]
        if verify is True:
            verify = os.environ.get("SSL_CERT_FILE") or True
        session.trust_env = False  # passwords are taken from the address, never from ~/.netrc
        headers = {"user-agent": PRODUCT, "accept-encoding": ENCODING, **self._headers}
        first = session.prepare_request(requests.Request("GET", self._base_url, headers=headers))
        adapter = HTTPAdapter(pool_maxsize=_MOST_IDLE)
        pool: Any = adapter.get_connection_with_tls_context(first, verify, proxies)
        adapter.cert_verify(pool, first.url, verify, None)  # type: ignore[no-untyped-call]
        pool.ConnectionCls = held(pool.ConnectionCls)
        root = adapter.request_url(first, proxies)
        # `requests` adds a slash to an address without a path.
        start = root if self._base_url.endswith("/") else root.removesuffix("/")
        return _Route(pool, dict(first.headers), root, start)


@cache
def held(kind: type[Any]) -> type[Any]:
    """Return a subclass of this connection class of urllib3. An exchange that ends early shuts down its sockets."""
    return kind if issubclass(kind, _Held) else type(f"Held{kind.__name__}", (_Held, kind), {})


class _Held(_Base):
    def _new_conn(self) -> socket.socket:
        # The socket is held before the handshake with a proxy or TLS, because a server can delay a handshake.
        sock: socket.socket = super()._new_conn()
        hold(sock, copy=True)
        return sock

    def request(self, *args: Any, **named: Any) -> None:
        """Send a request. The socket may be one of an earlier exchange."""
        if self.sock is not None:
            hold(getattr(self.sock, "socket", self.sock))  # TLS through an HTTPS proxy wraps the proxy's socket
        super().request(*args, **named)


def _body(response: BaseHTTPResponse, exchange: Exchange) -> bytes:
    """Read and return the body. The connection is used again only if the body was read to the end."""
    try:
        pieces = response.stream(PIECE, decode_content=False)
        body = whole(pieces, response.headers.get("content-encoding", ""), exchange.check)
    except BaseException:
        response.close()
        raise
    # If the time of this exchange ends just after the pool passed the connection on, the next exchange is retried.
    response.release_conn()  # urllib3 does not do this after a response without a body
    return body


def _plain(error: HTTPError) -> str:
    """Return the reason why the connection failed. The libraries' own messages would contain the address."""
    if isinstance(error, SSLError):
        return f"the secure connection failed: {error}"
    shown = repr(error)
    if "NameResolutionError" in shown:
        return "the host name is not known"
    if "Connection refused" in shown:
        return "connection refused"
    return "the connection broke before the response was whole"
