"""Tables, day files, conversion and coverage follow from the value of a dataset, including a new one."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pyarrow.parquet as pq
import pytest

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.datasets import BLOCKS, DATASETS, PRICES, WALLET_BALANCES, Column, Dataset, Price
from stx_pipelines.chains.days import window
from stx_pipelines.chains.wallet_balances import WalletBalance
from stx_pipelines.coverage.chains import STACKS
from stx_pipelines.coverage.current import dataset_coverage
from stx_pipelines.coverage.status import statuses
from stx_pipelines.store.arrow import from_arrow, schema, to_arrow
from stx_pipelines.store.inspect import differing_days
from stx_pipelines.store.loading import DayFile
from stx_pipelines_tests.store.ethereum_days import (
    DAYS,
    block_hash,
    blocks_of,
    certificate,
    change,
    changes_of,
    store_days,
    store_parts,
)
from stx_pipelines_tests.world import FIRST_DAY, ROOT, World, at, make_chain, query

WORD = "dictionary<values=string, indices=int32, ordered=0>"
FILES = {
    "transactions": (
        f"tx_id string, block_time timestamp[us], block_height int64, sender_address string, fee_ustx int64, "
        f"tx_type {WORD}, canonical bool, tx_status {WORD}, burn_block_time timestamp[us], burn_block_height int64, "
        f"microblock_sequence int64, tx_index int64, index_block_hash {WORD}, nonce int64, sponsor_address string, "
        f"contract_id {WORD}, function_name {WORD}, recipient_address string, amount_ustx decimal128(20, 0), "
        "sponsor_nonce int64, memo string"
    ),
    "blocks": (
        f"number int64, hash string, parent_hash string, miner {WORD}, timestamp timestamp[us], gas_used int64, "
        "gas_limit int64, base_fee_per_gas int64, transaction_count int64, size int64, extra_data string, "
        f"nonce {WORD}, sha3_uncles {WORD}, transactions_root string, state_root string, receipts_root string, "
        "difficulty int64, mix_hash string, withdrawals_root string, blob_gas_used int64, excess_blob_gas int64, "
        "parent_beacon_block_root string, requests_hash string, withdrawals_gwei int64"
    ),
    "miners_balance": (
        f"block_number int64, block_time timestamp[us], miner {WORD}, balance_before decimal128(38, 0), "
        "balance_after decimal128(38, 0), balance_increase decimal128(38, 0), block_hash string, "
        "withdrawals_gwei int64"
    ),
    "wallet_balances": (
        "address string, available_ustx decimal128(20, 0), locked_ustx decimal128(20, 0), unlock_height int64, "
        f"nonce int64, is_funded bool, block_height int64, index_block_hash {WORD}, burn_block_time timestamp[us]"
    ),
    "increase_parts": (
        f"block_number int64, block_time timestamp[us], miner {WORD}, priority_fees_wei decimal128(38, 0), "
        "own_value_wei decimal128(38, 0), own_gas_wei decimal128(38, 0), transfers_in_wei decimal128(38, 0), "
        "withdrawals_wei decimal128(38, 0), burnt_wei decimal128(38, 0), proposer_payment_wei decimal128(38, 0), "
        f"proposer {WORD}, rest_wei decimal128(38, 0), is_proved bool"
    ),
    "prices": (
        f"pair {WORD}, hour timestamp[us], open decimal128(18, 8), high decimal128(18, 8), low decimal128(18, 8), "
        f"close decimal128(18, 8), volume decimal128(18, 8), source {WORD}"
    ),
}
"""The columns of the day files in their order, the same in every version so far."""

TABLES = {
    "transactions": (
        "tx_id VARCHAR, block_time TIMESTAMP, block_height BIGINT, sender_address VARCHAR, fee_ustx BIGINT, "
        "tx_type VARCHAR, canonical BOOLEAN, tx_status VARCHAR, burn_block_time TIMESTAMP, burn_block_height BIGINT, "
        "microblock_sequence BIGINT, ingested_at TIMESTAMP"
    ),
    "blocks": (
        "number BIGINT, hash VARCHAR, parent_hash VARCHAR, miner VARCHAR, timestamp TIMESTAMP, gas_used BIGINT, "
        "gas_limit BIGINT, base_fee_per_gas BIGINT, transaction_count BIGINT, size BIGINT, extra_data VARCHAR, "
        "ingested_at TIMESTAMP, nonce VARCHAR, sha3_uncles VARCHAR, transactions_root VARCHAR, state_root VARCHAR, "
        "receipts_root VARCHAR, difficulty BIGINT, mix_hash VARCHAR, withdrawals_root VARCHAR, blob_gas_used BIGINT, "
        "excess_blob_gas BIGINT, parent_beacon_block_root VARCHAR, requests_hash VARCHAR, "
        "withdrawals_gwei BIGINT"
    ),
    "miners_balance": (
        "block_number BIGINT, block_time TIMESTAMP, miner VARCHAR, balance_before DECIMAL(38,0), "
        "balance_after DECIMAL(38,0), balance_increase DECIMAL(38,0), block_hash VARCHAR, ingested_at TIMESTAMP, "
        "withdrawals_gwei BIGINT"
    ),
    "wallet_balances": (
        "address VARCHAR, available_ustx DECIMAL(20,0), locked_ustx DECIMAL(20,0), unlock_height BIGINT, "
        "nonce BIGINT, is_funded BOOLEAN, block_height BIGINT, index_block_hash VARCHAR, burn_block_time TIMESTAMP, "
        "ingested_at TIMESTAMP"
    ),
    "increase_parts": (
        "block_number BIGINT, block_time TIMESTAMP, miner VARCHAR, priority_fees_wei DECIMAL(38,0), "
        "own_value_wei DECIMAL(38,0), own_gas_wei DECIMAL(38,0), transfers_in_wei DECIMAL(38,0), "
        "withdrawals_wei DECIMAL(38,0), burnt_wei DECIMAL(38,0), proposer_payment_wei DECIMAL(38,0), "
        "proposer VARCHAR, rest_wei DECIMAL(38,0), is_proved BOOLEAN, ingested_at TIMESTAMP"
    ),
    "prices": (
        "pair VARCHAR, hour TIMESTAMP, open DECIMAL(18,8), high DECIMAL(18,8), low DECIMAL(18,8), "
        "close DECIMAL(18,8), volume DECIMAL(18,8), source VARCHAR, ingested_at TIMESTAMP"
    ),
}
"""The columns of the tables in their order, the same in every version so far."""


class Reading(NamedTuple):
    """A row of the made-up dataset: every kind of column, in a different order than in the file."""

    height: int
    seconds: int
    station: str
    note: str | None
    is_odd: bool
    amount: int
    while_reading: str = "not kept"


class Fee(NamedTuple):
    """A row of the dataset in the docs."""

    number: int
    fee: int
    time: int


MADE_UP = Dataset(
    name="made_up",
    chain="stacks",
    noun="readings",
    comment="Made-up readings; it's for a test.",
    row=Reading,
    columns=(
        Column("seconds", "time", "time of the reading, UTC"),
        Column("height", "integer", "metres"),
        Column("station", "word", "whose it is"),
        Column("is_odd", "flag", "whether the height is odd"),
        Column("amount", "wei", "Wei"),
        Column("note", "text", "", in_table=False),
    ),
    time_column="seconds",
    price=Price(unknown=77, rows_per_request=1),
    sorted_by=("station", "height"),
)


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    return make_world(make_chain(3))


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """A further dataset that consists of its value only."""
    monkeypatch.setitem(DATASETS, MADE_UP.name, MADE_UP)
    return MADE_UP


@pytest.fixture
def stored(world: World) -> Path:
    """A data folder with days of all datasets, stored and loaded."""
    world.stored([FIRST_DAY])
    store_days(world.data)
    balance = WalletBalance("SP1", 10, 0, 0, 1, False, 9, "0xab", window(DAYS[0])[0])
    world.store(WALLET_BALANCES).store_and_load([([balance], certified(DAYS[0], [balance], WALLET_BALANCES))])
    store_parts(world.data, DAYS[0], blocks_of(DAYS[0]), changes_of(DAYS[0]))
    world.store(PRICES).store_and_load([([], certificate(PRICES, DAYS[0], []))])
    return world.data


def described(data: Path, dataset: str) -> list[tuple[str, str, str | None]]:
    """Return the name, type and comment of each column of a table."""
    columns = "column_name, data_type, comment"
    found = query(data, f"SELECT {columns} FROM duckdb_columns() WHERE table_name = '{dataset}' ORDER BY column_index")
    return [(name, kind, comment) for name, kind, comment in found]


def in_table(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)


def readings(day: date) -> list[Reading]:
    start, _ = window(day)
    return [Reading(n, start + n, "ab"[n % 2], "n" if n else None, n % 2 == 1, 10**37 + n) for n in range(4)]


def certified(day: date, rows: list[Any], dataset: str = MADE_UP.name) -> Certificate:
    known = certificate(dataset, day, [])
    return msgspec.structs.replace(known, expected=len(rows), seen=len(rows), published=len(rows))


@pytest.mark.parametrize("dataset", DATASETS)
def test_day_files_and_tables_have_the_promised_columns_and_every_column_a_comment(stored: Path, dataset: str) -> None:
    wanted = DATASETS[dataset]
    day = FIRST_DAY if dataset == "transactions" else DAYS[0]
    in_file = pq.read_schema(stored / "days" / dataset / f"{day}.parquet")
    assert in_file.equals(schema(wanted))
    assert ", ".join(f"{field.name} {field.type}" for field in in_file) == FILES[dataset]

    of_table = described(stored, dataset)
    first, added = ([c.name for c in wanted.table_columns if c.added == late] for late in (False, True))
    assert [name for name, _, _ in of_table] == [*first, "ingested_at", *added]
    assert ", ".join(f"{name} {kind}" for name, kind, _ in of_table) == TABLES[dataset]
    assert all(comment for _, _, comment in of_table)


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=lambda dataset: dataset.name)
def test_the_columns_that_a_dataset_names_exist(dataset: Dataset) -> None:
    names = [column.name for column in dataset.columns]
    fields = list(dataset.row.__annotations__)
    assert set(fields[: len(names)]) == set(names), "fields that are no columns come last"
    assert {dataset.time_column, *dataset.shown_by, *dataset.sorted_by} <= set(names)
    assert dataset.made_from is None or dataset.made_from in list(DATASETS)[: list(DATASETS).index(dataset.name)]


def test_a_database_of_an_earlier_version_gets_the_comments_and_keeps_its_rows(stored: Path) -> None:
    database = stored / "warehouse.duckdb"
    before = query(stored, "SELECT * FROM blocks ORDER BY ALL")
    change(database, "COMMENT ON COLUMN blocks.number IS NULL", "COMMENT ON TABLE blocks IS NULL")
    change(database, "DROP TABLE miners_balance")
    store_days(stored, DAYS[:1])
    assert query(stored, "SELECT * FROM blocks ORDER BY ALL") == before
    assert described(stored, "blocks")[0] == ("number", "BIGINT", "height of the block")
    assert [name for name, _, _ in described(stored, "miners_balance")][-2:] == ["ingested_at", "withdrawals_gwei"]


def test_a_new_dataset_needs_its_value_only(world: World, made_up: Dataset) -> None:
    """Its folder, conversion, table, coverage and status follow from the value."""
    now, rows = at(FIRST_DAY, 12), readings(FIRST_DAY)
    world.stored([FIRST_DAY])
    project = world.project().replaced(stx_target_days=1)
    store = project.store(made_up.name)
    assert dataset_coverage(project, made_up, now).requests_per_day == 77
    assert [day.state for day in dataset_coverage(project, made_up, now).days] == ["missing"]

    store.store_and_load([(rows, certified(FIRST_DAY, rows))])
    assert (world.data / "days" / "made_up" / f"{FIRST_DAY}.parquet").exists()
    assert store.rows(FIRST_DAY) == rows
    assert [(day.state, day.complete) for day in dataset_coverage(project, made_up, now).days] == [("closed", True)]
    assert STACKS.tables == ["transactions", "made_up"]
    status = statuses(project, STACKS, now)[-1]
    assert (status.dataset, status.noun, status.rows) == ("made_up", "readings", len(rows))

    assert described(world.data, "made_up") == [
        ("seconds", "TIMESTAMP", "time of the reading, UTC"),
        ("height", "BIGINT", "metres"),
        ("station", "VARCHAR", "whose it is"),
        ("is_odd", "BOOLEAN", "whether the height is odd"),
        ("amount", "DECIMAL(38,0)", "Wei"),
        ("ingested_at", "TIMESTAMP", "when the day was proved"),
    ]
    shown = query(world.data, "SELECT seconds, height, station, is_odd, amount::VARCHAR FROM made_up")
    by_station = sorted(rows, key=lambda row: (row.station, row.height))
    assert shown == [
        (in_table(row.seconds), row.height, row.station, row.is_odd, str(row.amount)) for row in by_station
    ]
    file = DayFile(store.files.path(FIRST_DAY), store.files.certificates()[FIRST_DAY])
    assert differing_days(world.data / "warehouse.duckdb", "made_up", [file]) == []


def test_the_value_in_the_docs_is_a_dataset(make_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch) -> None:
    value, _ = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "adding-a-dataset.md").read_text(), re.DOTALL)
    known = {"Dataset": Dataset, "Column": Column, "Price": Price, "BLOCKS": BLOCKS, "Fee": Fee}
    dataset: Dataset = eval(value, known)
    monkeypatch.setitem(DATASETS, dataset.name, dataset)
    rows, data = [Fee(1, 10**30, window(FIRST_DAY)[0])], make_world(make_chain(1)).project()
    data.store(dataset.name).store_and_load(
        [(rows, msgspec.structs.replace(certified(FIRST_DAY, rows), dataset=dataset.name))]
    )
    assert query(data.folder.path, "SELECT number, fee::VARCHAR FROM base_fees") == [(1, str(10**30))]


def test_a_day_of_a_new_dataset_is_replaced_and_not_doubled(world: World, made_up: Dataset) -> None:
    store = world.project().store(made_up.name)
    for rows in (readings(FIRST_DAY), readings(FIRST_DAY)[:2]):
        store.store_and_load([(rows, certified(FIRST_DAY, rows))])
    assert query(world.data, "SELECT count(*) FROM made_up") == [(2,)]


def test_days_made_from_others_are_open_once_those_change(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made = replace(MADE_UP, made_from="transactions")
    monkeypatch.setitem(DATASETS, made.name, made)
    of_source = world.stored([FIRST_DAY])[FIRST_DAY].certificate
    project = world.project().replaced(stx_target_days=1)
    rows = readings(FIRST_DAY)
    for last_hash, state in ((of_source.last_hash, "closed"), (block_hash(7), "open")):
        known = msgspec.structs.replace(
            certified(FIRST_DAY, rows),
            first_height=of_source.first_height,
            last_height=of_source.last_height,
            last_hash=last_hash,
        )
        project.store(made.name).store_and_load([(rows, known)])
        assert [day.state for day in dataset_coverage(project, made, at(FIRST_DAY, 12)).days] == [state]


def test_rows_of_a_new_dataset_read_back_as_they_were(made_up: Dataset) -> None:
    rows = [*readings(FIRST_DAY), Reading(1, window(FIRST_DAY)[0], "c", None, True, 0)]
    assert from_arrow(made_up, to_arrow(made_up, rows)) == rows
    assert from_arrow(made_up, to_arrow(made_up, [])) == []
    assert to_arrow(made_up, []).schema.equals(schema(made_up))
