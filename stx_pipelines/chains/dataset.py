"""The types that describe a dataset: its columns, the cost of a day, and the dataset itself.

The datasets are in `datasets.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Any, Literal, NamedTuple

import msgspec

from stx_pipelines.chains.certificate import Certificate

Kind = Literal["text", "word", "integer", "ustx", "wei", "price", "time", "flag"]
"""The kind of a column's values. A word is a text with few distinct values, ustx an integer of up to 20 digits, wei an
integer of up to 38 digits, price a decimal of up to 18 digits with 8 places.

Rows hold a time as unix seconds, files and tables as a UTC timestamp.
"""


class Column(NamedTuple):
    """A column of a day file. `comment` describes it with its unit; `in_table` says whether the table has it too.

    An `added` column came after the dataset's first version. The table has it after `ingested_at`. Older day files lack
    the column, and its values are read as NULL.
    """

    name: str
    kind: Kind
    comment: str
    in_table: bool = True
    added: bool = False


class Details(NamedTuple):
    """A second table of a dataset. It has the same rows, with the key, `day` and these columns of the day file."""

    name: str
    key: str
    columns: tuple[str, ...]
    comment: str


class Price(NamedTuple):
    """The cost of a day in requests, and the size of its file.

    `unknown` is the number of requests while no day is stored. `bytes_per_row` is the size of a row in a day file.
    """

    unknown: int
    rows_per_request: float
    bytes_per_row: int = 100

    @property
    def unknown_bytes(self) -> int:
        """The size of a day file while no day is stored."""
        return round(self.unknown * self.rows_per_request * self.bytes_per_row)

    def of(self, certificate: Certificate) -> tuple[int, float]:
        """Return the requests and seconds that the day costs if it is fetched at once.

        The certificate of a day that was fetched in parts counts only the last part, so both numbers are scaled up.
        """
        requests = max(certificate.requests, ceil(certificate.expected / self.rows_per_request))
        return requests, (certificate.seconds or 0.0) * requests / max(1, certificate.requests)


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A table and its day files. `noun` names its rows, `comment` describes the table.

    `columns` are those of the day files in their order; each is a field of `row`, the type of its rows. `time_column`
    is the column whose UTC date is the day of a row. `shown_by` are the columns that decide whether the table shows a
    row, passed in this order to the macro `shown_NAME` in `store/sql/shown.sql`; if empty, all rows are shown.
    `sorted_by` is the order of a day's rows in the table; if empty, it is the order in the file. `made_from` is the
    dataset from which this dataset's days are made. A day is open again once the day of that dataset changes. `details`
    is a second table, or None. `switch` is the setting that must be true for days of the dataset to be wanted; if None,
    they are always wanted.
    """

    name: str
    chain: str
    noun: str
    comment: str
    row: type[Any]
    columns: tuple[Column, ...]
    time_column: str
    price: Price
    shown_by: tuple[str, ...] = ()
    sorted_by: tuple[str, ...] = ()
    made_from: str | None = None
    details: Details | None = None
    switch: str | None = None

    @property
    def table_columns(self) -> list[Column]:
        """The columns of the day file that the table has too. The table adds `ingested_at`."""
        return [column for column in self.columns if column.in_table]

    def columns_of(self, certificate: Certificate) -> tuple[Column, ...]:
        """Return the columns that the day file with this certificate has. Later versions append columns."""
        if certificate.columns is msgspec.UNSET:
            return tuple(column for column in self.columns if not column.added)
        return self.columns[: certificate.columns]

    def lacks_columns(self, certificate: Certificate) -> bool:
        """Return whether the day file with this certificate lacks columns that were added later."""
        return len(self.columns_of(certificate)) < len(self.columns)
