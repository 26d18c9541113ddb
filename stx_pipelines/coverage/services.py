"""The services of `make up`, read from supervisord and its files. Dagster's instance is not opened."""

from __future__ import annotations

import http.client
import socket
import xmlrpc.client
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stx_pipelines.store.data_folder import DataFolder

_SECONDS = 1.0
_BROKEN = {"BACKOFF", "FATAL", "EXITED", "UNKNOWN"}


@dataclass(frozen=True)
class Services:
    """The services of `make up` for a data folder.

    `since` is the time when `make up` started them; None if they do not run. `broken` are those that do not stay up.
    `were_killed` is true if they ended without `make down`.
    """

    since: datetime | None = None
    broken: tuple[str, ...] = ()
    were_killed: bool = False

    @property
    def has_daemon(self) -> bool:
        """Whether the daemon runs, so that its sensors start runs."""
        return self.since is not None and "daemon" not in self.broken


NO_SERVICES = Services()
"""Services that do not run, or that are not of interest."""


def services_of(folder: DataFolder, services: Path) -> Services:
    """Return the services that keep their files in the folder `services`.

    Services that work on another data folder count as not running. Services of an earlier version do not say which data
    folder they work on. They count as working on this one.
    """
    theirs = services / "folder"
    if theirs.exists() and Path(theirs.read_text().strip()) != folder.path.resolve():
        return NO_SERVICES
    if not listens(services / "ctl"):
        return Services(were_killed=(services / "groups").exists())
    began = services / "supervisord.pid"
    since = datetime.fromtimestamp(began.stat().st_mtime, UTC) if began.exists() else datetime.now(UTC)
    return Services(since, tuple(name for name, state in _states(services / "ctl").items() if state in _BROKEN))


def listens(path: Path) -> bool:
    """Return whether a process listens on the socket at `path`."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_SECONDS)
        try:
            connection.connect(str(path))
        except OSError:
            return False
    return True


def _states(path: Path) -> dict[str, str]:
    """Return the state of each service by its name. Return nothing if supervisord gives no usable response in time."""
    server = xmlrpc.client.ServerProxy("http://localhost", transport=_Transport(path))
    try:
        found: Any = server.supervisor.getAllProcessInfo()
        return {str(each["name"]): str(each["statename"]) for each in found}
    except (OSError, http.client.HTTPException, xmlrpc.client.Error, TypeError, KeyError):
        return {}  # it listens, so it runs


class _Transport(xmlrpc.client.Transport):
    """Requests through the socket of supervisord."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = str(path)

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        """Return a connection to the socket. `host` is not used."""
        connection = http.client.HTTPConnection("localhost", timeout=_SECONDS)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(_SECONDS)
        connection.sock.connect(self._path)
        return connection
