"""The locks of datasets, the progress of runs and the pool for request accounts in PostgreSQL, for several machines.

A lock is a session-level advisory lock. The server releases it when the session ends: at once if the process is killed,
and after a minute if its machine disappears. This module is imported only if STX_SHARED_URL is set.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from functools import cache
from typing import TypeVar

import msgspec
import psycopg
from psycopg.errors import LockNotAvailable
from psycopg_pool import ConnectionPool

from stx_pipelines.store.files import first_line
from stx_pipelines.store.locks import Busy, process_name, this_machine
from stx_pipelines.store.postgres import SCHEMA, SESSION, Connection, connect, lock_key, make_schema, server_name, told
from stx_pipelines.store.shared import Check, SharedError, locked_thing

T = TypeVar("T")

_POOL_SECONDS = 5.0  # to wait for a connection of the pool
_MOST_CONNECTIONS = 4

_HOLDER = """
SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND granted AND objsubid = 2 AND classid::bigint = %s AND objid::bigint = %s
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_SET_OWNER = """
INSERT INTO runs (name, owner) VALUES (%s, %s) ON CONFLICT (name) DO UPDATE SET owner = excluded.owner
"""
_SET_PROGRESS = """
INSERT INTO runs (name, progress) VALUES (%s, %s::jsonb) ON CONFLICT (name) DO UPDATE SET progress = excluded.progress
"""


class PostgresShared:
    """The locks and the progress of all runs that use the database at `url`, which may hold a password."""

    def __init__(self, url: str) -> None:
        self._url = url

    @property
    def host(self) -> str:
        """The name of this machine or container, a part of the names of its processes."""
        return this_machine()

    @property
    def accounts(self) -> ConnectionPool[Connection]:
        """The pool of connections, which all users in this process share. Raises `SharedError`."""
        return _pool(self._url)

    @contextmanager
    def locked(self, name: str, wait: float, *, leave_name: bool = True, command: str | None = None) -> Iterator[Check]:
        """Hold an advisory lock until the `with` block ends. Yield its check, which asks the lock's own session.

        The session's application name is the holder's, for `holder` and for administrators. Raises `Busy` after `wait`
        seconds, and `SharedError`.
        """
        holds = " ".join(filter(None, (name, f"{os.getpid()}@{self.host}", command)))
        _pool(self._url)  # makes the table
        with ExitStack() as held:
            with _told(self._url):
                session = held.enter_context(closing(connect(self._url, application_name=holds, autocommit=True)))
                self._lock(session, name, wait)
                held.callback(_unlock, session)
                if leave_name:
                    session.execute(_SET_OWNER, (name, process_name(self.host, command)))
            yield lambda: self._check(session, name)

    def _lock(self, session: Connection, name: str, wait: float) -> None:
        try:
            with session.transaction():  # the time limit ends with it, the lock does not
                session.execute("SELECT set_config('lock_timeout', %s, true)", (f"{max(1, round(wait * 1_000))}ms",))
                session.execute("SELECT pg_advisory_lock(%s, %s)", lock_key(name))
        except LockNotAvailable:
            who = self.holder(name) or "another process"
            raise Busy(f"{locked_thing(name)} is in use by {who}; try again when it is done", who) from None

    def _check(self, session: Connection, name: str) -> None:
        try:
            session.execute("SELECT 1")
        except psycopg.Error as error:
            raise SharedError(
                f"the lock of {locked_thing(name)} was lost, because the connection to {server_name(self._url)} ended "
                f"({first_line(error)}); another run may hold it now, so nothing more was stored; stored days are "
                "kept; run the same command again"
            ) from error

    def holder(self, name: str) -> str | None:
        """Return the name of the process that holds this lock; None if the lock is free. Raises `SharedError`."""
        with self.accounts.connection() as connection:
            found = connection.execute(_HOLDER, lock_key(name)).fetchone()
        if found is None:
            return None
        _, _, process = str(found[0]).partition(" ")
        who, _, command = process.partition(" ")
        pid, _, host = who.partition("@")
        return process_name(host, command or None, int(pid))

    def owner(self, name: str) -> str:
        """Return the process that left its name last, while this process holds the lock. Raises `SharedError`."""
        return str(self._one("SELECT owner FROM runs WHERE name = %s", name))

    def report(self, dataset: str, progress: msgspec.Struct) -> None:
        """Replace the progress of the dataset's runs. Raises `SharedError`."""
        with self.accounts.connection() as connection:
            connection.execute(_SET_PROGRESS, (dataset, msgspec.json.encode(progress).decode()))

    def reported(self, dataset: str, shape: type[T]) -> T | None:
        """Return the progress of the dataset's runs; None if there is none of this shape. Raises `SharedError`."""
        found = self._one("SELECT progress::text FROM runs WHERE name = %s", dataset)
        try:
            return msgspec.json.decode(str(found), type=shape) if found else None
        except msgspec.DecodeError:  # written by another version
            return None

    def forget(self, dataset: str) -> None:
        """Remove the progress of the dataset's runs. Raises `SharedError`."""
        with self.accounts.connection() as connection:
            connection.execute("UPDATE runs SET progress = NULL WHERE name = %s", (dataset,))

    def _one(self, query: str, name: str) -> object:
        with self.accounts.connection() as connection:
            found = connection.execute(query, (name,)).fetchone()
        return found[0] if found else None


class _Pool(ConnectionPool[Connection]):
    """A pool whose errors are sentences."""

    @contextmanager
    def connection(self, timeout: float | None = None) -> Iterator[Connection]:
        """Yield a connection, and commit when the `with` block ends. Raises `SharedError`."""
        with _told(str(self.conninfo)), super().connection(timeout) as connection:
            yield connection


@cache
def _pool(url: str) -> _Pool:
    """Make the table if it is missing, and return this process's pool. Raises `SharedError`."""
    logging.getLogger("psycopg.pool").addHandler(logging.NullHandler())  # the pool's warnings repeat our sentence
    with _told(url), connect(url) as connection:
        make_schema(connection)
        if connection.execute("SELECT to_regclass('runs')").fetchone() == (None,):
            connection.execute("CREATE TABLE runs (name text PRIMARY KEY, owner text, progress jsonb)")
    return _Pool(
        url,
        kwargs={**SESSION, "application_name": SCHEMA},
        min_size=0,
        max_size=_MOST_CONNECTIONS,
        timeout=_POOL_SECONDS,
        check=ConnectionPool.check_connection,
        open=True,
    )


def _unlock(session: Connection) -> None:
    """Release the locks of a session at once. The end of the session does it too, but a moment later."""
    with suppress(psycopg.Error):  # the session has ended
        session.execute("SELECT pg_advisory_unlock_all()")


def _told(url: str) -> AbstractContextManager[None]:
    return told(url, "STX_SHARED_URL", SharedError, "then run the same command again")
