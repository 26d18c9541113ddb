"""The table is what the day files say, whoever holds the database, and whenever a process dies."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from stx_pipelines.chains.stacks import Tx
from stx_pipelines.store.files import StoreError
from stx_pipelines.store.published import Published
from stx_pipelines.store.warehouse import Warehouse
from stx_pipelines.sync.stacks.certify import why_left_out
from stx_pipelines_tests.waiting import LONGEST
from stx_pipelines_tests.world import (
    FIRST_DAY,
    World,
    at,
    child_environment,
    make_chain,
    query,
    table_rows,
    table_truth,
)

MakeWorld = Callable[..., World]
SECOND = FIRST_DAY + timedelta(days=1)

HOLDER = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1], read_only=sys.argv[2] == "reads")
connection.execute("SHOW TABLES")
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def held_open(data: Path, how: str = "reads") -> Iterator[int]:
    """Another process holds the database open; its id."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(data / "warehouse.duckdb"), how],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=child_environment({}),
    )
    try:
        assert holder.stdout
        assert holder.stdout.readline() == b"held\n"
        yield holder.pid
    finally:
        holder.kill()
        holder.communicate()


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    return make_world(make_chain(3, 12))


def test_the_table_has_exactly_the_12_columns(world: World) -> None:
    world.landed([FIRST_DAY])
    described = query(world.data, "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name='transactions'")
    assert described == [
        ("tx_id", "VARCHAR"),
        ("block_time", "TIMESTAMP"),
        ("block_height", "BIGINT"),
        ("sender_address", "VARCHAR"),
        ("fee_ustx", "BIGINT"),
        ("tx_type", "VARCHAR"),
        ("canonical", "BOOLEAN"),
        ("tx_status", "VARCHAR"),
        ("burn_block_time", "TIMESTAMP"),
        ("burn_block_height", "BIGINT"),
        ("microblock_sequence", "BIGINT"),
        ("ingested_at", "TIMESTAMP"),
    ]


def test_the_table_shows_successful_rows_and_the_certificate_counts_the_others(world: World) -> None:
    certificate = world.landed([FIRST_DAY])[FIRST_DAY].certificate
    statuses = Counter(tx.tx_status for tx in world.chain.transactions(FIRST_DAY))
    published = statuses.pop("success")
    assert certificate.left_out == dict(statuses)
    assert certificate.published == published == len(table_rows(world.data))
    assert certificate.seen == published + sum(statuses.values())
    assert query(world.data, "SELECT DISTINCT tx_status, canonical FROM transactions") == [("success", True)]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, None),
        ({"canonical": False}, "not canonical"),
        ({"tx_status": "abort_by_response"}, "abort_by_response"),
        ({"tx_status": "a_word_to_come"}, "a_word_to_come"),
        ({"sender_address": None}, "no sender"),
        ({"block_time": None}, "no block time"),
    ],
)
def test_why_a_row_is_left_out_is_what_the_table_leaves_out(
    world: World, fields: dict[str, object], reason: str | None
) -> None:
    """The reason in the certificate and the filter in SQL must agree, or nothing is loaded."""
    known = world.landed([FIRST_DAY])[FIRST_DAY].certificate
    rows = world.walk().store.rows(FIRST_DAY)
    shown = next(n for n, row in enumerate(rows) if row.tx_status == "success")
    spoiled: Tx = msgspec.structs.replace(rows[shown], **fields)  # type: ignore[arg-type]
    assert why_left_out(spoiled) == reason

    certificate = msgspec.structs.replace(known, published=known.published - (reason is not None))
    world.walk().store.land([([*rows[:shown], spoiled, *rows[shown + 1 :]], certificate)])
    assert len(table_rows(world.data)) == certificate.published


def test_a_file_that_gives_other_rows_than_it_certifies_is_refused_and_the_table_kept(world: World) -> None:

    known = world.landed([FIRST_DAY])[FIRST_DAY].certificate
    before = table_rows(world.data)
    landing = world.walk().store
    rows = landing.rows(FIRST_DAY)
    with pytest.raises(StoreError, match="nothing of it was loaded"):
        landing.land([(rows, msgspec.structs.replace(known, published=known.published - 5))])
    assert table_rows(world.data) == before


