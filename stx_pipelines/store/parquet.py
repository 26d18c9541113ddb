"""Parquet and CSV files as DuckDB reads them. Only this module makes that SQL: DuckDB can misinterpret a path."""

from __future__ import annotations

import tempfile
from glob import escape
from pathlib import Path

from stx_pipelines.store.scratch import quoted


def parquet_rows(*paths: Path, same_columns: bool = True) -> str:
    """Return SQL for the rows of these files, to use after FROM. Without `same_columns`, missing columns are NULL.

    By default DuckDB takes a folder `fee_ustx=7` for a column that replaces the file's column, and `[x]` for a pattern.
    """
    names = ", ".join(quoted(escape(str(path.absolute()))) for path in paths)
    return f"read_parquet([{names}], hive_partitioning = false, union_by_name = {str(not same_columns).lower()})"


def csv_rows(path: Path) -> str:
    """Return SQL for the rows of a CSV file with a header, to use after FROM. All values are texts."""
    return f"read_csv({quoted(escape(str(path.absolute())))}, all_varchar = true, header = true)"


def over_day_files(statement: str, *paths: Path) -> str:
    """Return the statement with `day_file` defined as the rows of these files."""
    return f"WITH day_file AS NOT MATERIALIZED (FROM {parquet_rows(*paths)}) ({statement})"


def count_rows_of(content: bytes) -> int:
    """Return the number of rows of a Parquet file with this content, from its metadata."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    return int(pq.read_metadata(pa.BufferReader(content)).num_rows)


def csv_of(content: bytes) -> bytes:
    """Return the rows of a Parquet file with this content as CSV with a header. Numbers keep every digit."""
    import duckdb

    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection:
        source, copy = Path(folder) / "rows.parquet", Path(folder) / "rows.csv"
        source.write_bytes(content)
        connection.execute("SET enable_progress_bar = false")
        connection.execute(f"COPY (FROM {parquet_rows(source)}) TO {quoted(str(copy))} (FORMAT csv, HEADER true)")
        return copy.read_bytes()
