"""The account of a request budget in PostgreSQL. It is imported only if several machines share a budget."""

from __future__ import annotations

from typing import Any

from psycopg_pool import ConnectionPool
from pyrate_limiter import PostgresBucket, Rate, RateItem

_LONGEST_KEPT = 10_000  # milliseconds between two deletions of expired entries


class SharedAccount(PostgresBucket):
    """An account of the requests sent, on the clock of the server. Its `pool` says in one sentence what failed.

    Expired entries are deleted by `put`, because the library's own thread ends with a traceback if the server is away.
    """

    def __init__(self, pool: ConnectionPool[Any], table: str, rates: list[Rate]) -> None:
        super().__init__(pool, table, rates)
        self._leaked_at = 0

    def now(self) -> int:
        """Return the server's time in milliseconds. The library's own clock uses this machine's time after an error."""
        with self.pool.connection() as connection:
            [(now,)] = connection.execute("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint").fetchall()
        return int(now)

    def put(self, item: RateItem) -> bool:
        """Enter a request at the server's present time. Return False if it must wait.

        The library's own time after a wait is too early, so that a process that has waited waits longer than others.
        """
        item.timestamp = self.now()
        if item.timestamp - self._leaked_at > _LONGEST_KEPT:
            self.leak(item.timestamp)
            self._leaked_at = item.timestamp
        return bool(super().put(item))
