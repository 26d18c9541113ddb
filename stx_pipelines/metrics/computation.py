"""One computation of results, and its outcome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from stx_pipelines.metrics.options import Basis
from stx_pipelines.metrics.results import metric_sql
from stx_pipelines.metrics.settled import Settled
from stx_pipelines.metrics.settled_files import SettledFiles

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class Refreshed:
    """The outcome of a refresh. `rows` is the number of rows per table, `basis` the basis that they were computed from.

    `seconds` is the time to compute and write the files. `waiting_for` is None if the tables were loaded. Otherwise it
    names the process that held the database.
    """

    basis: Basis
    rows: dict[str, int]
    seconds: float
    waiting_for: str | None = None


class Computation(NamedTuple):
    """A computation whose steps are done. `settled` are the days that it did not read, `settles` those it settles.

    Both are None without `files`, which another process uses then.
    """

    basis: Basis
    connection: duckdb.DuckDBPyConnection
    files: SettledFiles | None
    settled: Settled | None
    settles: Settled | None

    def query(self, table: str) -> str:
        """Return the query for all rows of a table."""
        if self.files and self.settled:
            return self.files.whole(table, self.settled)
        return metric_sql(table)
