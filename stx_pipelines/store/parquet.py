"""Parquet files as DuckDB reads them. The only place that says how: a path is a name, no pattern and no column."""

from __future__ import annotations

from glob import escape
from pathlib import Path

from stx_pipelines.store.scratch import quoted


def parquet_rows(*paths: Path) -> str:
    """The rows of these files, to stand after FROM.

    Left to itself DuckDB takes a folder `fee_ustx=7` for a column, in place of the one in the file, and `[x]` for `x`.
    """
    names = ", ".join(quoted(escape(str(path.absolute()))) for path in paths)
    return f"read_parquet([{names}], hive_partitioning = false)"


def over_day_files(statement: str, *paths: Path) -> str:
    """A statement of ours that reads `day_file`, about the rows of these files."""
    return f"WITH day_file AS NOT MATERIALIZED (FROM {parquet_rows(*paths)}) ({statement})"
