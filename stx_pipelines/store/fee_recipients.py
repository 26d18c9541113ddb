"""Counts and sums per fee recipient of Ethereum blocks, from the day files of `miners_balance` and `increase_parts`.

The increase of a balance is not income. The dashboard's section explains the difference.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from stx_pipelines.chains.datasets import BALANCES, PARTS
from stx_pipelines.chains.days import days_between
from stx_pipelines.store.data_folder import DataFolder
from stx_pipelines.store.day_files import DayFiles
from stx_pipelines.store.files import StoreError
from stx_pipelines.store.parquet import parquet_rows
from stx_pipelines.store.scratch import Engine, scratch_database
from stx_pipelines.store.statements import load_sql

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa


@dataclass(frozen=True, kw_only=True)
class FeeRecipients:
    """The first fee recipients, and the days and blocks they were counted in.

    They are ranked by their priority fees if the parts of all blocks are stored, otherwise by their blocks.
    `blocks_with_parts` is the number of blocks whose parts are stored. `table` has exact amounts in ETH. `recipients`
    is the number of all fee recipients. `missing_days` is the number of days without a file between the first and the
    last day. `missing_blocks` is the number of block numbers without a row between the first and the last block.
    Times are UTC.
    """

    table: pa.Table
    recipients: int
    days: int
    missing_days: int
    blocks: int
    first_block: int
    last_block: int
    missing_blocks: int
    first_time: datetime
    last_time: datetime
    blocks_with_parts: int = 0

    @property
    def is_ranked_by_fees(self) -> bool:
        """Whether the parts of all blocks are stored."""
        return self.blocks_with_parts == self.blocks


def fee_recipients(folder: DataFolder, engine: Engine, most: int) -> FeeRecipients | None:
    """Return the first `most` fee recipients of all stored days, None if no block is stored.

    Raises `StoreError` if a day file cannot be read.
    """
    import duckdb

    files = DayFiles(folder.days(BALANCES))
    days = files.days()
    if not days:
        return None
    try:
        with scratch_database(folder.run, engine) as connection:
            parts = _paths_of_parts(files, DayFiles(folder.days(PARTS)))
            return _summed_up(connection, days, [files.path(day) for day in days], parts, most)
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
        raise StoreError(
            f"the day files in {files.folder} cannot be summed up ({reason}); they are kept: delete the damaged file, "
            "and the next sync reads its day again"
        ) from error


def _paths_of_parts(balances: DayFiles, parts: DayFiles) -> list[Path]:
    """Return the files of parts that belong to the stored balances."""
    if not parts.days():
        return []
    stored = balances.certificates()
    return [parts.path(day) for day, known in parts.certificates().items() if known.is_of_same_blocks(stored.get(day))]


def _summed_up(
    connection: duckdb.DuckDBPyConnection, days: list[date], paths: list[Path], parts: list[Path], most: int
) -> FeeRecipients | None:
    connection.execute(f"CREATE VIEW balances AS FROM {parquet_rows(*paths)}")
    connection.execute(load_sql("fee_recipients/base"))
    basis = connection.execute(load_sql("fee_recipients/basis")).fetchall()[0]
    blocks, recipients, first_block, last_block, missing_blocks, first_time, last_time = basis
    if not blocks:
        return None
    with_parts = 0
    if parts:
        connection.execute(f"CREATE VIEW parts AS FROM {parquet_rows(*parts)}")
        [[with_parts]] = connection.execute("SELECT count(*) FROM parts").fetchall()
    ranking = "recipients_by_fees" if with_parts == blocks else "recipients"
    return FeeRecipients(
        table=connection.execute(load_sql(f"fee_recipients/{ranking}"), {"most": most}).to_arrow_table(),
        recipients=recipients,
        days=len(days),
        missing_days=len(days_between(days[0], days[-1])) - len(days),
        blocks=blocks,
        first_block=first_block,
        last_block=last_block,
        missing_blocks=missing_blocks,
        first_time=first_time,
        last_time=last_time,
        blocks_with_parts=with_parts,
    )
