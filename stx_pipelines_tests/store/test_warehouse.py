"""The table has the rows of the day files, also after a kill and while other processes hold the database."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any

import msgspec
import pytest

from stx_pipelines.chains.stacks import Tx
from stx_pipelines.store.dataset_store import DatasetStore
from stx_pipelines.store.files import StoreError
from stx_pipelines.store.published import Published
from stx_pipelines.store.warehouse import Warehouse, WrongDayFile
from stx_pipelines.sync.stacks.certify import why_left_out
from stx_pipelines_tests.runbook import assert_shown
from stx_pipelines_tests.store.holding import held_open
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

SECOND = FIRST_DAY + timedelta(days=1)


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    return make_world(make_chain(3, 12))


@pytest.fixture
def store(world: World) -> DatasetStore[Tx]:
    """All days of the chain, stored and loaded."""
    world.stored()
    return world.open_sync().store


def rebuild(store: DatasetStore[Tx]) -> list[WrongDayFile]:
    """Make the database again from the day files."""
    return store.warehouse.rebuild({"transactions": store.stored()})


def assert_needs_no_request(world: World, days: Sequence[date]) -> None:
    """These days are stored, so that a sync only loads them."""
    world.requests()
    world.stored(days)
    assert world.requests() == 0


def test_the_table_shows_successful_rows_and_the_certificate_counts_the_others(world: World) -> None:
    certificate = world.stored([FIRST_DAY])[FIRST_DAY].certificate
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
def test_the_reason_for_leaving_a_row_out_agrees_with_the_filter_of_the_table(
    world: World, fields: dict[str, object], reason: str | None
) -> None:
    """If certificate and SQL disagreed, nothing would be loaded."""
    known = world.stored([FIRST_DAY])[FIRST_DAY].certificate
    rows = world.open_sync().store.rows(FIRST_DAY)
    shown = next(n for n, row in enumerate(rows) if row.tx_status == "success")
    changed: Tx = msgspec.structs.replace(rows[shown], **fields)  # type: ignore[arg-type]
    assert why_left_out(changed) == reason

    certificate = msgspec.structs.replace(known, published=known.published - (reason is not None))
    world.open_sync().store.store_and_load([([*rows[:shown], changed, *rows[shown + 1 :]], certificate)])
    assert len(table_rows(world.data)) == certificate.published


def test_a_file_with_another_number_of_rows_than_certified_is_refused_and_the_table_kept(world: World) -> None:
    known = world.stored([FIRST_DAY])[FIRST_DAY].certificate
    before = table_rows(world.data)
    store = world.open_sync().store
    with pytest.raises(StoreError, match="none of them was loaded"):
        store.store_and_load([(store.rows(FIRST_DAY), msgspec.structs.replace(known, published=known.published - 5))])
    assert table_rows(world.data) == before


def test_times_in_the_table_are_utc_in_any_time_zone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    time.tzset()
    try:
        world.stored([FIRST_DAY])
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
    world.stored([FIRST_DAY])
    world.overrides["stx_lock_wait_seconds"] = 0.1
    with held_open(world.data, how) as pid:
        assert len(world.stored()) == 4
    assert any(line == f"3 days stored, waiting for process {pid}" for line in caplog.messages)
    assert_shown("`12 days stored, waiting for process 4242`", caplog.text)
    assert_needs_no_request(world, world.days[:-1])
    world.assert_true()


@pytest.mark.usefixtures("store")
def test_closed_stored_days_are_loaded_without_a_request_after_the_database_is_lost(world: World) -> None:
    (world.data / "warehouse.duckdb").unlink()
    shutil.rmtree(world.data / "coverage")
    assert_needs_no_request(world, world.days[:-1])
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
    result = real(*arguments, **options)
    if calls == int(nth):
        os._exit(9)
    return result
setattr(warehouse if hasattr(warehouse, place) else warehouse.Warehouse, place, dying)
with world(make_chain(3, 12), Path(sys.argv[1])) as here:
    here.sync()
"""


@pytest.mark.parametrize(
    "place",
    [
        "load:before:1",
        "replace_day:before:3",
        "replace_day:after:3",
        "loaded_days:after:1",
        "_publish:before:2",
    ],
)
def test_a_process_may_die_at_any_step_between_file_and_table(world: World, place: str) -> None:
    died = subprocess.run(
        [sys.executable, "-c", DIES, str(world.data), place], env=child_environment({}), timeout=LONGEST, check=False
    )
    assert died.returncode == 9
    files = {path: path.stat().st_mtime_ns for path in (world.data / "days" / "transactions").glob("*.parquet")}
    assert files
    closed = [day for day in world.days[:-1] if (world.data / f"days/transactions/{day}.parquet") in files]
    assert_needs_no_request(world, closed)
    world.stored()
    world.assert_true()


