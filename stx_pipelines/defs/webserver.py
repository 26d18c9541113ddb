"""Dagster's webserver, which answers its own UI and no other page: `python -m stx_pipelines.defs.webserver`.

Options are those of `dagster-webserver`. The UI knows no passwords, and a page of another site can make a browser send
requests to this machine. UI_HOST and UI_ALLOWED_HOSTS are read from the environment, like PORT.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterable
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from dagster_webserver import app, cli
from dagster_webserver.webserver import DagsterWebserver
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_PORTS = {"http": 80, "https": 443}


class Address(NamedTuple):
    """A host, in lower case and without brackets, and its port if one is named."""

    host: str
    port: int | None


def address_of(text: str) -> Address | None:
    """What a Host header, a setting or an origin (`https://host:port`) names; None if it is no address."""
    try:
        parts = urlsplit(text if "://" in text else f"//{text}")
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None
    return Address(parts.hostname, port) if parts.hostname else None


def allowed_hosts() -> frozenset[str]:
    """The names by which the UI may be asked for. Raises ValueError for one that is none."""
    named = [os.environ.get("UI_HOST", ""), *os.environ.get("UI_ALLOWED_HOSTS", "").split(",")]
    hosts = {"localhost", "127.0.0.1", "::1", socket.gethostname().lower()}
    for name in filter(None, map(str.strip, named)):
        an_ipv6_address = name.count(":") > 1 and "[" not in name
        address = address_of(f"[{name}]" if an_ipv6_address else name)
        if address is None or " " in name:
            raise ValueError(f"UI_ALLOWED_HOSTS or UI_HOST: {name!r} is no host name (separate several by commas)")
        hosts.add(address.host)
    return frozenset(hosts)


class OwnPagesOnly:
    """Middleware that refuses with 403 what a page of another site made the browser send."""

    def __init__(self, app: ASGIApp, hosts: Iterable[str]) -> None:
        self._app = app
        self._hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on."""
        refusal = self._refusal(HTTPConnection(scope)) if scope["type"] in ("http", "websocket") else None
        if refusal:
            await PlainTextResponse(f"{refusal}\n", status_code=403)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _refusal(self, asked: HTTPConnection) -> str | None:
        said = asked.headers.get("host", "")
        host = address_of(said)
        if host is None or host.host not in self._hosts:
            return (
                f"Refused: the UI does not know the host {said!r}. If it is yours, name it in UI_ALLOWED_HOSTS "
                "(names separated by commas, in the environment of `make up`) and start again."
            )
        if asked.scope["type"] == "http" and asked.scope["method"] in ("GET", "HEAD"):
            if asked.scope["path"].rstrip("/").endswith("/graphql") and "query" in asked.query_params:
                return "Refused: GraphQL is asked by POST here. An image in any page can send a GET."
            return None
        origin = asked.headers.get("origin")
        if origin is not None and not _same(origin, host):
            return (
                f"Refused: a page of {origin!r} asks, and the UI is {said!r}. A proxy in front of the UI must pass on "
                "the Host header as the browser sent it, and UI_ALLOWED_HOSTS must name that host."
            )
        return None


def _same(origin: str, host: Address) -> bool:
    """Whether a page of this origin came from this host; a proxy may have spoken https where http arrives."""
    usual_port = _PORTS.get(origin.partition("://")[0].lower())
    return usual_port is not None and address_of(origin) == host._replace(port=host.port or usual_port)


class GuardedWebserver(DagsterWebserver[Any, Any]):
    """Dagster's webserver behind `OwnPagesOnly`."""

    def build_middleware(self) -> list[Middleware]:
        """The guard first, then Dagster's own."""
        return [Middleware(OwnPagesOnly, hosts=allowed_hosts()), *super().build_middleware()]


def main() -> None:
    """Run `dagster-webserver` with the guard."""
    try:
        allowed_hosts()
    except ValueError as error:
        sys.exit(str(error))
    # The command has no option for the class it serves.
    app.DagsterWebserver = GuardedWebserver  # type: ignore[attr-defined]
    cli.main()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
