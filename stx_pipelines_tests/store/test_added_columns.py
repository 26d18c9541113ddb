"""Columns that a dataset got after its first version: old files and tables stay, and read as NULL there."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from stx_pipelines.chains.datasets import BALANCES, BLOCKS, DATASETS
from stx_pipelines.store.arrow import from_arrow
from stx_pipelines.store.data_folder import DataFolder
from stx_pipelines.store.dataset_store import open_store
from stx_pipelines.store.day_files import DayFiles
from stx_pipelines.store.fee_recipients import fee_recipients
from stx_pipelines.store.inspect import differing_days
from stx_pipelines.store.loading import DayFile
from stx_pipelines.store.scratch import Engine
from stx_pipelines.store.warehouse import Warehouse
from stx_pipelines_tests.store.ethereum_days import (
    DAYS,
    balances_table,
    blocks_of,
    blocks_table,
    certificate,
    change,
    changes_of,
)
from stx_pipelines_tests.world import query

ROWS: dict[str, Any] = {
    BLOCKS: lambda day: [block._replace(state_root="0x" + "5" * 64, difficulty=7) for block in blocks_of(day)],
    BALANCES: lambda day: [row._replace(withdrawals_gwei=9) for row in changes_of(day)],
}
TABLES = {BLOCKS: blocks_table, BALANCES: balances_table}


def write(data: Path, dataset: str, day: date, *, old: bool) -> DayFile:
    """Write a day file, of an earlier version or of this one."""
    table = TABLES[dataset](ROWS[dataset](day))
    if old:
        table = table.drop_columns([column.name for column in DATASETS[dataset].columns if column.added])
    files = DayFiles(data / "days" / dataset)
    return DayFile(files.path(day), files.write(table, certificate(dataset, day, blocks_of(day))))


def load(data: Path, dataset: str, *files: DayFile) -> None:
    Warehouse(DataFolder(data), wait=1.0).load(dataset, files)


def drop_added(data: Path, dataset: str) -> None:
    """Make the table one of an earlier version."""
    added = [column.name for column in DATASETS[dataset].table_columns if column.added]
    change(data / "warehouse.duckdb", *(f"ALTER TABLE {dataset} DROP COLUMN {name}" for name in added))


@pytest.mark.parametrize(("dataset", "column"), [(BLOCKS, "state_root"), (BALANCES, "withdrawals_gwei")])
def test_old_and_new_days_stand_in_one_table(data: Path, dataset: str, column: str) -> None:
    old, new = (write(data, dataset, day, old=early) for day, early in zip(DAYS, (True, False), strict=False))
    load(data, dataset, old)
    drop_added(data, dataset)
    assert differing_days(data / "warehouse.duckdb", dataset, [old]) == []
    before = query(data, f"SELECT * FROM {dataset} ORDER BY ALL")
    load(data, dataset, new)
    of_old = f"SELECT * FROM {dataset} WHERE {column} IS NULL ORDER BY ALL"
    assert [row[: len(before[0])] for row in query(data, of_old)] == before
    values = {getattr(row, column) for row in ROWS[dataset](DAYS[1])}
    assert {value for (value,) in query(data, f"SELECT {column} FROM {dataset}")} == values | {None}
    assert differing_days(data / "warehouse.duckdb", dataset, [old, new]) == []


@pytest.mark.parametrize("dataset", [BLOCKS, BALANCES])
def test_an_old_file_gives_rows_that_lack_what_it_lacks(data: Path, dataset: str) -> None:
    write(data, dataset, DAYS[0], old=True)
    added = {column.name: None for column in DATASETS[dataset].columns if column.added}
    store = open_store(DataFolder(data), Warehouse(DataFolder(data)), dataset)
    assert store.rows(DAYS[0]) == [row._replace(**added) for row in ROWS[dataset](DAYS[0])]


def test_a_file_that_lacks_a_column_of_the_first_version_is_an_error() -> None:
    table = blocks_table(blocks_of(DAYS[0])).drop_columns(["size"])
    with pytest.raises(KeyError, match="size"):
        from_arrow(DATASETS[BLOCKS], table)


@pytest.mark.parametrize("order", [(True, False), (False, True)])
def test_the_fee_recipients_of_old_and_new_days_are_summed_up_together(data: Path, order: tuple[bool, bool]) -> None:
    for day, old in zip(DAYS, order, strict=False):
        write(data, BALANCES, day, old=old)
    found = fee_recipients(DataFolder(data), Engine(200, 1), 10)
    assert found is not None
    assert (found.days, found.blocks) == (2, 12)
