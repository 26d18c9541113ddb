"""Stacks transactions as Arrow: the columns of the day file, and back. Times are UTC timestamps in the file."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import TYPE_CHECKING

from stx_pipelines.chains.stacks import Tx

if TYPE_CHECKING:
    import pyarrow as pa

_TIMES = ("block_time", "burn_block_time")
_MICROSECONDS = 1_000_000


def schema() -> pa.Schema:
    """The 12 columns of the table but `ingested_at`, then what the day file keeps besides."""
    import pyarrow as pa

    text, number, time = pa.string(), pa.int64(), pa.timestamp("us")
    words = pa.dictionary(pa.int32(), pa.string())
    return pa.schema(
        [
            ("tx_id", text),
            ("block_time", time),
            ("block_height", number),
            ("sender_address", text),
            ("fee_ustx", number),
            ("tx_type", words),
            ("canonical", pa.bool_()),
            ("tx_status", words),
            ("burn_block_time", time),
            ("burn_block_height", number),
            ("microblock_sequence", number),
            ("tx_index", number),
            ("index_block_hash", words),
            ("nonce", number),
            ("sponsor_address", text),
        ]
    )


def to_arrow(rows: Sequence[Tx]) -> pa.Table:
    """One row per transaction, in the order given."""
    import pyarrow as pa

    wanted = schema()
    arrays = [_array(list(map(attrgetter(field.name), rows)), field) for field in wanted]
    return pa.Table.from_arrays(arrays, schema=wanted)


def _array(values: Sequence[object], field: pa.Field) -> pa.Array:
    import pyarrow as pa

    if field.name in _TIMES:
        return pa.array(values, pa.int64()).cast(pa.timestamp("s")).cast(field.type)
    return pa.array(values, field.type)


def from_arrow(table: pa.Table) -> list[Tx]:
    """The rows of a day file; `block_hash` is not kept there."""
    import pyarrow as pa

    columns = {}
    for field in schema():
        column = table.column(field.name)
        if field.name in _TIMES:
            column = column.cast(pa.int64())
        values = column.to_pylist()
        if field.name in _TIMES:
            values = [None if value is None else value // _MICROSECONDS for value in values]
        columns[field.name] = values
    kept = Tx.__struct_fields__[:-1]
    return [Tx(*row, None) for row in zip(*(columns[name] for name in kept), strict=True)]  # type: ignore[call-arg]
