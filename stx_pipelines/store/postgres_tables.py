"""The SQL of the tables in PostgreSQL, made from the columns of the DuckDB tables.

A table of a dataset has a partition per month. Its only index is on the time of its days: the certificates prove that
rows are unique, and a primary key would make loading half as fast.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import NamedTuple

from stx_pipelines.chains.datasets import Dataset
from stx_pipelines.chains.days import DAY
from stx_pipelines.store.postgres import SCHEMA
from stx_pipelines.store.scratch import quoted
from stx_pipelines.store.statements import Described, described_columns, described_details, named

_TYPES = {"TIMESTAMP": "TIMESTAMPTZ", "DOUBLE": "DOUBLE PRECISION"}
"""The types of DuckDB that PostgreSQL names otherwise. It holds exact numbers under the same names."""


class Table(NamedTuple):
    """A table of the copy. `time_column` decides the partition and the day of a row; None for a table without days."""

    name: str
    columns: Sequence[Described]
    comment: str | None = None
    time_column: str | None = None
    key: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """The name of the table with its schema."""
        return f"{SCHEMA}.{named(self.name)}"


_COPIED = [
    ("row_count", "BIGINT", "number of copied rows"),
    ("loaded_at", "TIMESTAMP", "when they were copied"),
]
COVERAGE = Table(
    "coverage",
    [
        ("dataset", "VARCHAR", "name of the dataset"),
        ("day", "DATE", "the copied day, UTC"),
        ("certificate", "VARCHAR", "id of the certificate of the day file that was copied"),
        *_COPIED,
    ],
    "One row per dataset and copied day.",
    key=("dataset", "day"),
)
RESULTS = Table(
    "results",
    [
        ("table_name", "VARCHAR", "name of the table"),
        ("fingerprint", "VARCHAR", "digest of the days and options that the table was computed from"),
        *_COPIED,
    ],
    "One row per copied table of the wallet metrics.",
    key=("table_name",),
)


class Month(NamedTuple):
    """The partition of a table for the month that begins with `first`."""

    table: Table
    first: date

    @property
    def name(self) -> str:
        """The name of the partition, for example `transactions_2026_09`."""
        return f"{self.table.name}_{self.first:%Y_%m}"

    @property
    def path(self) -> str:
        """The name of the partition with its schema."""
        return f"{SCHEMA}.{named(self.name)}"


def tables_of(dataset: Dataset) -> list[Table]:
    """Return the tables of a dataset: the first, and the second if there is one."""
    tables = [Table(dataset.name, described_columns(dataset), dataset.comment, dataset.time_column)]
    if details := dataset.details:
        tables.append(Table(details.name, described_details(dataset, details), details.comment, "day"))
    return tables


def months_of(tables: Sequence[Table], days: Sequence[date]) -> list[Month]:
    """Return the partitions that these days need."""
    return [Month(table, first) for table in tables for first in sorted({day.replace(day=1) for day in days})]


def table_sql(table: Table) -> str:
    """Return the statements that create a table with its comments."""
    partitions = f" PARTITION BY RANGE ({named(table.time_column)})" if table.time_column else ""
    key = [f"PRIMARY KEY ({named(*table.key)})"] if table.key else []
    statements = [
        f"CREATE TABLE {table.path} ({', '.join([*map(_declared, table.columns), *key])}){partitions}",
        *(_comment(table, column) for column in table.columns),
    ]
    if table.time_column:
        statements.append(f"CREATE INDEX ON {table.path} ({named(table.time_column)})")
    if table.comment:
        statements.append(f"COMMENT ON TABLE {table.path} IS {quoted(table.comment)}")
    return "; ".join(statements)


def column_sql(table: Table, column: Described) -> str:
    """Return the statements that add a column of a later version to a table."""
    return f"ALTER TABLE {table.path} ADD COLUMN {_declared(column)}; {_comment(table, column)}"


def month_sql(month: Month) -> str:
    """Return the statements that create a partition.

    It is attached when it exists, because to create it in place would lock out the readers of the table.
    """
    partition, parent = month.path, month.table.path
    following = (month.first + timedelta(days=31)).replace(day=1)
    return (
        f"CREATE TABLE {partition} (LIKE {parent} INCLUDING ALL); "
        f"ALTER TABLE {parent} ATTACH PARTITION {partition} FOR VALUES FROM ('{month.first}') TO ('{following}')"
    )


def delete_day_sql(table: Table, day: date) -> str:
    """Return the statement that deletes the rows of a day. The session's time zone is UTC."""
    assert table.time_column
    column = named(table.time_column)
    return f"DELETE FROM {table.path} WHERE {column} >= '{day}' AND {column} < '{day + DAY}'"


def note_sql(table: Table) -> str:
    """Return the statement that replaces a row of `COVERAGE` or `RESULTS`. Its parameters are all columns but the last.

    The last column is the present time.
    """
    names = [name for name, *_ in table.columns]
    changes = ", ".join(f"{named(name)} = excluded.{named(name)}" for name in names if name not in table.key)
    return (
        f"INSERT INTO {table.path} ({named(*names)}) VALUES ({', '.join(['%s'] * (len(names) - 1))}, now()) "
        f"ON CONFLICT ({named(*table.key)}) DO UPDATE SET {changes}"
    )


def copy_sql(table: Table, columns: Sequence[str]) -> str:
    """Return the statement that appends rows in CSV, with these columns, to a table."""
    return f"COPY {table.path} ({named(*columns)}) FROM STDIN (FORMAT csv)"


def _declared(column: Described) -> str:
    name, kind, _ = column
    return f"{named(name)} {_TYPES.get(kind, kind)}"


def _comment(table: Table, column: Described) -> str:
    name, _, what = column
    return f"COMMENT ON COLUMN {table.path}.{named(name)} IS {quoted(what)}"
