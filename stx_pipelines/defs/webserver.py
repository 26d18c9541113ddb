"""Dagster's webserver, which serves the dashboard page too and refuses requests that do not come from its own pages.

Start it with `python -m stx_pipelines.defs.webserver` and the options of `dagster-webserver`. The restriction is needed
because the UI has no passwords, and a page of another site can make a browser send requests to this machine. UI_HOST
and UI_ALLOWED_HOSTS are read from the environment.
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
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from stx_pipelines.dashboard.policy import HEADERS
from stx_pipelines.defs.service_logs import use_plain_logs
from stx_pipelines.project import Project
from stx_pipelines.settings import SettingsError

_PORTS = {"http": 80, "https": 443}


class Address(NamedTuple):
    """A host name or IP address, in lower case and without brackets, and its port, which is None if it is not known."""

    host: str
    port: int | None


def address_of(text: str) -> Address | None:
    """Return the address in a text, or None if the text has none.

    The text is a Host header, a setting or an origin (`https://host:port`).
    """
    try:
        parts = urlsplit(text if "://" in text else f"//{text}")
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None
    return Address(parts.hostname, port) if parts.hostname else None


def allowed_hosts() -> frozenset[str]:
    """Return the host names of the UI. Raises `ValueError` if a name in the settings is not a host name."""
    named = [os.environ.get("UI_HOST", ""), *os.environ.get("UI_ALLOWED_HOSTS", "").split(",")]
    hosts = {"localhost", "127.0.0.1", "::1", socket.gethostname().lower()}
    for name in filter(None, map(str.strip, named)):
        an_ipv6_address = name.count(":") > 1 and "[" not in name
        address = address_of(f"[{name}]" if an_ipv6_address else name)
        if address is None or " " in name:
            raise ValueError(f"UI_ALLOWED_HOSTS or UI_HOST: {name!r} is not a host name (separate names by commas)")
        hosts.add(address.host)
    return frozenset(hosts)


class OwnPagesOnly:
    """Middleware that responds with 403 when a page of another site makes the browser send a request."""

    def __init__(self, app: ASGIApp, hosts: Iterable[str]) -> None:
        self._app = app
        self._hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request, or pass it to the app."""
        refusal = self._refusal(HTTPConnection(scope)) if scope["type"] in ("http", "websocket") else None
        if refusal:
            await PlainTextResponse(f"{refusal}\n", status_code=403)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _refusal(self, request: HTTPConnection) -> str | None:
        named = request.headers.get("host", "")
        host = address_of(named)
        if host is None or host.host not in self._hosts:
            return (
                f"Refused: {named!r} is not a host of this UI. To allow this host, add it to UI_ALLOWED_HOSTS "
                "(names separated by commas, in the environment of `make up`) and start the UI again."
            )
        if request.scope["type"] == "http" and request.scope["method"] in ("GET", "HEAD"):
            if request.scope["path"].rstrip("/").endswith("/graphql") and "query" in request.query_params:
                return "Refused: GraphQL accepts only POST here, because an image in any page can send a GET."
            return None
        origin = request.headers.get("origin")
        if origin is not None and not _same(origin, host):
            return (
                f"Refused: the request comes from a page of {origin!r}, and the UI is {named!r}. A proxy in front of "
                "the UI must pass on the Host header as the browser sent it, and UI_ALLOWED_HOSTS must name that host."
            )
        return None


def _same(origin: str, host: Address) -> bool:
    """Return whether an origin has this host and port. The scheme may differ, because a proxy may end TLS."""
    usual_port = _PORTS.get(origin.partition("://")[0].lower())
    return usual_port is not None and address_of(origin) == host._replace(port=host.port or usual_port)


class PublicFolder(StaticFiles):
    """The files of a folder, which may not exist yet."""

    async def check_config(self) -> None:
        """Accept a missing folder. Its files give 404."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return the file with the headers that restrict what it may do in a browser."""
        response = await super().get_response(path, scope)
        response.headers.update(HEADERS)
        return response


class GuardedWebserver(DagsterWebserver[Any, Any]):
    """Dagster's webserver behind `OwnPagesOnly`. It serves the dashboard page at `/page/`, as soon as there is one."""

    def build_routes(self) -> list[BaseRoute]:
        """Return the route of the page's folder and the routes of Dagster."""
        routes: list[BaseRoute] = super().build_routes()  # type: ignore[no-untyped-call]
        try:
            public = Project.load().folder.page.parent
        except SettingsError:
            return routes  # the UI shows the error of the settings at the code location
        at = f"{self._app_path_prefix}/page"
        folder = PublicFolder(directory=public, html=True, check_dir=False)
        return [Route(at, lambda _: RedirectResponse(f"{at}/")), Mount(at, folder), *routes]

    def build_middleware(self) -> list[Middleware]:
        """Return `OwnPagesOnly` and the middleware of Dagster."""
        return [Middleware(OwnPagesOnly, hosts=allowed_hosts()), *super().build_middleware()]


def main() -> None:
    """Run `dagster-webserver` behind `OwnPagesOnly`."""
    use_plain_logs()
    try:
        allowed_hosts()
    except ValueError as error:
        sys.exit(str(error))
    # The command has no option for the class of the webserver.
    app.DagsterWebserver = GuardedWebserver  # type: ignore[attr-defined]
    cli.main()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
