"""SQL with which DuckDB reads Parquet files. Only this module makes it, because DuckDB can misinterpret a path."""

from __future__ import annotations

from glob import escape
from pathlib import Path

from stx_pipelines.store.scratch import quoted


def parquet_rows(*paths: Path, same_columns: bool = True) -> str:
    """Return SQL for the rows of these files, to use after FROM. Without `same_columns`, missing columns are NULL.

    By default DuckDB takes a folder `fee_ustx=7` for a column that replaces the file's column, and `[x]` for a pattern.
    """
    names = ", ".join(quoted(escape(str(path.absolute()))) for path in paths)
    return f"read_parquet([{names}], hive_partitioning = false, union_by_name = {str(not same_columns).lower()})"


def over_day_files(statement: str, *paths: Path) -> str:
    """Return the statement with `day_file` defined as the rows of these files."""
    return f"WITH day_file AS NOT MATERIALIZED (FROM {parquet_rows(*paths)}) ({statement})"
