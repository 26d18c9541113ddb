"""Rows of Parquet files, read with DuckDB only when they are asked for, as Arrow, pandas or Polars."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from stx_pipelines.chains.datasets import DATASETS, Dataset, Details
from stx_pipelines.store.files import StoreError
from stx_pipelines.store.loading import DayFile
from stx_pipelines.store.parquet import parquet_rows
from stx_pipelines.store.scratch import interrupts_pass
from stx_pipelines.store.statements import load_sql, no_rows_sql, rows_sql

if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    import polars as pl
    import pyarrow as pa


class Rows:
    """Rows that are read at each call of a method. Amounts are exact: integers or decimals, never floats."""

    def __init__(self, select: str) -> None:
        """Keep the query for the rows."""
        self._select = select

    @property
    def relation(self) -> duckdb.DuckDBPyRelation:
        """The rows as a relation of DuckDB. Its own `.df()` makes floats of decimals, which are not exact."""
        with _one_sentence():
            return _run(self._select)

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return list(self.relation.columns)

    def arrow(self) -> pa.Table:
        """Return the rows as a `pyarrow.Table`."""
        with _one_sentence():
            return _run(self._select).to_arrow_table()

    def df(self) -> pd.DataFrame:
        """Return the rows as a pandas frame whose columns are backed by Arrow, so that amounts stay exact.

        Raises `ModuleNotFoundError` if pandas is not installed.
        """
        try:
            import pandas as pd
        except ModuleNotFoundError:
            raise ModuleNotFoundError(
                "pandas is not installed: pip install 'stx-pipelines[pandas]', or use .arrow()"
            ) from None
        frame: pd.DataFrame = _with_room(self.arrow()).to_pandas(types_mapper=pd.ArrowDtype)
        return frame

    def pl(self) -> pl.DataFrame:
        """Return the rows as a Polars frame. Raises `ModuleNotFoundError` if Polars is not installed."""
        try:
            import polars as pl
        except ModuleNotFoundError:
            raise ModuleNotFoundError("polars is not installed: pip install polars, or use .arrow()") from None
        found = pl.from_arrow(self.arrow())
        assert isinstance(found, pl.DataFrame)
        return found

    def sql(self, query: str) -> Rows:
        """Return the result of a SELECT, in which these rows are the table `rows`.

        Raises `StoreError` if the query is wrong.
        """
        found = Rows(f"WITH rows AS ({self._select}) SELECT * FROM ({query.strip().removesuffix(';')})")
        assert found.relation.columns  # a wrong query is an error here, not later
        return found


def rows_of_days(dataset: str, days: Sequence[DayFile], *, details: bool = False) -> Rows:
    """Return the rows of these days as the dataset's table has them, in the order of the days.

    With `details`, return the rows of the second table. Columns that a day file lacks are NULL.
    """
    of = DATASETS[dataset]
    return Rows(_select(of, of.details if details else None, days))


def rows_of_file(path: Path) -> Rows:
    """Return the rows of a Parquet file."""
    return Rows(f"FROM {parquet_rows(path)}")


def _select(of: Dataset, details: Details | None, days: Sequence[DayFile]) -> str:
    """Return the query for the rows of these days. A part of it reads neighbouring days with the same columns."""
    if not days:
        return no_rows_sql(of, details)
    groups = [list(group) for _, group in groupby(days, lambda day: of.columns_of(day.certificate))]
    return " UNION ALL ".join(
        f"({rows_sql(of, details, group[0].certificate, parquet_rows(*(day.path for day in group)))})"
        for group in groups
    )


def _run(select: str) -> duckdb.DuckDBPyRelation:
    import duckdb

    connection = duckdb.connect()
    connection.execute("SET enable_progress_bar = false")
    connection.execute(load_sql("shown"))
    return connection.sql(select)


def _with_room(table: pa.Table) -> pa.Table:
    """Return the table with decimals of 38 digits in a wider type, because Arrow cannot add two of them otherwise."""
    import pyarrow as pa

    types = [
        pa.decimal256(each.type.precision, each.type.scale) if pa.types.is_decimal128(each.type) else each.type
        for each in table.schema
    ]
    return table.cast(pa.schema(list(zip(table.column_names, types, strict=True))))


@contextmanager
def _one_sentence() -> Iterator[None]:
    import duckdb

    try:
        with interrupts_pass():
            yield
    except duckdb.Error as error:
        raise StoreError(
            f"the rows could not be read ({str(error).splitlines()[0]}); nothing was changed: correct the query, or "
            "look for a damaged file with `stx-pipelines health --thorough`"
        ) from error
