"""SQL statements for the database: read from the folder `sql`, or made from a dataset's columns."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.datasets import DATASETS, Column, Dataset, Details, Kind
from stx_pipelines.store.scratch import quoted

Described = tuple[str, str, str]
"""Name, type and comment of a column."""

_TYPES: dict[Kind, str] = {
    "text": "VARCHAR",
    "word": "VARCHAR",
    "integer": "BIGINT",
    "ustx": "DECIMAL(20,0)",
    "wei": "DECIMAL(38,0)",
    "price": "DECIMAL(18,8)",
    "time": "TIMESTAMP",
    "flag": "BOOLEAN",
}


def load_sql(name: str, package: str = "stx_pipelines.store") -> str:
    """Read a statement from the folder `sql` of a package."""
    return files(package).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")


def schema_sql() -> str:
    """Return the statements that create all missing tables and set their comments."""
    tables = [statement for dataset in DATASETS.values() for statement in (table_sql(dataset), details_table(dataset))]
    return "\n".join([*tables, load_sql("coverage")])


def table_sql(dataset: Dataset) -> str:
    """Return the statements that create a dataset's table and the columns it lacks, and set its comments."""
    first, added = _described(dataset)
    return _table(dataset.name, dataset.comment, first, added)


def details_table(dataset: Dataset) -> str:
    """Return the same statements for a dataset's second table, or an empty text if there is no second table."""
    if dataset.details is None:
        return ""
    return _table(dataset.details.name, dataset.details.comment, described_details(dataset, dataset.details), [])


def _table(name: str, comment: str, first: Sequence[Described], added: Sequence[Described]) -> str:
    table = f"warehouse.{name}"
    declared = ", ".join(f"{named(column)} {kind}" for column, kind, _ in first)
    comments = [f"COMMENT ON COLUMN {table}.{named(column)} IS {quoted(what)};" for column, _, what in [*first, *added]]
    return "\n".join(
        [
            f"CREATE TABLE IF NOT EXISTS {table} ({declared});",
            *(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {named(name)} {kind};" for name, kind, _ in added),
            f"COMMENT ON TABLE {table} IS {quoted(comment)};",
            *comments,
        ]
    )


def described_columns(dataset: Dataset) -> list[Described]:
    """Return the name, type and comment of each column of a dataset's table, in the table's order."""
    first, added = _described(dataset)
    return [*first, *added]


def described_details(dataset: Dataset, details: Details) -> list[Described]:
    """Return the name, type and comment of each column of a dataset's second table, in the table's order."""
    key, *others = [(each.name, _TYPES[each.kind], each.comment) for each in _in_details(dataset, details)]
    return [key, ("day", "DATE", "UTC date of the row"), *others]


def _described(dataset: Dataset) -> tuple[list[Described], list[Described]]:
    """Return the columns of the table's first version, and the columns added since."""
    first, added = (
        [
            (column.name, _TYPES[column.kind], column.comment)
            for column in dataset.table_columns
            if column.added == later
        ]
        for later in (False, True)
    )
    return [*first, ("ingested_at", "TIMESTAMP", "when the day was proved")], added


def day_sql(dataset: Dataset, certificate: Certificate) -> str:
    """Return the query that selects the table's rows from `day_file`. Its parameter is `proved_at`.

    `certificate` is that of the day file. Columns that the file lacks are NULL.
    """
    first, added = (
        _selected(dataset, [column for column in dataset.table_columns if column.added == later], certificate)
        for later in (False, True)
    )
    columns = ", ".join(filter(None, [first, "CAST($proved_at AS TIMESTAMP) AS ingested_at", added]))
    order = f" ORDER BY {named(*dataset.sorted_by)}" if dataset.sorted_by else ""
    return f"SELECT {columns} FROM day_file{_shown(dataset)}{order}"


def details_sql(dataset: Dataset, details: Details, certificate: Certificate) -> str:
    """Return the query that selects the second table's rows from `day_file`. Its parameter is `day`."""
    key, *others = _in_details(dataset, details)
    columns = _selected(dataset, others, certificate)
    return f"SELECT {named(key.name)}, CAST($day AS DATE) AS day, {columns} FROM day_file{_shown(dataset)}"


def rows_sql(dataset: Dataset, details: Details | None, certificate: Certificate, source: str) -> str:
    """Return the query that selects the rows of a dataset's table from `source`, SQL for rows of day files.

    With `details`, select the rows of the second table. The files have the columns of `certificate`. The column
    `ingested_at` is left out, because it is not in the files.
    """
    return f"SELECT {_selected(dataset, _in_table(dataset, details), certificate)} FROM {source}{_shown(dataset)}"


def no_rows_sql(dataset: Dataset, details: Details | None) -> str:
    """Return a query without rows that has the columns of `rows_sql`."""
    return f"SELECT {', '.join(map(_null, _in_table(dataset, details)))} LIMIT 0"


def _in_table(dataset: Dataset, details: Details | None) -> list[Column]:
    return _in_details(dataset, details) if details else dataset.table_columns


def _in_details(dataset: Dataset, details: Details) -> list[Column]:
    by_name = {column.name: column for column in dataset.columns}
    return [by_name[name] for name in (details.key, *details.columns)]


def _selected(dataset: Dataset, columns: Sequence[Column], certificate: Certificate) -> str:
    held = dataset.columns_of(certificate)
    return ", ".join(named(column.name) if column in held else _null(column) for column in columns)


def _null(column: Column) -> str:
    return f"CAST(NULL AS {_TYPES[column.kind]}) AS {named(column.name)}"


def _shown(dataset: Dataset) -> str:
    return f" WHERE shown_{dataset.name}({named(*dataset.shown_by)})" if dataset.shown_by else ""


def with_added(dataset: Dataset) -> str:
    """Return SQL for a dataset's table, to use after FROM. Columns that an older table lacks are NULL."""
    table = f"warehouse.{dataset.name}"
    added = [column for column in dataset.table_columns if column.added]
    if not added:
        return table
    none = ", ".join(f"NULL::{_TYPES[column.kind]} AS {named(column.name)}" for column in added)
    return f"(FROM {table} UNION ALL BY NAME (SELECT {none} LIMIT 0))"


def of_day(dataset: str) -> str:
    """Return the SQL condition that selects the table's rows of one day. Its parameter is `day`."""
    column = named(DATASETS[dataset].time_column)
    return f"{column} >= $day::DATE AND {column} < $day::DATE + 1"


def named(*columns: str) -> str:
    """Return column names separated by commas, each quoted because a name may be an SQL keyword."""
    return ", ".join('"' + column.replace('"', '""') + '"' for column in columns)
