"""Day files of every dataset with made-up rows that are hard to copy: large, negative, missing and odd values."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from stx_pipelines.chains.datasets import DATASETS, Dataset, Kind
from stx_pipelines.store.arrow import schema
from stx_pipelines.store.data_folder import DataFolder
from stx_pipelines.store.day_files import DayFiles
from stx_pipelines.store.loading import DayFile
from stx_pipelines_tests.store.ethereum_days import certificate
from stx_pipelines_tests.world import at

DAYS = [date(2026, 8, 31), date(2026, 9, 1), date(2026, 9, 2)]
"""Days of two months."""

_VALUES: dict[Kind, list[Any]] = {
    "text": ["0xab", "", 'a "quoted", text', "two\nlines \\. \\N", "NULL", "\u00fc \U0001f980", None],
    "word": ["word", "", "a,b", None],
    "integer": [0, -(2**63), 2**63 - 1, None],
    "ustx": [Decimal(10**20 - 1), Decimal(0), Decimal(1), None],
    "wei": [Decimal(10**38 - 1), Decimal(1 - 10**38), Decimal(1), Decimal(0), None],
    "price": [Decimal("9999999999.99999999"), Decimal("0.00000001"), Decimal("-0.00000001"), None],
    "flag": [True, False, None],
}
_SHOWN: dict[str, object] = {"canonical": True, "tx_status": "success", "sender_address": "SP1"}
ROWS = 9


def make_day(data: Path, dataset: str, day: date, *, made: int = 0, states: int = 0) -> DayFile:
    """Store a day. Another `made` gives other rows. The certificate states this many rows more than the file has."""
    of = DATASETS[dataset]
    rows = [_row(of, day, number + made * ROWS) for number in range(ROWS)]
    known = msgspec.structs.replace(
        certificate(dataset, day, []), expected=ROWS, seen=ROWS, published=ROWS + states, requests=made
    )
    files = DayFiles(DataFolder(data).days(dataset))
    return DayFile(files.path(day), files.write(pa.Table.from_pylist(rows, schema=schema(of)), known))


def rows_of(days: list[DayFile], columns: list[str]) -> list[tuple[Any, ...]]:
    """Return these columns of day files, in any order, as the rows of a table are compared."""
    return in_order(
        tuple(row[name] for name in columns)
        for day in days
        for row in DayFiles(day.path.parent).read(day.certificate.day).to_pylist()
    )


def in_order(rows: Any) -> list[tuple[Any, ...]]:
    """Return rows in an order that does not depend on where they are from. Times lose their time zone, which is UTC."""
    return sorted((tuple(map(_naive, row)) for row in rows), key=repr)


def _naive(value: object) -> object:
    return value.astimezone(UTC).replace(tzinfo=None) if isinstance(value, datetime) and value.tzinfo else value


def _row(of: Dataset, day: date, number: int) -> dict[str, object]:
    row = {}
    for place, (name, kind, *_) in enumerate(of.columns):
        if kind == "time":
            row[name] = at(day).replace(tzinfo=None) + timedelta(seconds=(86_399, 0, 43_200)[number % 3])
        else:
            row[name] = _VALUES[kind][(number + place) % len(_VALUES[kind])]
    return row | {name: value for name, value in _SHOWN.items() if name in of.shown_by}
