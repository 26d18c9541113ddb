"""Checks of a day file that another data folder wrote, before anything of it is used. They need no network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, get_args, get_type_hints

from stx_pipelines.chains.certificate import VERSION, Certificate
from stx_pipelines.chains.datasets import Dataset
from stx_pipelines.store.arrow import schema
from stx_pipelines.store.day_files import DayFiles
from stx_pipelines.store.files import StoreError

if TYPE_CHECKING:
    from datetime import date

    import pyarrow as pa

MOST_ROWS = 2_000_000
_MOST_BYTES = 2**30  # of a file's rows without compression, so that a small file cannot fill the memory
_NOT_NEGATIVE = ("integer", "ustx")


class ForeignFile(StoreError):
    """A file of another data folder that is refused. The message is the end of a sentence about the file."""


def read_foreign(files: DayFiles, dataset: Dataset, day: date, chain: str) -> tuple[Certificate, pa.Table]:
    """Return the certificate and the rows of a file, after checks of both, of the columns and of the rows' digest.

    Raises `ForeignFile`, and the errors of `DayFiles`.
    """
    certificate = files.certificate(day)
    if certificate is None:
        raise ForeignFile("is missing")
    if fault := _fault(certificate, dataset, chain):
        raise ForeignFile(fault)
    _refuse_large(files.path(day))
    table = files.read(day)
    _refuse_other_columns(table, dataset, certificate)
    return certificate, table


def _fault(certificate: Certificate, dataset: Dataset, chain: str) -> str | None:
    if certificate.dataset != dataset.name:
        return f"has the certificate of {certificate.dataset}"
    if not certificate.chain:
        return "does not name its chain, as an early version wrote it"
    if certificate.chain != chain:
        return f"is of another chain, {certificate.chain}"
    if not certificate.is_closed:
        return "is of an open day"
    if certificate.version != VERSION or not certificate.rows_digest or not certificate.columns:
        return "has a certificate of an early version"
    if certificate.columns > len(dataset.columns):
        return "has columns of a later version: install a newer version of stx_pipelines"
    return None


def _refuse_large(path: Path) -> None:
    import pyarrow.parquet as pq

    footer = pq.read_metadata(path)
    size = sum(footer.row_group(number).total_byte_size for number in range(footer.num_row_groups))
    if footer.num_rows > MOST_ROWS or size > _MOST_BYTES:
        raise ForeignFile(f"is too large: {footer.num_rows:,} rows, {size:,} bytes without compression")


def _refuse_other_columns(table: pa.Table, dataset: Dataset, certificate: Certificate) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = dataset.columns_of(certificate)
    if not table.schema.remove_metadata().equals(pa.schema(list(schema(dataset))[: len(columns)])):
        raise ForeignFile("has other columns than its certificate states")
    required = {name for name, kind in get_type_hints(dataset.row).items() if type(None) not in get_args(kind)}
    for column in columns:
        values = table[column.name]
        if column.name in required and values.null_count:
            raise ForeignFile(f"has rows without {column.name}")
        if column.kind in _NOT_NEGATIVE and (pc.min(values).as_py() or 0) < 0:
            raise ForeignFile(f"has a negative {column.name}")
