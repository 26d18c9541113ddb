"""Statements for the database: those in the folder `sql`, and those that follow from a dataset."""

from __future__ import annotations

from importlib.resources import files

from stx_pipelines.chains.datasets import DATASETS, Column, Dataset, Kind
from stx_pipelines.store.scratch import quoted

_TYPES: dict[Kind, str] = {
    "text": "VARCHAR",
    "word": "VARCHAR",
    "integer": "BIGINT",
    "wei": "DECIMAL(38, 0)",
    "time": "TIMESTAMP",
    "flag": "BOOLEAN",
}


def load_sql(name: str, package: str = "stx_pipelines.store") -> str:
    """Read a statement from the folder `sql` of a package."""
    return files(package).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")


def schema_sql() -> str:
    """Make every table that is not there yet, and say what its columns hold."""
    return "\n".join([*map(table_sql, DATASETS.values()), load_sql("coverage")])


def table_sql(dataset: Dataset) -> str:
    """Make the table of a dataset and the columns it lacks, and say what its columns hold."""
    table = f"warehouse.{dataset.name}"
    proved_at = Column("ingested_at", "time", "when the day was proved")
    first = [*(column for column in dataset.table_columns if not column.added), proved_at]
    added = [column for column in dataset.table_columns if column.added]
    return "\n".join(
        [
            f"CREATE TABLE IF NOT EXISTS {table} ({', '.join(map(_declared, first))});",
            *(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {_declared(column)};" for column in added),
            f"COMMENT ON TABLE {table} IS {quoted(dataset.comment)};",
            *(f"COMMENT ON COLUMN {table}.{named(name)} IS {quoted(text)};" for name, _, text, *_ in [*first, *added]),
        ]
    )


def _declared(column: Column) -> str:
    return f"{named(column.name)} {_TYPES[column.kind]}"


def day_sql(dataset: str) -> str:
    """Select the table's rows out of `day_file`, its columns in the table's order; takes `proved_at`."""
    of = DATASETS[dataset]
    proved_at = "CAST($proved_at AS TIMESTAMP) AS ingested_at"
    first, added = (named(*(c.name for c in of.table_columns if c.added == late)) for late in (False, True))
    columns = ", ".join(filter(None, [first, proved_at, added]))
    shown = f" WHERE shown_{of.name}({named(*of.shown_by)})" if of.shown_by else ""
    order = f" ORDER BY {named(*of.sorted_by)}" if of.sorted_by else ""
    return f"SELECT {columns} FROM {with_added(dataset, 'day_file')}{shown}{order}"


def with_added(dataset: str, source: str) -> str:
    """Name a table or day file to stand after FROM, with the columns of its dataset that an older one lacks: NULL."""
    added = [column for column in DATASETS[dataset].columns if column.added]
    if not added:
        return source
    none = ", ".join(f"NULL::{_TYPES[column.kind]} AS {named(column.name)}" for column in added)
    return f"(FROM {source} UNION ALL BY NAME (SELECT {none} LIMIT 0))"


def of_day(dataset: str) -> str:
    """Tell the table's rows of a day from others; takes `day`."""
    column = named(DATASETS[dataset].time_column)
    return f"{column} >= $day::DATE AND {column} < $day::DATE + 1"


def named(*columns: str) -> str:
    """Write names of columns as they stand in a statement: a name may be a word of the language."""
    return ", ".join(f'"{column}"' for column in columns)
