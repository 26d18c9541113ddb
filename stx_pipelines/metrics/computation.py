"""One computation of results, and its outcome."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from stx_pipelines.metrics.options import Basis
from stx_pipelines.metrics.results import metric_sql
from stx_pipelines.metrics.reuse import Reuse
from stx_pipelines.metrics.settled import GROWING_ROWS, Settled, Settling
from stx_pipelines.metrics.settled_files import KEY, SettledFiles
from stx_pipelines.store.append import write_after
from stx_pipelines.store.parquet import write_rows

if TYPE_CHECKING:
    import duckdb


BASIS = "stx_pipelines.metrics"
DAYS = "stx_pipelines.days"


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
    """A computation whose steps are done. While another process uses the files, nothing is reused.

    `files` and `settling` are then None.
    """

    basis: Basis
    connection: duckdb.DuckDBPyConnection
    files: SettledFiles | None
    reuse: Reuse
    settling: Settling | None

    def keeps_wallets(self, earlier: str) -> bool:
        """Return whether no wallet of an earlier `first_seen_wallets`, whose rows are `earlier`, became new or old.

        Return False if its file is damaged.
        """
        import duckdb

        try:
            self.connection.execute(f"CREATE TEMP VIEW earlier AS FROM {earlier}")
            [(changed,)] = self.connection.execute(metric_sql("settled/renewed")).fetchall()
        except duckdb.Error:
            return False  # the file is about to be replaced
        return not changed

    def reclassifies(self, settled: Settled) -> bool:
        """Return whether days after `settled.through` change what its rows say about older wallets."""
        values = {"through": settled.through}
        [(wallets,)] = self.connection.execute(metric_sql("settled/reclassified"), values).fetchall()
        return bool(wallets)

    def without_new_settled(self) -> Computation:
        """Return the computation without rows to settle if the newest days, which may change, decide about them."""
        reuse = self.reuse
        if reuse.settles is None or not self.reclassifies(reuse.settles):
            return self
        return self._replace(reuse=reuse._replace(settles=None, sums=None))

    def write(self, table: str, path: Path) -> int:
        """Replace the file of a table by its settled rows and those that follow from the days read.

        Return the number of rows. Raises `StoreError`. The old file is then kept.
        """
        settled, query, metadata = self.reuse.settled, metric_sql(table), self._metadata(table)
        base = self.files.base(table) if self.files and settled else None
        if base is None or settled is None:
            return write_rows(self.connection, query, path, metadata)
        rest = f"FROM ({query}) WHERE NOT ({settled.condition(table)})"
        return write_after(self.connection, base, rest, path, metadata)

    def _metadata(self, table: str) -> dict[str, msgspec.Struct]:
        kept, last_day = self.reuse.kept, self.basis.coverage_end
        metadata: dict[str, msgspec.Struct] = {BASIS: self.basis}
        if kept:
            metadata[KEY] = kept
        if table in GROWING_ROWS and self.settling and last_day:
            metadata[DAYS] = self.settling.read_days(last_day)
        return metadata
