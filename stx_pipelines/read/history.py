"""The certified day files and the results in a data folder, selected by days."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.datasets import BALANCES, BLOCKS, DATASETS, TRANSACTIONS, Dataset
from stx_pipelines.chains.days import DAY, days_between
from stx_pipelines.coverage.text import some_days
from stx_pipelines.metrics.results import RESULTS, tables_of
from stx_pipelines.store.data_folder import DataFolder
from stx_pipelines.store.day_files import DayFiles
from stx_pipelines.store.files import StoreError
from stx_pipelines.store.loading import DayFile
from stx_pipelines.store.neighbours import torn_days
from stx_pipelines.store.rows import Rows, rows_of_days, rows_of_file

_DETAILS = {dataset.details.name: dataset for dataset in DATASETS.values() if dataset.details}


class NotCovered(StoreError):
    """Days of a range that are not stored, or not closed yet. `days` has them, oldest first."""

    def __init__(self, table: str, days: list[date]) -> None:
        what = f"not stored and closed: {some_days(days)}" if days else "no closed day is stored"
        super().__init__(f"{table}: {what}; run `stx-pipelines sync`, or give partial=True for the rows that are there")
        self.days = days


class History:
    """The history in the data folder at `path`."""

    def __init__(self, path: Path) -> None:
        """Keep the path. Files are read when rows are asked for."""
        self._folder = DataFolder(path)

    @property
    def path(self) -> Path:
        """The data folder."""
        return self._folder.path

    @property
    def tables(self) -> list[str]:
        """The names that `table` knows, those of the chains first."""
        return [*DATASETS, *_DETAILS, *tables_of(RESULTS)]

    def days(self, name: str, *, partial: bool = False) -> list[date]:
        """Return the closed days of a dataset, oldest first. With `partial`, return all stored days.

        Raises `ValueError` for a name that is no dataset.
        """
        if name not in DATASETS:
            raise ValueError(f"{name} is no dataset: there are {', '.join(DATASETS)}")
        files = DayFiles(self._folder.days(name), remembers=False)
        known = files.certificates()
        return sorted(known if partial else _closed(DATASETS[name], files, known))

    def transactions(self, start: date | None = None, end: date | None = None, *, partial: bool = False) -> Rows:
        """Return the rows of the table `transactions`. See `table`."""
        return self.table(TRANSACTIONS, start, end, partial=partial)

    def blocks(self, start: date | None = None, end: date | None = None, *, partial: bool = False) -> Rows:
        """Return the rows of the table `blocks`. See `table`."""
        return self.table(BLOCKS, start, end, partial=partial)

    def miners_balance(self, start: date | None = None, end: date | None = None, *, partial: bool = False) -> Rows:
        """Return the rows of the table `miners_balance`. See `table`."""
        return self.table(BALANCES, start, end, partial=partial)

    def table(self, name: str, start: date | None = None, end: date | None = None, *, partial: bool = False) -> Rows:
        """Return the rows of a table, as the database has them, without the column `ingested_at`.

        A table of a dataset has the UTC days in `[start, end)`. None means the oldest stored day, or the day after the
        newest closed day. All days of the range must be stored and closed. With `partial`, the rows of all stored days
        of the range are returned, also of open days. The tables of the metrics are whole: they have no range.

        Raises `NotCovered`, `StoreError` if a result is not computed yet, and `ValueError` for another name.
        """
        if name in (*DATASETS, *_DETAILS):
            of = DATASETS.get(name) or _DETAILS[name]
            return rows_of_days(of.name, self._days(of, name, start, end, partial=partial), details=name in _DETAILS)
        if name not in tables_of(RESULTS):
            raise ValueError(f"{name} is no table: there are {', '.join(self.tables)}")
        if start or end or partial:
            raise ValueError(f"{name} is a table of the metrics, which has no range of days")
        path = self._folder.metric(name)
        if not path.exists():
            raise StoreError(f"{path} does not exist: run `stx-pipelines metrics`, which computes it")
        return rows_of_file(path)

    def _days(self, of: Dataset, table: str, start: date | None, end: date | None, *, partial: bool) -> list[DayFile]:
        files = DayFiles(self._folder.days(of.name), remembers=False)
        known = files.certificates()
        closed = _closed(of, files, known)
        start = start or min(known, default=None)
        end = end or (max((known if partial else closed), default=date.min) + DAY)
        wanted = days_between(start, end - DAY) if start else []
        lacking = [day for day in wanted if day not in closed]
        if not partial and (lacking or not wanted):
            raise NotCovered(table, lacking)
        return [DayFile(files.path(day), known[day]) for day in wanted if day in known]


def _closed(of: Dataset, files: DayFiles, known: Mapping[date, Certificate]) -> set[date]:
    """Return the closed days that fit to their neighbours."""
    torn = torn_days(files, compare=False) if of.name == TRANSACTIONS else frozenset()
    return {day for day, each in known.items() if each.is_closed and day not in torn}
