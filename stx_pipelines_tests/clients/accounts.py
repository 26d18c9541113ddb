"""The accounts of budgets in a file and in PostgreSQL, each with a copy of its entries. Not here: tests (test_*.py)."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from stx_pipelines.clients.rate_limit import Budget
from stx_pipelines_tests.clients import imaginary

LIMIT = 1_200

_KEEP = """
CREATE TABLE granted (moment bigint);
CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO granted VALUES ((extract(epoch FROM new.item_timestamp) * 1000)::bigint); RETURN new;
END $$;
"""


class FileAccount:
    """The account of the server `a` in the folder `where`."""

    def __init__(self, where: str) -> None:
        self.where = where
        self._file = Path(where) / "budget-a.sqlite"

    def budget(self) -> Budget:
        return Budget("a", LIMIT, Path(self.where))

    def keep_grants(self) -> None:
        imaginary.keep_grants(self._file)

    def grants(self) -> list[int]:
        return imaginary.grants(self._file)

    def now(self) -> int:
        return time.monotonic_ns() // 1_000_000


class PostgresAccount:
    """The account of the server `a` in the database at the URL `where`."""

    def __init__(self, where: str) -> None:
        from stx_pipelines.store.postgres_shared import PostgresShared

        self.where = where
        self._shared = PostgresShared(where)

    def budget(self) -> Budget:
        return Budget("a", LIMIT, accounts=lambda: self._shared.accounts)

    def keep_grants(self) -> None:
        self.budget()  # makes the table
        [(table,)] = self._ask("SELECT tablename FROM pg_tables WHERE starts_with(tablename, 'ratelimit')")
        with self._shared.accounts.connection() as connection:
            connection.execute(_KEEP)
            connection.execute(f'CREATE TRIGGER keep AFTER INSERT ON "{table}" FOR EACH ROW EXECUTE FUNCTION keep()')

    def grants(self) -> list[int]:
        return [moment for (moment,) in self._ask("SELECT moment FROM granted ORDER BY moment")]

    def now(self) -> int:
        [(now,)] = self._ask("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")
        return int(now)

    def _ask(self, sql: str) -> list[tuple[Any, ...]]:
        with self._shared.accounts.connection() as connection:
            return connection.execute(sql).fetchall()


Account = FileAccount | PostgresAccount
