"""How results come to be, stay whole, and are known to be stale."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stx_pipelines.chains.datasets import DATASETS, TRANSACTIONS
from stx_pipelines.metrics import store as metrics
from stx_pipelines.metrics.options import MetricOptions, cover
from stx_pipelines.metrics.results import RESULTS
from stx_pipelines.metrics.store import MetricStore
from stx_pipelines.store.arrow import to_arrow
from stx_pipelines.store.files import StoreError
from stx_pipelines_tests.metrics.history import certificate, day, land, land_history, read, rows_of, store_in

TABLES = [table for tables in RESULTS.values() for table in tables]


@pytest.fixture
def store(tmp_path: Path) -> MetricStore:
    """Days 0 to 46, nothing computed yet."""
    return land_history(store_in(tmp_path / "data"), range(47))


def table(store: MetricStore, query: str) -> list[tuple[object, ...]]:
    """An answer of the warehouse."""
    with duckdb.connect(str(store.warehouse.path), read_only=True) as connection:
        return connection.execute(query).fetchall()


def test_files_and_tables_say_the_same(store: MetricStore) -> None:
    """Every result file is a table of the warehouse too, with the same columns in the same order."""
    refreshed = store.refresh()
    assert refreshed.waiting_for is None
    for name in TABLES:
        from_file = [tuple(row.values()) for row in read(store, name)]
        assert table(store, f"SELECT * FROM {name}") == from_file
        assert len(from_file) == refreshed.rows[name]


def test_columns_that_others_read_come_first(store: MetricStore) -> None:
    """Existing notebooks read address and first_seen; the long table of retention is as documented."""
    store.refresh()
    seen = pq.read_schema(store.path("first_seen_wallets"))
    assert seen.names[:5] == ["address", "first_seen", "is_left_censored", "first_tx_id", "tx_count"]
    assert pa.types.is_timestamp(seen.field("first_seen").type)
    assert seen.field("first_seen").type.tz is None
    retention = ["cohort_date", "window_days", "definition", "cohort_size", "retained", "rate", "is_mature"]
    assert pq.read_schema(store.path("wallet_retention")).names[:7] == retention
    assert store.path("first_seen_wallets") == store.folder.path / "first_seen_wallets.parquet"
    assert store.path("wallet_funnel") == store.folder.path / "metrics" / "wallet_funnel.parquet"


def test_money_is_never_floating_point(store: MetricStore) -> None:
    """Amounts are whole microSTX or decimals; only rates, means of counts and payback are floating point."""
    store.refresh()
    floating = set()
    for name in TABLES:
        for field in pq.read_schema(store.path(name)):
            if field.name.endswith("_ustx"):
                assert field.type == pa.int64(), (name, field)
            if field.name.endswith("_stx"):
                assert field.type == pa.decimal128(38, 6), (name, field)
            if pa.types.is_floating(field.type):
                floating.add(field.name)
    assert floating == {
        *("rate", "active_rate", "active_and_value_rate", "failed_share"),
        *("payback", "rolling_mean_7d", "rolling_mean_30d"),
    }


@pytest.mark.parametrize("result", RESULTS)
def test_each_result_can_be_made_alone(store: MetricStore, result: str) -> None:
    """Only its own files and tables appear, and they equal what a whole refresh makes."""
    refreshed = store.refresh([result])
    assert set(refreshed.rows) == set(RESULTS[result])
    assert {name for name in TABLES if store.path(name).exists()} == set(RESULTS[result])
    alone = {name: store.path(name).read_bytes() for name in RESULTS[result]}
    store.refresh()
    assert alone == {name: store.path(name).read_bytes() for name in RESULTS[result]}


def test_results_are_stale_when_closed_days_or_options_change(store: MetricStore) -> None:
    """An open day changes nothing; a closed one, a certificate made anew, and an option do."""
    assert store.stale() == list(RESULTS)
    store.refresh(["wallet_funnel"])
    assert "wallet_funnel" not in store.stale()
    store.refresh()
    assert store.stale() == []
    land(store, day(47), rows_of(47), "open")
    assert store.stale() == []
    land(store, day(47), rows_of(47))
    assert store.stale() == list(RESULTS)
    store.refresh()
    land(store, day(10), rows_of(10), requests=7)
    assert store.stale() == list(RESULTS)
    store.refresh()
    store.options = MetricOptions(windows=(15,))
    assert store.stale() == list(RESULTS)


def test_a_table_added_by_a_later_version_makes_its_result_stale(store: MetricStore) -> None:
    """A data folder of before has neither its file nor its table. Its result alone is computed and loaded anew."""
    store.refresh()
    store.path("wallet_value_weekly").unlink()
    marks = store.folder.path / "coverage" / "metrics.json"
    loaded = msgspec.json.decode(marks.read_bytes(), type=dict[str, str])
    del loaded["wallet_value_weekly"]
    marks.write_bytes(msgspec.json.encode(loaded))
    with duckdb.connect(str(store.warehouse.path)) as connection:
        connection.execute("DROP TABLE wallet_value_weekly")
    assert store.stale() == ["wallet_value"]
    store.refresh(store.stale())
    assert store.stale() == []
    assert table(store, "SELECT count(*) FROM wallet_value_weekly") == [(len(read(store, "wallet_value_weekly")),)]


def test_a_busy_warehouse_delays_only_the_tables(store: MetricStore) -> None:
    """The files are new; the results stay stale until their tables are loaded."""
    store.refresh()
    land(store, day(47), rows_of(47))
    hold = "import duckdb, sys; held = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", hold, str(store.warehouse.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        refreshed = store.refresh()
        other.communicate()
    assert refreshed.waiting_for == f"process {other.pid}"
    assert len(read(store, "wallets_daily")) == 48
    assert store.stale() == list(RESULTS)
    store.load()
    assert store.stale() == []
    assert table(store, "SELECT count(*) FROM wallets_daily") == [(48,)]


def test_a_lost_database_makes_results_stale_and_is_loaded_again(store: MetricStore) -> None:
    """Nothing is computed for that."""
    store.refresh()
    store.warehouse.path.unlink()
    assert store.stale() == list(RESULTS)
    store.load()
    assert store.stale() == []
    assert table(store, "SELECT count(*) FROM first_seen_wallets") == [(9,)]


def test_a_day_replaced_while_it_is_read_starts_the_computation_anew(
    store: MetricStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second time nothing changes, and the result rests on the new day."""
    changes = iter([lambda: land(store, day(0), rows_of(0), requests=2), lambda: None])
    metric_sql = metrics.metric_sql

    def loaded(name: str) -> str:
        if name == "base/wallet_days":
            next(changes)()
        return metric_sql(name)

    monkeypatch.setattr(metrics, "metric_sql", loaded)
    refreshed = store.refresh(["wallet_funnel"])
    assert refreshed.basis.fingerprint == store.basis().fingerprint
    assert next(changes, None) is None


