"""Functions that load day files into the tables of an open database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.datasets import DATASETS, Dataset, Details
from stx_pipelines.store.files import StoreError
from stx_pipelines.store.parquet import over_day_files
from stx_pipelines.store.statements import day_sql, details_sql, of_day

if TYPE_CHECKING:
    import duckdb


class WrongDayFile(StoreError):
    """A day file whose number of rows differs from the number in its certificate."""


class DayFile(NamedTuple):
    """A stored day: its file and its certificate."""

    path: Path
    certificate: Certificate


def load_each(connection: duckdb.DuckDBPyConnection, dataset: str, days: Sequence[DayFile]) -> Iterator[WrongDayFile]:
    """Load each day in a separate transaction. Yield the errors of the days that were left out."""
    for day in days:
        connection.begin()
        try:
            replace_day(connection, dataset, day)
            record(connection, dataset, [day])
        except WrongDayFile as error:
            connection.rollback()
            yield error
        else:
            connection.commit()


def replace_day(connection: duckdb.DuckDBPyConnection, dataset: str, day: DayFile) -> None:
    """Replace the rows of a day in the tables of a dataset by the rows of its file. Raises `WrongDayFile`."""
    of, certificate = DATASETS[dataset], day.certificate
    connection.execute(f"DELETE FROM warehouse.{dataset} WHERE {of_day(dataset)}", {"day": certificate.day})
    proved_at = certificate.proved_at.astimezone(UTC).replace(tzinfo=None)
    _insert(connection, dataset, day, day_sql(of, certificate), {"proved_at": proved_at})
    if of.details:
        _replace_details(connection, of, of.details, day)


def _replace_details(connection: duckdb.DuckDBPyConnection, of: Dataset, details: Details, day: DayFile) -> None:
    key = {"day": day.certificate.day}
    connection.execute(f"DELETE FROM warehouse.{details.name} WHERE day = $day", key)
    _insert(connection, details.name, day, details_sql(of, details, day.certificate), key)


def _insert(
    connection: duckdb.DuckDBPyConnection, table: str, day: DayFile, select: str, values: Mapping[str, object]
) -> None:
    statement = f"INSERT INTO warehouse.{table} {over_day_files(select, day.path)}"
    [(inserted,)] = connection.execute(statement, values).fetchall()
    refuse_another_count(day, inserted)


def refuse_another_count(day: DayFile, rows: int) -> None:
    """Raise `WrongDayFile` if the number of loaded rows is not that of the certificate."""
    if rows != day.certificate.published:
        raise WrongDayFile(
            f"{day.path} gives {rows} rows, but its certificate states {day.certificate.published}; none of them "
            "was loaded: delete the file, and the next sync reads the day again"
        )


def fill_details(connection: duckdb.DuckDBPyConnection, dataset: str, days: Sequence[DayFile]) -> None:
    """Load those of these days that the first table holds into the second table, in one transaction."""
    of, loaded = DATASETS[dataset], loaded_days(connection, dataset)
    connection.begin()
    for day in days:
        if of.details and loaded.get(day.certificate.day) == day.certificate.id:
            _replace_details(connection, of, of.details, day)
    connection.commit()


def record(connection: duckdb.DuckDBPyConnection, dataset: str, days: Sequence[DayFile]) -> None:
    """Write to the table `coverage` the certificate that each of these days was loaded from."""
    certificates = [day.certificate for day in days]
    key = {"dataset": dataset, "days": [each.day for each in certificates]}
    connection.execute("DELETE FROM warehouse.coverage WHERE dataset = $dataset AND list_contains($days, day)", key)
    connection.execute(
        "INSERT INTO warehouse.coverage "
        "SELECT $dataset, unnest($days), unnest($certificates), unnest($row_counts), $loaded_at",
        key
        | {
            "certificates": [each.id for each in certificates],
            "row_counts": [each.published for each in certificates],
            "loaded_at": datetime.now(UTC).replace(tzinfo=None),
        },
    )


def loaded_days(connection: duckdb.DuckDBPyConnection, dataset: str) -> dict[date, str]:
    """Return the loaded days of a dataset, each with the id of the certificate that it was loaded from."""
    query = "SELECT day, certificate FROM warehouse.coverage WHERE dataset = $dataset ORDER BY day"
    return dict(connection.execute(query, {"dataset": dataset}).fetchall())
