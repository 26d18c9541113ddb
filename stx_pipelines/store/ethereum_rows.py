"""Ethereum rows as Arrow: the columns of the day files, and back. Times are UTC timestamps in the files.

Balances are DECIMAL(38,0): they do not fit 64 bits, and Parquet has no wider integer that every reader keeps exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

from stx_pipelines.chains.ethereum import BalanceChange, Block
from stx_pipelines.store.day_files import spare_memory

if TYPE_CHECKING:
    import pyarrow as pa

_MICROSECONDS = 1_000_000
Row = TypeVar("Row", Block, BalanceChange)


def blocks_schema() -> pa.Schema:
    """The columns of `blocks`."""
    import pyarrow as pa

    text, number = pa.string(), pa.int64()
    return pa.schema(
        [
            ("number", number),
            ("hash", text),
            ("parent_hash", text),
            ("miner", pa.dictionary(pa.int32(), text)),
            ("timestamp", pa.timestamp("us")),
            ("gas_used", number),
            ("gas_limit", number),
            ("base_fee_per_gas", number),
            ("transaction_count", number),
            ("size", number),
            ("extra_data", text),
        ]
    )


def balances_schema() -> pa.Schema:
    """The columns of `miners_balance`."""
    import pyarrow as pa

    wei = pa.decimal128(38, 0)
    return pa.schema(
        [
            ("block_number", pa.int64()),
            ("block_time", pa.timestamp("us")),
            ("miner", pa.dictionary(pa.int32(), pa.string())),
            ("balance_before", wei),
            ("balance_after", wei),
            ("balance_increase", wei),
            ("block_hash", pa.string()),
        ]
    )


def blocks_to_arrow(blocks: Sequence[Block]) -> pa.Table:
    """One row per block, in the order given."""
    return _to_arrow(blocks, Block._fields, blocks_schema())


def balances_to_arrow(changes: Sequence[BalanceChange]) -> pa.Table:
    """One row per block, in the order given."""
    return _to_arrow(changes, BalanceChange._fields, balances_schema())


def blocks_from_arrow(table: pa.Table) -> list[Block]:
    """The rows of a day file of `blocks`."""
    return [Block(*row) for row in _rows(table, Block._fields)]


def balances_from_arrow(table: pa.Table) -> list[BalanceChange]:
    """The rows of a day file of `miners_balance`; balances as integers of Wei."""
    return [
        BalanceChange(number, time, miner, int(before), int(after), int(increase), name)
        for number, time, miner, before, after, increase, name in _rows(table, BalanceChange._fields)
    ]


def _to_arrow(rows: Sequence[Row], names: Sequence[str], schema: pa.Schema) -> pa.Table:
    import pyarrow as pa

    spare_memory()
    columns = dict(zip(names, zip(*rows, strict=True), strict=True)) if rows else {}
    return pa.Table.from_arrays([_array(columns.get(field.name, ()), field) for field in schema], schema=schema)


def _array(values: Sequence[object], field: pa.Field) -> pa.Array:
    import pyarrow as pa

    if pa.types.is_timestamp(field.type):
        return pa.array(values, pa.int64()).cast(pa.timestamp("s")).cast(field.type)
    return pa.array(values, field.type)


def _rows(table: pa.Table, names: Sequence[str]) -> zip[tuple]:  # type: ignore[type-arg]
    return zip(*(_values(table.column(name)) for name in names), strict=True)


def _values(column: pa.ChunkedArray) -> list[object]:
    import pyarrow as pa

    if pa.types.is_timestamp(column.type):
        return [time // _MICROSECONDS for time in column.cast(pa.int64()).to_pylist()]
    values: list[object] = column.to_pylist()
    return values
