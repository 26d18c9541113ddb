"""The second table of transactions: filled with the first, also in a database of an earlier version."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.datasets import TRANSACTIONS
from stx_pipelines.devnet.stacks.knobs import Knobs
from stx_pipelines.store import dataset_store, warehouse
from stx_pipelines.store.day_files import DayFiles
from stx_pipelines.store.inspect import differing_days
from stx_pipelines.store.loading import DayFile, fill_details
from stx_pipelines_tests.world import World, make_chain, query

COLUMNS = [
    "contract_id",
    "function_name",
    "recipient_address",
    "amount_ustx",
    "sponsor_nonce",
    "memo",
    "nonce",
    "tx_index",
    "sponsor_address",
    "index_block_hash",
]
NEW = COLUMNS[:6]


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    return make_world(make_chain(3))


def details(world: World) -> list[tuple[object, ...]]:
    return query(world.data, f"SELECT tx_id, day, {', '.join(COLUMNS)} FROM transaction_details ORDER BY tx_id")


def of_files(world: World) -> list[tuple[object, ...]]:
    """What the table must hold, read from the day files by Arrow."""
    rows = []
    for day in world.certificates():
        for row in pq.read_table(world.data / "days" / "transactions" / f"{day}.parquet").to_pylist():
            if row["tx_status"] == "success" and row["canonical"]:
                rows.append((row["tx_id"], day, *(row.get(name) for name in COLUMNS)))
    return sorted(rows)


def make_older(world: World) -> None:
    """Give the data folder the form of version 0.1: fewer columns in the files, no second table."""
    files = DayFiles(world.data / "days" / "transactions")
    older: dict[date, Certificate] = {}
    for day, certificate in files.certificates().items():
        table = files.read(day).drop_columns(NEW)
        files.write(table, certificate)
        older[day] = msgspec.structs.replace(certificate, columns=msgspec.UNSET)
    change(world, "DROP TABLE transaction_details")
    for day in older:
        stored = files.certificates()[day]
        change(world, f"UPDATE coverage SET certificate = '{stored.id}' WHERE day = '{day}'")
    coverage = world.data / "coverage" / "transactions.json"
    published = msgspec.json.decode(coverage.read_bytes())
    del published["details"]
    published["loaded"] = {str(day): certificate.id for day, certificate in files.certificates().items()}
    coverage.write_bytes(msgspec.json.encode(published))


def change(world: World, *statements: str) -> None:
    with duckdb.connect(world.data / "warehouse.duckdb") as connection:
        for statement in statements:
            connection.execute(statement)


def test_it_has_the_rows_of_the_first_table_and_the_columns_of_the_files(world: World) -> None:
    days = world.days[:2]
    world.stored(days)
    found = details(world)
    assert found == of_files(world)
    assert [row[0] for row in found] == [
        key for (key,) in query(world.data, "SELECT tx_id FROM transactions ORDER BY 1")
    ]
    for number, name in enumerate(COLUMNS, start=2):
        assert any(row[number] is not None for row in found), name


def test_a_payload_is_the_one_that_the_server_sent(world: World) -> None:
    world.stored()
    kinds = dict(
        query(
            world.data,
            "SELECT tx_type, [count(contract_id), count(function_name), count(recipient_address), count(amount_ustx), "
            "count(memo), count(*)] FROM transactions JOIN transaction_details USING (tx_id) GROUP BY 1",
        )
    )
    every = {kind: counts[-1] for kind, counts in kinds.items()}
    assert kinds["token_transfer"] == [0, 0, *[every["token_transfer"]] * 4]
    assert kinds["contract_call"] == [*[every["contract_call"]] * 2, 0, 0, 0, every["contract_call"]]
    assert kinds["coinbase"] == [0, 0, 0, 0, 0, every["coinbase"]]
    sponsored = "SELECT count(sponsor_address), count(sponsor_nonce), count(*) FROM transaction_details"
    [(addresses, nonces, rows)] = query(world.data, sponsored)
    assert 0 < addresses == nonces < rows


def test_both_routes_give_the_same_details(make_world: Callable[..., World]) -> None:
    chain = make_chain(2)
    by_v3, by_v1 = make_world(chain), make_world(chain, Knobs(v3_missing=True))
    for world in (by_v3, by_v1):
        world.stored()
    assert {c.route for c in by_v1.certificates().values()} == {"v1"}
    without_hash = [row[:-1] for row in details(by_v3)]
    assert [row[:-1] for row in details(by_v1)] == without_hash


def test_an_older_folder_keeps_its_days_and_gets_the_table_without_a_request(world: World) -> None:
    world.stored()
    make_older(world)
    before, rows = world.certificates(), query(world.data, "SELECT * FROM transactions ORDER BY ALL")
    world.requests()
    world.project().store().load()
    assert world.requests() == 0
    assert world.certificates() == before
    assert query(world.data, "SELECT * FROM transactions ORDER BY ALL") == rows
    assert details(world) == of_files(world)
    assert query(world.data, f"SELECT {', '.join(f'count({name})' for name in NEW)} FROM transaction_details") == [
        (0,) * 6
    ]
    assert query(world.data, "SELECT count(*) = count(nonce) FROM transaction_details") == [(True,)]
    assert world.project().store().rows(world.days[0])[0].contract_id is None


def test_a_day_that_an_older_version_loads_is_loaded_again(world: World) -> None:
    world.stored()
    change(
        world,
        f"DELETE FROM transaction_details WHERE day = '{world.days[0]}'",
    )
    coverage = world.data / "coverage" / "transactions.json"
    published = msgspec.json.decode(coverage.read_bytes())
    del published["details"]
    coverage.write_bytes(msgspec.json.encode(published))
    world.project().store().load()
    assert details(world) == of_files(world)


def test_filling_the_table_stops_between_days_and_goes_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.stored()
    make_older(world)
    monkeypatch.setattr(dataset_store, "DAYS_AT_ONCE", 1)
    parts = []

    def stopped(connection: duckdb.DuckDBPyConnection, dataset: str, days: Sequence[DayFile]) -> None:
        parts.append(days)
        if len(parts) == 3:
            raise KeyboardInterrupt
        fill_details(connection, dataset, days)

    with monkeypatch.context() as patch:
        patch.setattr(warehouse, "fill_details", stopped)
        with pytest.raises(KeyboardInterrupt):
            world.project().store().load()
    held = {day for (day,) in query(world.data, "SELECT DISTINCT day FROM transaction_details")}
    assert 0 < len(held) < len(world.days)
    assert details(world) == [row for row in of_files(world) if row[1] in held]
    world.project().store().load()
    assert details(world) == of_files(world)


def test_a_damaged_file_is_not_loaded_into_the_table(world: World) -> None:
    world.stored()
    make_older(world)
    day = world.days[0]
    path = world.data / "days" / "transactions" / f"{day}.parquet"
    rows = pq.read_table(path)
    nonces = pa.array([(value or 0) + 1 for value in rows.column("nonce").to_pylist()], pa.int64())
    pq.write_table(rows.set_column(rows.column_names.index("nonce"), "nonce", nonces), path)
    world.project().store().load()
    assert not path.exists()
    assert query(world.data, f"SELECT count(*) FROM transaction_details WHERE day = '{day}'") == [(0,)]


def test_a_restored_database_gets_the_rows_that_it_lacks(world: World) -> None:
    world.stored(world.days[:2])
    make_older(world)
    database = world.data / "warehouse.duckdb"
    backup = database.read_bytes()
    world.stored(world.days[:3])
    assert details(world) == of_files(world)
    database.write_bytes(backup)
    store = world.project().store()
    store.reconcile()
    store.load()
    assert details(world) == of_files(world)
    assert differing_days(database, TRANSACTIONS, store.stored()) == []


def test_rows_of_an_open_day_that_lack_columns_are_read_again(world: World) -> None:
    today = world.days[-1]
    assert not world.stored()[today].certificate.is_closed
    make_older(world)
    world.chain.grow(burn_blocks=1)
    world.stored([today])
    both = "transactions JOIN transaction_details USING (tx_id)"
    transfers = f"tx_type = 'token_transfer' AND day = '{today}'"
    [(rows, amounts)] = query(world.data, f"SELECT count(*), count(amount_ustx) FROM {both} WHERE {transfers}")
    assert rows == amounts > 0


def test_a_rebuilt_database_has_both_tables_at_once(world: World) -> None:
    world.stored()
    store = world.project().store()
    store.warehouse.rebuild({TRANSACTIONS: store.stored()})
    assert details(world) == of_files(world)
    assert store.warehouse.published(TRANSACTIONS).details


def test_a_changed_detail_is_a_difference(world: World) -> None:
    world.stored()
    store = world.project().store()
    database = world.data / "warehouse.duckdb"
    assert differing_days(database, TRANSACTIONS, store.stored()) == []
    day = world.days[0]
    change(world, f"UPDATE transaction_details SET nonce = nonce + 1 WHERE day = '{day}' AND tx_index = 0")
    assert differing_days(database, TRANSACTIONS, store.stored()) == [day]


def test_every_column_says_what_it_holds(world: World) -> None:
    world.stored(world.days[:1])
    found = query(
        world.data,
        "SELECT column_name, data_type, comment FROM duckdb_columns() "
        "WHERE table_name = 'transaction_details' ORDER BY column_index",
    )
    assert [name for name, _, _ in found] == ["tx_id", "day", *COLUMNS]
    assert all(comment for _, _, comment in found)
    assert {name: kind for name, kind, _ in found}["amount_ustx"] == "DECIMAL(20,0)"
