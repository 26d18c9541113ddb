"""Connections to PostgreSQL, and their errors in one sentence. Imported only if the URL of a server is set."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg.errors import InsufficientPrivilege

from stx_pipelines.store.files import StoreError, first_line

Connection = psycopg.Connection[tuple[Any, ...]]

SCHEMA = "stx_pipelines"
"""The schema of everything that this project makes in a database."""

_KEEPALIVES = {"idle": 30, "interval": 10, "count": 3}  # seconds, seconds, probes
_OPTIONS = {
    "TimeZone": "UTC",  # request accounts have times without a zone, and a copied day begins at midnight UTC
    "search_path": SCHEMA,
    "idle_session_timeout": 0,  # the session of a lock is idle while a day is read
    **{f"tcp_keepalives_{name}": value for name, value in _KEEPALIVES.items()},
}
SESSION: dict[str, Any] = {
    "options": " ".join(f"-c {name}={value}" for name, value in _OPTIONS.items()),
    "connect_timeout": 10,
    "tcp_user_timeout": 60_000,  # milliseconds without an acknowledgement
    **{f"keepalives_{name}": value for name, value in _KEEPALIVES.items()},
}
"""The settings of every session. A machine that disappears is noticed within a minute."""


def connect(url: str, *, application_name: str = SCHEMA, autocommit: bool = False) -> Connection:
    """Open a session. Raises `psycopg.Error`."""
    return psycopg.connect(url, autocommit=autocommit, **{**SESSION, "application_name": application_name})


def make_schema(connection: Connection) -> None:
    """Make the schema if it is missing, and let no other process make tables until the transaction ends."""
    connection.execute("SELECT pg_advisory_xact_lock(%s, %s)", lock_key(SCHEMA))  # two at once would collide
    if connection.execute("SELECT to_regnamespace(%s)", (SCHEMA,)).fetchone() == (None,):
        connection.execute(f"CREATE SCHEMA {SCHEMA}")


def lock_key(name: str, group: str = SCHEMA) -> tuple[int, int]:
    """Return the two numbers of an advisory lock. The first belongs to a group of locks of this project."""
    first, second = (zlib.crc32(text.encode()) & 0x7FFFFFFF for text in (group, name))
    return first, second


@contextmanager
def told(url: str, setting: str, kind: type[StoreError], afterwards: str) -> Iterator[None]:
    """Raise an error of this kind, whose sentence has no password, for an error of PostgreSQL in the `with` block.

    `setting` has the URL. `afterwards` says what follows when the server can be used again.
    """
    try:
        yield
    except InsufficientPrivilege as error:
        raise kind(
            f"{server_name(url)} does not permit it ({first_line(error)}); stored days are kept: let its administrator "
            f"run CREATE SCHEMA {SCHEMA} AUTHORIZATION for the role of {setting}, {afterwards}"
        ) from error
    except psycopg.Error as error:
        raise kind(
            f"{server_name(url)} cannot be used ({first_line(error)}); stored days are kept: start it or correct "
            f"{setting}, {afterwards}"
        ) from error


def server_name(url: str) -> str:
    """Return the name of the server at this URL, without user and password."""
    parts = urlsplit(url)
    return f"PostgreSQL at {parts.netloc.rpartition('@')[2] or 'its socket'}"
