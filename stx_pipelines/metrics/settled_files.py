"""The files that a computation keeps for later ones: the settled rows, and the sums of later days.

Each table is one Parquet file, with the days that it was made from in its metadata.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from uuid import uuid4

import msgspec

from stx_pipelines.metrics.results import metric_sql
from stx_pipelines.metrics.reuse import Reuse
from stx_pipelines.metrics.settled import SETTLED_ROWS, Settled, Summed
from stx_pipelines.store.append import write_after
from stx_pipelines.store.data_folder import DataFolder
from stx_pipelines.store.parquet import parquet_rows, read_metadata, write_rows

if TYPE_CHECKING:
    import duckdb

KEY = "stx_pipelines.settled"
_SUMS_KEY = "stx_pipelines.summed"
_Days = TypeVar("_Days", bound=msgspec.Struct)

_STEPS = ("settled_segment_counts", "settled_accounts")
"""Settled rows that are no rows of a result: one per cohort, window, definition and segment, and one per account."""

_SUMS = ("summed_accounts", "summed_wallet_days")


class _Sums(msgspec.Struct, frozen=True):
    """The metadata of both files of sums. `made` differs each time, because ids of wallets are of one computation."""

    days: Summed
    made: str


_TABLES = tuple(table for table, rows in SETTLED_ROWS.items() if rows)


class SettledFiles:
    """The files of the settled rows and of the sums in a data folder. Without them, all days are read again."""

    def __init__(self, folder: DataFolder) -> None:
        self._folder = folder

    def read(self) -> Settled | None:
        """Return the days of the settled rows, None if a file is missing, damaged or made from others."""
        return self._common((*_STEPS, *_TABLES), KEY, Settled)

    def read_sums(self) -> Summed | None:
        """Return the days of the sums, None if a file is missing, damaged or made from others."""
        known = self._common(_SUMS, _SUMS_KEY, _Sums)
        return known.days if known else None

    def _common(self, names: tuple[str, ...], key: str, shape: type[_Days]) -> _Days | None:
        first, *others = (read_metadata(self._folder.settled(name), key, shape) for name in names)
        return first if all(other == first for other in others) else None

    def define(self, connection: duckdb.DuckDBPyConnection, reuse: Reuse) -> None:
        """Create the views of the rows that are used again, for statements in the folder `sql`."""
        if reuse.settled is None:
            connection.execute(metric_sql("base/nothing_settled"))
        else:
            counts = self._rows("settled_segment_counts")
            connection.execute(f"CREATE VIEW settled_segment_counts AS FROM {counts}")
            accounts = "summed_accounts" if reuse.summed else "settled_accounts"
            connection.execute(f"CREATE VIEW known_accounts AS FROM {self._rows(accounts)}")
        if reuse.summed is None:
            connection.execute(metric_sql("base/nothing_summed"))
        else:
            connection.execute(f"CREATE VIEW summed_wallet_days AS FROM {self._rows('summed_wallet_days')}")

    def base(self, table: str) -> Path | None:
        """Return the file of the settled rows of a table, None if the table has none."""
        return self._folder.settled(table) if table in _TABLES else None

    def write(self, connection: duckdb.DuckDBPyConnection, reuse: Reuse, result: Callable[[str], Path]) -> None:
        """Replace the files that this computation has new rows for.

        `result` gives the path of a result's file, from which its settled rows are taken. A kill in between leaves
        files of different days, which are not used. The sums come first, because they use the settled accounts that are
        replaced at last.
        """
        if reuse.sums:
            sums = _Sums(reuse.sums, uuid4().hex)
            for name in _SUMS:
                self._write(connection, name, {_SUMS_KEY: sums})
        if settles := reuse.settles:
            for table in _TABLES:
                rows = f"FROM {parquet_rows(result(table))} WHERE {settles.condition(table)}"
                write_after(connection, None, rows, self._folder.settled(table), {KEY: settles})
            if any(read_metadata(result(table), KEY, Settled) != settles for table in _TABLES):
                self.delete()  # another process has replaced a result meanwhile, perhaps with other options
                return
            for name in _STEPS:
                self._write(connection, name, {KEY: settles})

    def _write(self, connection: duckdb.DuckDBPyConnection, name: str, metadata: Mapping[str, msgspec.Struct]) -> None:
        write_rows(connection, metric_sql(f"settled/{name}"), self._folder.settled(name), metadata, is_internal=True)

    def take(self, other: DataFolder) -> None:
        """Replace the files by those of another folder, which must be on the same disk."""
        self.delete()
        for name in (*_STEPS, *_TABLES, *_SUMS):
            path = self._folder.settled(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            if other.settled(name).exists():
                other.settled(name).replace(path)

    def delete(self) -> None:
        """Delete the files, so that the next computation reads all days."""
        for name in (*_STEPS, *_TABLES, *_SUMS):
            self._folder.settled(name).unlink(missing_ok=True)

    def _rows(self, name: str) -> str:
        return parquet_rows(self._folder.settled(name))
