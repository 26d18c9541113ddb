"""Sessions of `requests` that read no answer by themselves and whose sockets the exchange under way can shut down.

Imported where it is used: who only looks at coverage never needs `requests`.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool
from urllib3.connection import HTTPConnection

from stx_pipelines.clients.body import ENCODING
from stx_pipelines.clients.exchange import hold

if TYPE_CHECKING:
    _Base = HTTPConnection
else:
    _Base = object


def new_session(base_url: str, headers: Mapping[str, str]) -> requests.Session:
    """One connection to one server."""
    session = _Session()
    session.headers.update({"accept-encoding": ENCODING, **headers})
    # Proxies and certificates from the environment, looked up once instead of at every request.
    session.proxies = dict(requests.utils.get_environ_proxies(base_url))
    session.verify = session.merge_environment_settings(base_url, {}, None, None, None)["verify"]
    session.trust_env = False
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter(pool_connections=1, pool_maxsize=1))
    return session


class _Session(requests.Session):
    """A session that looks for no redirect: to do so reads the whole body, however large."""

    def get_redirect_target(self, _: requests.Response) -> None:
        """None, for every answer."""


class _Adapter(HTTPAdapter):
    """An adapter whose connections are held, also those through a proxy."""

    def get_connection_with_tls_context(self, *args: Any, **named: Any) -> HTTPConnectionPool:
        """The pool for a request."""
        pool: HTTPConnectionPool = super().get_connection_with_tls_context(*args, **named)  # type: ignore[assignment]
        pool.ConnectionCls = held(pool.ConnectionCls)
        return pool


@cache
def held(kind: type[Any]) -> type[Any]:
    """This kind of urllib3's connections, whose sockets the exchange under way shuts down when it ends too soon."""
    return kind if issubclass(kind, _Held) else type(f"Held{kind.__name__}", (_Held, kind), {})


class _Held(_Base):
    def _new_conn(self) -> socket.socket:
        # Before a proxy or TLS has its say: each of them can keep a client waiting.
        sock: socket.socket = super()._new_conn()
        hold(sock, copy=True)
        return sock

    def request(self, *args: Any, **named: Any) -> None:
        """Send a request, perhaps through a socket of an earlier exchange."""
        if self.sock is not None:
            hold(getattr(self.sock, "socket", self.sock))  # TLS inside a proxy's TLS has the proxy's socket inside
        super().request(*args, **named)