def test_days_that_never_hold_still_leave_the_old_results(store: MetricStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """After three tries the sentence says what to do."""
    store.refresh(["wallet_funnel"])
    before = store.path("wallet_funnel").read_bytes()
    made = iter(range(2, 100))
    metric_sql = metrics.metric_sql

    def loaded(name: str) -> str:
        if name == "base/wallet_days":
            land(store, day(0), rows_of(0), requests=next(made))
        return metric_sql(name)

    monkeypatch.setattr(metrics, "metric_sql", loaded)
    with pytest.raises(StoreError, match=r"changed 3 times.*compute them again"):
        store.refresh(["wallet_funnel"])
    assert store.path("wallet_funnel").read_bytes() == before


def test_a_file_that_gives_other_rows_than_it_certifies_is_refused(store: MetricStore) -> None:
    """Nothing is published from it."""
    first, *others = rows_of(0)
    orphaned = [msgspec.structs.replace(tx, canonical=False) for tx in others]
    store.files.write(to_arrow(DATASETS[TRANSACTIONS], [first, *orphaned]), certificate(day(0), rows_of(0)))
    with pytest.raises(StoreError, match=r"17 transactions but certify 19.*verify"):
        store.refresh()
    assert not store.path("wallets_daily").exists()


def test_nothing_is_left_behind(store: MetricStore) -> None:
    """No spill folder and no half-written file, and no spill folder of a killed run either."""
    (store.folder.path / "run" / "metrics-killed").mkdir(parents=True)
    store.refresh()
    left = [path.name for path in store.folder.path.rglob("*") if path.name.endswith(".tmp") or "metrics-" in path.name]
    assert left == []


def test_a_folder_name_with_quotes_works(tmp_path: Path) -> None:
    """Paths go into statements as quoted text."""
    store = land_history(store_in(tmp_path / "it's data"), range(3))
    assert store.refresh().rows["first_seen_wallets"] == 3


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"windows": ()}, "windows are"),
        ({"windows": (30, 15)}, "windows are"),
        ({"windows": (0, 15)}, "windows are"),
        ({"trailing_windows": (30, 30)}, "trailing_windows are"),
        ({"minimum_cohort": 0}, "minimum_cohort is 0"),
        ({"target_cpa_ustx": 0}, "target_cpa_ustx is 0"),
        ({"left_censor_days": -1}, "left_censor_days is -1"),
        ({"breakeven_days": 0}, "breakeven_days is 0"),
    ],
)
def test_options_that_mean_nothing_are_refused(wrong: dict[str, object], sentence: str) -> None:
    """By name."""
    with pytest.raises(ValueError, match=sentence):
        MetricOptions(**wrong)  # type: ignore[arg-type]


def test_the_range_ends_at_the_newest_closed_day() -> None:
    """Days 3 to 5 of 0, 1, 3, 4, 5 and an open 6."""
    known = {day(n): certificate(day(n), []) for n in (0, 1, 3, 4, 5)} | {day(6): certificate(day(6), [], "open")}
    covered = cover(known, MetricOptions(), day(0))
    assert covered.days == [day(3), day(4), day(5)]
    assert (covered.islands, covered.open_days) == ((day(0), day(1)), (day(6),))
    assert covered.uncensored_from == day(3) + timedelta(30)