def test_times_in_the_table_are_utc_whatever_the_machine_says(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    time.tzset()
    try:
        world.landed([FIRST_DAY])
        assert table_rows(world.data) == table_truth(world.chain, [FIRST_DAY])
        [(day,)] = query(world.data, "SELECT DISTINCT burn_block_time::DATE FROM transactions")
        assert day == FIRST_DAY
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()


@pytest.mark.parametrize("how", ["reads", "writes"])
def test_a_database_held_open_delays_loading_but_fails_no_day(
    world: World, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    world.landed([FIRST_DAY])
    world.overrides["stx_lock_wait_seconds"] = 0.1
    with held_open(world.data, how) as pid:
        landed = world.landed()
    assert len(landed) == 4
    assert any(line == f"3 days stored, waiting for process {pid}" for line in caplog.messages)
    world.requests()
    world.landed(world.days[:-1])
    assert world.requests() == 0
    world.assert_true()


def test_a_closed_day_that_landed_is_loaded_without_a_request_at_the_next_step(world: World) -> None:
    """As after a kill between file and table."""
    world.landed()
    for lost in ("warehouse.duckdb", "coverage"):
        subprocess.run(["rm", "-rf", str(world.data / lost)], check=True)
    world.requests()
    world.landed(world.days[:-1])
    assert world.requests() == 0
    world.assert_true()


DIES = """
import os, sys
from pathlib import Path
from stx_pipelines_tests.world import FIRST_DAY, make_chain, world
from stx_pipelines.store import warehouse

place, die, nth = sys.argv[2].split(":")
real = getattr(warehouse, place) if hasattr(warehouse, place) else getattr(warehouse.Warehouse, place)
calls = 0
def dying(*arguments, **options):
    global calls
    calls += 1
    if calls == int(nth) and die == "before":
        os._exit(9)
    answer = real(*arguments, **options)
    if calls == int(nth):
        os._exit(9)
    return answer
setattr(warehouse if hasattr(warehouse, place) else warehouse.Warehouse, place, dying)
with world(make_chain(3, 12), Path(sys.argv[1])) as here:
    here.sync()
"""


@pytest.mark.parametrize(
    "place", ["load:before:1", "_replace_day:before:3", "_replace_day:after:3", "_loaded:after:1", "_publish:before:2"]
)
def test_a_process_may_die_anywhere_between_file_and_table(world: World, place: str) -> None:
    died = subprocess.run(
        [sys.executable, "-c", DIES, str(world.data), place], env=child_environment({}), timeout=LONGEST, check=False
    )
    assert died.returncode == 9
    files = {path: path.stat().st_mtime_ns for path in (world.data / "days" / "transactions").glob("*.parquet")}
    assert files
    closed = [day for day in world.days[:-1] if (world.data / f"days/transactions/{day}.parquet") in files]
    world.requests()
    world.landed(closed)
    assert world.requests() == 0
    world.landed()
    world.assert_true()


def test_a_lost_coverage_file_only_means_that_days_are_loaded_once_more(world: World) -> None:
    world.landed()
    rows = table_rows(world.data)
    coverage = world.data / "coverage" / "transactions.json"
    for content in (None, b"", b"{", b"\xff\xfe", b'{"loaded": 5}'):
        coverage.unlink()
        if content is not None:
            coverage.write_bytes(content)
        world.landed(world.days[:-1])
        assert table_rows(world.data) == rows
        assert set(Warehouse(world.folder).published("transactions").loaded) == set(world.days)


def test_a_rebuilt_table_equals_the_old_one(world: World) -> None:
    world.landed()
    before = query(world.data, "SELECT * FROM transactions ORDER BY ALL")
    coverage = query(world.data, "SELECT * EXCLUDE loaded_at FROM coverage ORDER BY ALL")
    (world.data / "warehouse.duckdb").write_bytes(b"garbage" * 1000)
    landing = world.walk().store
    landing.warehouse.rebuild({"transactions": landing.landed()})
    assert query(world.data, "SELECT * FROM transactions ORDER BY ALL") == before
    assert query(world.data, "SELECT * EXCLUDE loaded_at FROM coverage ORDER BY ALL") == coverage
    assert landing.pending() == []
    world.requests()
    world.landed()
    assert world.requests() <= 5


def test_a_rebuild_drops_days_whose_file_is_gone(world: World) -> None:
    world.landed()
    landing = world.walk().store
    landing.files.path(SECOND).unlink()
    landing.warehouse.rebuild({"transactions": landing.landed()})
    assert table_rows(world.data) == table_truth(world.chain, [day for day in world.days if day != SECOND])


def test_a_rebuild_leaves_out_a_file_that_gives_other_rows_than_it_certifies(world: World) -> None:
    import msgspec

    world.landed()
    landing = world.walk().store
    known = landing.files.certificate(SECOND)
    assert known
    landing.files.write(landing.files.read(SECOND), msgspec.structs.replace(known, published=known.published + 1))
    [wrong] = landing.warehouse.rebuild({"transactions": landing.landed()})
    assert f"{landing.files.path(SECOND)} gives {known.published} rows but certifies" in str(wrong)
    others = [day for day in world.days if day != SECOND]
    assert table_rows(world.data) == table_truth(world.chain, others)
    assert sorted(landing.warehouse.published("transactions").loaded) == others


def test_what_is_known_of_the_tip_outlives_loading_rebuilding_and_a_lost_database(world: World) -> None:
    """And a look at the tip does not make forget what a lost database was said to hold: `health` names the loss."""
    world.landed()
    landing = world.walk().store
    warehouse, file = landing.warehouse, world.data / "warehouse.duckdb"
    newest, limit = at(FIRST_DAY), timedelta(hours=3)
    landing.mark_tip(newest, newest, limit)
    landing.mark_checked([SECOND], newest)
    warehouse.load("transactions", landing.landed()[:1])
    warehouse.rebuild({"transactions": landing.landed()})
    known = warehouse.published("transactions")
    assert (known.tip_time, known.tip_since, known.tip_seen) == (newest,) * 3
    file.unlink()
    landing.mark_tip(newest, newest + limit, limit)
    lost = warehouse.published("transactions")
    assert (lost.loaded, lost.tip_since, lost.tip_seen) == ({}, newest, newest + limit)
    assert warehouse.published("transactions", even_if_lost=True).loaded == known.loaded


def test_when_a_server_caught_up_is_known_from_then_on() -> None:
    limit, start = timedelta(hours=3), at(FIRST_DAY)
    known, told = Published(), []
    for hours, newest in ((0, -1), (4, -1), (5, -1), (6, 5), (7, 6), (12, 6), (11, 10)):  # a clock may be set back
        known = known.with_tip(start + timedelta(hours=newest), start + timedelta(hours=hours), limit)
        told.append(known.tip_caught_up and (known.tip_caught_up - start) / timedelta(hours=1))
    assert told == [None, None, None, 6, 6, 6, 11]
    never = known.with_tip(start, start + 9 * limit, timedelta(0))
    assert never.with_tip(start + 9 * limit, start + 9 * limit, timedelta(0)).tip_caught_up == known.tip_caught_up


def test_a_damaged_database_is_one_sentence_that_says_what_to_do(world: World) -> None:
    world.landed([FIRST_DAY])
    (world.data / "warehouse.duckdb").write_bytes(b"garbage" * 1000)
    with pytest.raises(StoreError, match="stx-pipelines rebuild") as caught:
        world.sync()
    assert "\n" not in str(caught.value)


def test_a_reader_gets_in_between_any_two_days(world: World) -> None:
    """Connect late, close at once: after each day that has landed the database is free."""
    landed = 0
    for _ in world.walk().sync(world.days):
        landed += 1
        assert query(world.data, "SELECT count(*) FROM transactions") > [(0,)]
    assert landed == 4


def test_a_folder_with_a_quote_in_its_name_is_no_sql(make_world: MakeWorld, tmp_path: Path) -> None:
    world = make_world(make_chain(1, 12), data=tmp_path / "it's; DROP TABLE x --")
    world.landed()
    world.assert_true()


def test_two_processes_may_load_at_once(world: World) -> None:
    """Each takes the lock in turn; nobody fails and nothing is loaded twice."""
    world.landed()
    script = (
        "import sys; from pathlib import Path; from stx_pipelines.project import Project;"
        "landing = Project.load().store();"
        "print('ready', flush=True); sys.stdin.readline();"
        "[landing.warehouse.load('transactions', landing.landed()) for _ in range(5)]"
    )
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    loaders = [
        subprocess.Popen([sys.executable, "-c", script], env=child_environment(world.environment), **pipes)
        for _ in range(2)
    ]
    assert [loader.stdout.readline() for loader in loaders] == [b"ready\n"] * 2
    for loader in loaders:
        loader.stdin.close()
    assert [loader.wait(LONGEST) for loader in loaders] == [0, 0]
    world.assert_true()
    assert os.listdir(world.data / "coverage") == ["transactions.json"]  # noqa: PTH208 - names only