@pytest.mark.usefixtures("store")
def test_without_a_sound_coverage_file_days_are_only_loaded_once_more(world: World) -> None:
    rows = table_rows(world.data)
    coverage = world.data / "coverage" / "transactions.json"
    for content in (None, b"", b"{", b"\xff\xfe", b'{"loaded": 5}'):
        coverage.unlink()
        if content is not None:
            coverage.write_bytes(content)
        world.stored(world.days[:-1])
        assert table_rows(world.data) == rows
        assert set(Warehouse(world.folder).published("transactions").loaded) == set(world.days)


def test_a_rebuilt_database_equals_the_old_one(world: World, store: DatasetStore[Tx]) -> None:
    before = query(world.data, "SELECT * FROM transactions ORDER BY ALL")
    coverage = query(world.data, "SELECT * EXCLUDE loaded_at FROM coverage ORDER BY ALL")
    (world.data / "warehouse.duckdb").write_bytes(b"garbage" * 1000)
    assert rebuild(store) == []
    assert query(world.data, "SELECT * FROM transactions ORDER BY ALL") == before
    assert query(world.data, "SELECT * EXCLUDE loaded_at FROM coverage ORDER BY ALL") == coverage
    assert store.pending() == []
    world.requests()
    world.stored()
    assert world.requests() <= 5


def test_a_rebuild_leaves_out_days_without_a_file(world: World, store: DatasetStore[Tx]) -> None:
    store.files.path(SECOND).unlink()
    assert rebuild(store) == []
    assert table_rows(world.data) == table_truth(world.chain, [day for day in world.days if day != SECOND])


def test_a_rebuild_leaves_out_a_file_with_another_number_of_rows_than_certified(
    world: World, store: DatasetStore[Tx]
) -> None:
    known = store.files.certificate(SECOND)
    assert known
    store.files.write(store.files.read(SECOND), msgspec.structs.replace(known, published=known.published + 1))
    [wrong] = rebuild(store)
    assert f"{store.files.path(SECOND)} gives {known.published} rows, but its certificate states" in str(wrong)
    others = [day for day in world.days if day != SECOND]
    assert table_rows(world.data) == table_truth(world.chain, others)
    assert sorted(store.warehouse.published("transactions").loaded) == others


def test_the_published_tip_survives_loading_rebuilding_and_a_lost_database(
    world: World, store: DatasetStore[Tx]
) -> None:
    """Publishing a tip also keeps the days of a lost database, by which `health` reports the loss."""
    warehouse = store.warehouse
    newest, limit = at(FIRST_DAY), timedelta(hours=3)
    store.mark_tip(newest, newest, limit)
    store.mark_checked([SECOND], newest)
    warehouse.load("transactions", store.stored()[:1])
    rebuild(store)
    known = warehouse.published("transactions")
    assert (known.tip_time, known.tip_since, known.tip_seen) == (newest,) * 3
    (world.data / "warehouse.duckdb").unlink()
    store.mark_tip(newest, newest + limit, limit)
    lost = warehouse.published("transactions")
    assert (lost.loaded, lost.tip_since, lost.tip_seen) == ({}, newest, newest + limit)
    assert warehouse.published("transactions", even_if_lost=True).loaded == known.loaded


def test_the_time_when_a_server_caught_up_is_kept() -> None:
    limit, start = timedelta(hours=3), at(FIRST_DAY)
    known, caught_up = Published(), []
    for hours, newest in ((0, -1), (4, -1), (5, -1), (6, 5), (7, 6), (12, 6), (11, 10)):  # a clock may be set back
        known = known.with_tip(start + timedelta(hours=newest), start + timedelta(hours=hours), limit)
        caught_up.append(known.tip_caught_up and (known.tip_caught_up - start) / timedelta(hours=1))
    assert caught_up == [None, None, None, 6, 6, 6, 11]
    never = known.with_tip(start, start + 9 * limit, timedelta(0))
    assert never.with_tip(start + 9 * limit, start + 9 * limit, timedelta(0)).tip_caught_up == known.tip_caught_up


def test_a_damaged_database_is_reported_in_one_sentence_that_says_what_to_do(world: World) -> None:
    world.stored([FIRST_DAY])
    (world.data / "warehouse.duckdb").write_bytes(b"garbage" * 1000)
    with pytest.raises(StoreError, match="stx-pipelines rebuild") as caught:
        world.sync()
    assert "\n" not in str(caught.value)


def test_the_database_is_free_for_readers_after_each_stored_day(world: World) -> None:
    free = [query(world.data, "SELECT count(*) FROM transactions") > [(0,)] for _ in world.open_sync().sync(world.days)]
    assert free == [True] * 4


@pytest.mark.usefixtures("store")
def test_two_processes_may_load_at_the_same_time(world: World) -> None:
    """Each takes the lock in turn. None fails, and nothing is loaded twice."""
    script = (
        "import sys; from stx_pipelines.project import Project;"
        "store = Project.load().store();"
        "print('ready', flush=True); sys.stdin.readline();"
        "[store.warehouse.load('transactions', store.stored()) for _ in range(5)]"
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
