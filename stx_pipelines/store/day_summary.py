"""What a person wants to know of a landed day, computed from its file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import pyarrow as pa


class DaySummary(NamedTuple):
    """Counts over all rows of the day; fees are those of all rows, in microSTX; hours are UTC burn time."""

    by_status: dict[str, int]
    by_type: dict[str, int]
    by_hour: list[int]
    fee_ustx: int


COLUMNS = ("burn_block_time", "tx_status", "tx_type", "fee_ustx")
"""What a summary is made of."""


def summarize(table: pa.Table) -> DaySummary:
    """The summary of these columns of a day of transactions."""
    import pyarrow.compute as pc

    hours = _counts(pc.hour(table.column("burn_block_time")))
    return DaySummary(
        by_status=_counts(table.column("tx_status")),
        by_type=_counts(table.column("tx_type")),
        by_hour=[hours.get(hour, 0) for hour in range(24)],
        fee_ustx=pc.sum(table.column("fee_ustx")).as_py() or 0,
    )


def _counts(column: pa.ChunkedArray) -> dict[Any, int]:
    counted = column.value_counts().to_pylist()
    return {each["values"]: each["counts"] for each in sorted(counted, key=lambda each: -each["counts"])}
