"""The wallets of a data folder as lines of text, for the search of the page. The columns of a line are in the SQL."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stx_pipelines.metrics.columns import COLUMNS
from stx_pipelines.metrics.results import metric_sql
from stx_pipelines.store.files import StoreError, first_line
from stx_pipelines.store.parquet import parquet_rows
from stx_pipelines.store.scratch import Engine, scratch_database

WALLETS = "first_seen_wallets"
_AT_ONCE = 20_000


def has_columns(path: Path) -> bool:
    """Return whether the result file at `path` has all columns of this version."""
    import pyarrow.parquet as pq

    return {column.name for column in COLUMNS[WALLETS]} <= set(pq.read_schema(path).names)


@dataclass(frozen=True)
class WalletLines:
    """The wallets in the result file at `path`. `run` is the folder for what DuckDB cannot hold in memory."""

    path: Path
    run: Path
    engine: Engine

    def digest(self) -> str:
        """Return a hash of the file and of the statement that makes the lines. Raises `StoreError`."""
        try:
            with self.path.open("rb") as handle:
                content = hashlib.file_digest(handle, "sha256")
        except OSError as error:
            raise StoreError(f"{self.path} cannot be read ({error.strerror or error}); refresh the metrics") from error
        content.update(metric_sql("page/wallet_lines").encode())
        return content.hexdigest()[:16]

    def read(self) -> Iterator[str]:
        """Yield a line per wallet, in the order of the addresses. Raises `StoreError`."""
        import duckdb

        try:
            with scratch_database(self.run, self.engine) as connection:
                connection.execute(f"CREATE VIEW first_seen_wallets AS FROM {parquet_rows(self.path)}")
                for batch in connection.execute(metric_sql("page/wallet_lines")).to_arrow_reader(_AT_ONCE):
                    yield from batch.column(0).to_pylist()
        except duckdb.Error as error:
            reason = first_line(error)
            raise StoreError(f"{self.path} cannot be read ({reason}); refresh the metrics, then the page") from error
