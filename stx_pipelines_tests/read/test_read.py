"""`stx_pipelines.read`: exact rows of whole ranges of days, from files alone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from shutil import copytree

import pyarrow as pa
import pytest

from stx_pipelines import read
from stx_pipelines.chains.days import DAY
from stx_pipelines.store.files import StoreError
from stx_pipelines_tests.sync.ethereum import world as ethereum
from stx_pipelines_tests.world import World, child_environment, make_chain, query
from stx_pipelines_tests.world import world as served


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world of five days, which no test changes; the newest day is open."""
    with served(make_chain(5), tmp_path_factory.mktemp("shared") / "data", stx_tip_age_minutes=0) as world:
        world.stored()
        yield world


@pytest.fixture
def full(shared: World, tmp_path: Path) -> World:
    """The same world with a copy of its data folder, which the test may change."""
    return replace(shared, data=copytree(shared.data, tmp_path / "full"))


@pytest.fixture
def history(full: World) -> read.History:
    return read.open(full.data)


def closed(world: World) -> list[date]:
    return [day for day, known in world.certificates().items() if known.is_closed]


def files_in(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in sorted(folder.rglob("*"))}


def test_all_that_is_covered_equals_the_table(full: World, history: read.History) -> None:
    days = closed(full)
    found = history.transactions().arrow()
    held = query(
        full.data, f"SELECT * EXCLUDE ingested_at FROM transactions WHERE burn_block_time < '{days[-1] + DAY}'"
    )
    assert found.num_rows == len(held) > 0
    assert {tuple(row.values()) for row in found.to_pylist()} == set(held)
    stamps = found["burn_block_time"].to_pylist()
    assert [at.date() for at in stamps] == sorted(at.date() for at in stamps)


def test_a_range_is_half_open_and_works_from_the_settings(full: World, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = closed(full)[:2]
    monkeypatch.setenv("STX_DATA_DIR", str(full.data))
    rows = read.transactions(first, second)
    assert {at.date() for at in rows.arrow()["burn_block_time"].to_pylist()} == {first}
    assert read.table("transaction_details", first, second).arrow().num_rows == rows.arrow().num_rows


def test_a_range_that_is_not_whole_names_its_days(full: World, history: read.History) -> None:
    gone, *_, newest = days = full.days[1:]
    full.store("transactions").files.path(gone).unlink()
    with pytest.raises(read.NotCovered, match=f"not stored and closed: {gone}") as refused:
        history.transactions(full.days[0], days[1])
    assert refused.value.days == [gone]
    with pytest.raises(read.NotCovered) as refused:
        history.transactions(newest, newest + DAY)  # open
    assert refused.value.days == [newest]
    there = history.transactions(full.days[0], newest + DAY, partial=True).arrow()["burn_block_time"].to_pylist()
    assert {at.date() for at in there} == {*full.days} - {gone}


def test_an_empty_folder_has_no_whole_range_and_no_rows(data: Path) -> None:
    with pytest.raises(read.NotCovered, match="no closed day is stored"):
        read.open(data).blocks()
    empty = read.open(data).miners_balance(partial=True).arrow()
    assert empty.num_rows == 0
    assert empty.schema.field("balance_after").type == pa.decimal128(38, 0)


def test_wei_is_exact_in_pandas(tmp_path: Path) -> None:
    with ethereum.world(ethereum.make_chain(), tmp_path) as world:
        ethereum.stored(world.blocks_sync().sync(world.days))
        ethereum.stored(world.balances_sync().sync(world.days))
    frame = read.open(tmp_path).miners_balance(partial=True).df()
    assert len(frame) > 0
    assert all(isinstance(value, Decimal) for value in frame["balance_after"])
    assert (frame["balance_before"] + frame["balance_increase"] == frame["balance_after"]).all()
    assert frame["balance_after"].max() > 2**53
    assert frame["balance_increase"].sum() == sum(frame["balance_increase"])


def test_a_query_over_the_rows(history: read.History) -> None:
    rows = history.transactions()
    by_type = rows.sql("SELECT tx_type, count(*) AS n FROM rows GROUP BY ALL")
    assert sum(by_type.arrow()["n"].to_pylist()) == rows.arrow().num_rows
    [(most,)] = by_type.sql("WITH a AS (FROM rows) SELECT max(n) FROM a;").relation.fetchall()
    assert most == max(by_type.arrow()["n"].to_pylist())
    assert rows.columns[0] == "tx_id"
    with pytest.raises(StoreError, match="could not be read"):
        rows.sql("SELECT no_such_column FROM rows")


def test_the_days_of_a_dataset(full: World, history: read.History) -> None:
    assert history.days("transactions") == closed(full)
    assert history.days("transactions", partial=True) == sorted(full.days)
    assert history.days("blocks") == []
    assert (history.path, history.tables[0]) == (full.data, "transactions")
    with pytest.raises(ValueError, match="wallets_daily is no dataset: there are transactions, blocks"):
        history.days("wallets_daily")


def test_reading_writes_nothing_and_takes_no_lock(full: World, history: read.History) -> None:
    for path in full.data.rglob(".certificates.json"):
        path.unlink()
    before = files_in(full.data)
    history.transactions().arrow()
    assert files_in(full.data) == before


def test_results_of_the_metrics_and_names_that_are_no_table(full: World, history: read.History) -> None:
    with pytest.raises(StoreError, match="run `stx-pipelines metrics`"):
        history.table("wallets_daily")
    with pytest.raises(ValueError, match="there are transactions, blocks"):
        history.table("wallets")
    with pytest.raises(ValueError, match="no range of days"):
        history.table("wallets_daily", full.days[0])


@pytest.mark.parametrize(("library", "method"), [("pandas", "df"), ("polars", "pl")])
def test_a_missing_library_is_one_sentence(
    history: read.History, monkeypatch: pytest.MonkeyPatch, library: str, method: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ModuleNotFoundError, match=f"{library} is not installed"):
        getattr(history.transactions(), method)()


def test_importing_loads_no_heavy_library() -> None:
    script = "import sys, stx_pipelines.read; print(*{'pandas', 'duckdb', 'pyarrow', 'dagster'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], env=child_environment({}), capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"
