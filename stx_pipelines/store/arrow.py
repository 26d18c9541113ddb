"""Conversion of a dataset's rows to the Arrow tables of its day files, and back.

In the files, times are UTC timestamps. Amounts in Wei are DECIMAL(38,0), because they do not fit into 64 bits and
Parquet has no wider integer.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from stx_pipelines.chains.datasets import Dataset, Kind
from stx_pipelines.store.day_files import spare_memory

if TYPE_CHECKING:
    import pyarrow as pa

_MICROSECONDS = 1_000_000


def schema(dataset: Dataset) -> pa.Schema:
    """Return the Arrow schema of the dataset's day files."""
    import pyarrow as pa

    types: dict[Kind, pa.DataType] = {
        "text": pa.string(),
        "word": pa.dictionary(pa.int32(), pa.string()),
        "integer": pa.int64(),
        "ustx": pa.decimal128(20, 0),
        "wei": pa.decimal128(38, 0),
        "price": pa.decimal128(18, 8),
        "time": pa.timestamp("us"),
        "flag": pa.bool_(),
    }
    return pa.schema([(column.name, types[column.kind]) for column in dataset.columns])


def to_arrow(dataset: Dataset, rows: Sequence[Any]) -> pa.Table:
    """Convert rows to a table that has them in the order given."""
    import pyarrow as pa

    spare_memory()
    wanted = schema(dataset)
    arrays = [_array(list(map(attrgetter(field.name), rows)), field.type) for field in wanted]
    return pa.Table.from_arrays(arrays, schema=wanted)


def from_arrow(dataset: Dataset, table: pa.Table) -> list[Any]:
    """Convert the table of a day file to rows. Columns added later that the file lacks are None."""
    lacking: list[Any] = [None] * table.num_rows
    columns = {
        column.name: lacking
        if column.added and column.name not in table.column_names
        else _values(table.column(column.name), column.kind)
        for column in dataset.columns
    }
    row, names = dataset.row, _fields(dataset)
    return [row(*values) for values in zip(*(columns[name] for name in names), strict=True)]


def _fields(dataset: Dataset) -> list[str]:
    """Return the names of the columns in the order of the row's fields."""
    order = list(dataset.row.__annotations__)
    return sorted((column.name for column in dataset.columns), key=order.index)


def _array(values: Sequence[object], wanted: pa.DataType) -> pa.Array:
    import pyarrow as pa

    if pa.types.is_timestamp(wanted):
        return pa.array(values, pa.int64()).cast(pa.timestamp("s")).cast(wanted)
    return pa.array(values, wanted)


def _values(column: pa.ChunkedArray, kind: Kind) -> list[Any]:
    import pyarrow as pa
    import pyarrow.compute as pc

    if kind == "time":
        column = pc.divide(column.cast(pa.int64()), _MICROSECONDS)
    values: list[Any] = column.to_pylist()
    return [None if value is None else int(value) for value in values] if kind in ("ustx", "wei") else values
