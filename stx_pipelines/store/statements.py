"""SQL statements for the database: read from the folder `sql`, or made from a dataset's columns."""

from __future__ import annotations

from importlib.resources import files

from stx_pipelines.chains.datasets import DATASETS, Dataset, Kind
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
    """Return the statements that create all missing tables and set their comments."""
    return "\n".join([*map(table_sql, DATASETS.values()), load_sql("coverage")])


def table_sql(dataset: Dataset) -> str:
    """Return the statements that create a dataset's table if it is missing and set its comments."""
    table = f"warehouse.{dataset.name}"
    columns = [(column.name, _TYPES[column.kind], column.comment) for column in dataset.table_columns]
    columns.append(("ingested_at", "TIMESTAMP", "when the day was proved"))
    described = ", ".join(f"{named(name)} {kind}" for name, kind, _ in columns)
    comments = [f"COMMENT ON COLUMN {table}.{named(name)} IS {quoted(comment)};" for name, _, comment in columns]
    return "\n".join(
        [
            f"CREATE TABLE IF NOT EXISTS {table} ({described});",
            f"COMMENT ON TABLE {table} IS {quoted(dataset.comment)};",
            *comments,
        ]
    )


def day_sql(dataset: str) -> str:
    """Return the query that selects the table's rows from `day_file`. Its parameter is `proved_at`."""
    of = DATASETS[dataset]
    columns = named(*(column.name for column in of.table_columns))
    shown = f" WHERE shown_{of.name}({named(*of.shown_by)})" if of.shown_by else ""
    order = f" ORDER BY {named(*of.sorted_by)}" if of.sorted_by else ""
    return f"SELECT {columns}, CAST($proved_at AS TIMESTAMP) AS ingested_at FROM day_file{shown}{order}"


def of_day(dataset: str) -> str:
    """Return the condition that holds for the table's rows of one day. Its parameter is `day`."""
    column = named(DATASETS[dataset].time_column)
    return f"{column} >= $day::DATE AND {column} < $day::DATE + 1"


def named(*columns: str) -> str:
    """Return column names quoted and separated by commas: a name may be an SQL keyword."""
    return ", ".join(f'"{column}"' for column in columns)
