"""Parquet and CSV files as DuckDB reads them. Only this module makes that SQL: DuckDB can misinterpret a path."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from stx_pipelines.store.files import first_line, replace_file
from stx_pipelines.store.scratch import quoted

if TYPE_CHECKING:
    import duckdb

_T = TypeVar("_T")


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


def write_rows(
    connection: duckdb.DuckDBPyConnection,
    query: str,
    path: Path,
    metadata: Mapping[str, msgspec.Struct],
    *,
    is_internal: bool = False,
) -> int:
    """Replace a Parquet file by the rows of a query, with these values in its metadata. Return the number of rows.

    DuckDB reads an internal file a third to a half faster, but some other programs do not know its encodings. Raises
    `StoreError`. The old file is then kept.
    """
    import duckdb

    known = ", ".join(
        f"{quoted(key)}: {quoted(msgspec.json.encode(value, order='deterministic').decode())}"
        for key, value in metadata.items()
    )
    rows = 0

    def write(aside: Path) -> None:
        nonlocal rows
        # Level 3, the default, takes a third longer, and the files are no smaller.
        options = f"FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, KV_METADATA {{{known}}}"
        if is_internal:
            options += ", PARQUET_VERSION V2"
        try:
            [(rows,)] = connection.execute(f"COPY ({query}) TO {quoted(str(aside))} ({options})").fetchall()
        except duckdb.Error as error:
            raise OSError(first_line(error)) from error

    replace_file(path, write)
    return rows


def read_metadata(path: Path, key: str, shape: type[_T]) -> _T | None:
    """Return a value in a Parquet file's metadata, None if the file is missing, damaged, or lacks such a value."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        known = (pq.read_metadata(path).metadata or {})[key.encode()]
        return msgspec.json.decode(known, type=shape)
    except (OSError, pa.ArrowException, KeyError, msgspec.MsgspecError):
        return None


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
