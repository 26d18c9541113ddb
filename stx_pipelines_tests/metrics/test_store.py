"""Results are computed, replaced as a whole, loaded, and known to be stale."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
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
from stx_pipelines.metrics.result_tables import ResultTables
from stx_pipelines.metrics.results import RESULTS
from stx_pipelines.metrics.store import MetricStore
from stx_pipelines.store.arrow import to_arrow
from stx_pipelines.store.files import StoreError
from stx_pipelines.store.scratch import Engine
from stx_pipelines_tests.metrics.history import (
    UNORDERED,
    certificate,
    day,
    read,
    rows_of,
    store_day,
    store_history,
    store_in,
)
from stx_pipelines_tests.store.holding import held_open

TABLES = [table for tables in RESULTS.values() for table in tables]


@pytest.fixture
def store(tmp_path: Path) -> MetricStore:
    """Days 0 to 46 are stored, and nothing is computed yet."""
    return store_history(store_in(tmp_path / "data"), range(47))


def table(store: MetricStore, query: str) -> list[tuple[object, ...]]:
    """Return the result of a query of the database."""
    with duckdb.connect(str(store.warehouse.path), read_only=True) as connection:
        return connection.execute(query).fetchall()


def test_every_result_file_equals_its_table(store: MetricStore) -> None:
    refreshed = store.refresh()
    assert refreshed.waiting_for is None
    for name in TABLES:
        from_file = [tuple(row.values()) for row in read(store, name)]
        loaded = table(store, f"SELECT * FROM {name}")
        assert (sorted(loaded) if name in UNORDERED else loaded) == from_file
        assert len(from_file) == refreshed.rows[name]


def test_promised_columns_come_first_and_files_have_their_promised_names(store: MetricStore) -> None:
    """Existing notebooks read address and first_seen."""
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
    """Amounts are whole microSTX or decimals. Only rates, means of counts and payback are floating point."""
    store.refresh()
    floating = set()
    for name in TABLES:
        for field in pq.read_schema(store.path(name)):
            if field.name.endswith("_ustx"):
                assert field.type in (pa.int64(), pa.decimal128(38, 0)), (name, field)
            if field.name.endswith("_stx"):
                assert field.type == pa.decimal128(38, 6), (name, field)
            if pa.types.is_floating(field.type):
                floating.add(field.name)
    assert floating == {
        *("rate", "active_rate", "active_and_value_rate", "failed_share", "priced_share"),
        *("wallet_share", "active_to_first", "retention_rate"),
        *("funded_rate", "funded_and_active_rate", "funded_active_and_value_rate"),
        *("payback", "payback_usd", "rolling_mean_7d", "rolling_mean_30d"),
    }


@pytest.mark.parametrize("result", RESULTS)
def test_each_result_can_be_computed_alone(store: MetricStore, result: str) -> None:
    """Only its own files and tables are made, and they equal those of a refresh of all results."""
    refreshed = store.refresh([result])
    assert set(refreshed.rows) == set(RESULTS[result])
    assert {name for name in TABLES if store.path(name).exists()} == set(RESULTS[result])
    alone = {name: store.path(name).read_bytes() for name in RESULTS[result]}
    store.refresh()
    assert alone == {name: store.path(name).read_bytes() for name in RESULTS[result]}


def test_results_are_stale_when_closed_days_or_options_change(store: MetricStore) -> None:
    """A new closed day, a new certificate and another option make them stale. An open day does not."""
    assert store.stale() == list(RESULTS)
    store.refresh(["wallet_funnel"])
    assert "wallet_funnel" not in store.stale()
    store.refresh()
    assert store.stale() == []
    store_day(store, day(47), rows_of(47), "open")
    assert store.stale() == []
    store_day(store, day(47), rows_of(47))
    assert store.stale() == list(RESULTS)
    store.refresh()
    store_day(store, day(10), rows_of(10), requests=7)
    assert store.stale() == list(RESULTS)
    store.refresh()
    store.options = MetricOptions(windows=(15,))
    assert store.stale() == list(RESULTS)


def test_a_table_added_by_a_later_version_makes_its_result_stale(store: MetricStore) -> None:
    """An older data folder has neither its file nor its table. Only its result is computed and loaded again."""
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


def test_a_busy_database_delays_only_the_tables(store: MetricStore) -> None:
    """The files are new, and the results stay stale until their tables are loaded."""
    store.refresh()
    store_day(store, day(47), rows_of(47))
    with held_open(store.folder.path, "writes") as pid:
        refreshed = store.refresh()
    assert refreshed.waiting_for == f"process {pid}"
    assert len(read(store, "wallets_daily")) == 48
    assert store.stale() == list(RESULTS)
    store.load()
    assert store.stale() == []
    assert table(store, "SELECT count(*) FROM wallets_daily") == [(48,)]


@pytest.mark.parametrize(("transactions", "memory_mb"), [(0, 200), (30_000_000, 260), (300_000_000, 800)])
def test_tables_of_a_long_history_are_loaded_with_more_memory(
    store: MetricStore, monkeypatch: pytest.MonkeyPatch, transactions: int, memory_mb: int
) -> None:
    """With 200 MB, one more day of wallets after 300 million transactions could not be loaded."""
    store.refresh(["wallets_daily"])
    known = store.kept("wallets_daily")
    assert known
    engines = list[Engine]()
    connected = store.warehouse.connected

    def noting(*, engine: Engine) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        engines.append(engine)
        return connected(engine=engine)

    monkeypatch.setattr(store.warehouse, "connected", noting)
    tables = ResultTables(store.folder, store.warehouse, store.engine)
    tables.load({"wallets_daily": msgspec.structs.replace(known, transactions=transactions)}, {})
    assert [engine.memory_mb for engine in engines] == [memory_mb]


def test_results_are_stale_without_the_database_and_loaded_again_without_computing(store: MetricStore) -> None:
    store.refresh()
    store.warehouse.path.unlink()
    assert store.stale() == list(RESULTS)
    store.load()
    assert store.stale() == []
    assert table(store, "SELECT count(*) FROM first_seen_wallets") == [(9,)]


@pytest.fixture
def replace_a_day(store: MetricStore, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], list[int]]:
    """Return a function that takes a number of times and makes so many computations find a day replaced.

    It returns a list that grows by one with every computation.
    """

    def start(times: int) -> list[int]:
        computations: list[int] = []
        metric_sql = metrics.metric_sql

        def read(name: str) -> str:
            if name == "base/wallet_days":
                computations.append(len(computations))
                if len(computations) <= times:
                    store_day(store, day(0), rows_of(0), requests=1 + len(computations))
            return metric_sql(name)

        monkeypatch.setattr(metrics, "metric_sql", read)
        return computations

    return start


def test_a_day_replaced_during_the_computation_starts_it_again(
    store: MetricStore, replace_a_day: Callable[[int], list[int]]
) -> None:
    computations = replace_a_day(1)
    refreshed = store.refresh(["wallet_funnel"])
    assert refreshed.basis.fingerprint == store.basis().fingerprint
    assert len(computations) == 2


def test_days_replaced_during_every_computation_leave_the_old_results(
    store: MetricStore, replace_a_day: Callable[[int], list[int]]
) -> None:
    store.refresh(["wallet_funnel"])
    before = store.path("wallet_funnel").read_bytes()
    computations = replace_a_day(100)
    with pytest.raises(StoreError, match=r"changed 3 times.*compute them again"):
        store.refresh(["wallet_funnel"])
    assert len(computations) == 3
    assert store.path("wallet_funnel").read_bytes() == before


def test_a_file_with_another_number_of_rows_than_certified_is_refused(store: MetricStore) -> None:
    first, *others = rows_of(0)
    orphaned = [msgspec.structs.replace(tx, canonical=False) for tx in others]
    store.files.write(to_arrow(DATASETS[TRANSACTIONS], [first, *orphaned]), certificate(day(0), rows_of(0)))
    with pytest.raises(StoreError, match=r"17 transactions, but their certificates state 19.*verify"):
        store.refresh()
    assert not store.path("wallets_daily").exists()


def test_a_refresh_leaves_no_spill_folder_and_no_temporary_file(store: MetricStore) -> None:
    (store.folder.path / "run" / "metrics-killed").mkdir(parents=True)
    store.refresh()
    left = [path.name for path in store.folder.path.rglob("*") if path.name.endswith(".tmp") or "metrics-" in path.name]
    assert left == []


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
def test_impossible_options_are_refused_by_name(wrong: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        MetricOptions(**wrong)  # type: ignore[arg-type]


def test_the_range_ends_at_the_newest_closed_day() -> None:
    """Days 0, 1, 3, 4 and 5 are closed, and day 6 is open."""
    known = {day(n): certificate(day(n), []) for n in (0, 1, 3, 4, 5)} | {day(6): certificate(day(6), [], "open")}
    covered = cover(known, MetricOptions(), day(0))
    assert covered.days == [day(3), day(4), day(5)]
    assert (covered.islands, covered.open_days) == ((day(0), day(1)), (day(6),))
    assert covered.uncensored_from == day(3) + timedelta(30)
