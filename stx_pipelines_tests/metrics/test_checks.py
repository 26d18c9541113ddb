"""Each asset check passes on computed results and fails on a planted fault."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from stx_pipelines.metrics.checks import CHECKS, Check, judge
from stx_pipelines.metrics.store import MetricStore
from stx_pipelines_tests.metrics.history import day, rows_of, store_day, store_history, store_in

FAULTS = {
    "addresses_unique": ["first_seen_wallets: INSERT INTO t SELECT * FROM t WHERE address = 'A'"],
    "first_seen_is_earliest": [
        "first_seen_wallets: UPDATE t SET first_seen = first_seen + INTERVAL 1 HOUR WHERE address = 'B'",
        "first_seen_wallets: UPDATE t SET first_seen = first_seen - INTERVAL 1 HOUR WHERE address = 'B'",
        "first_seen_wallets: DELETE FROM t WHERE address = 'C'",
        "first_seen_wallets: UPDATE t SET address = 'Q' WHERE address = 'C'",
        "first_seen_wallets: UPDATE t SET fee_ustx = fee_ustx + 1 WHERE address = 'C'",
        "first_seen_wallets: UPDATE t SET active_days = active_days + 1, last_date = last_date + 1 WHERE address = 'B'",
    ],
    "new_wallets_add_up": [
        "wallets_daily: UPDATE t SET new_wallets = new_wallets + 1 WHERE date = DATE '2026-01-05'",
        "first_seen_wallets: DELETE FROM t WHERE address = 'C'",
    ],
    "longer_spans_hold_more": [
        "wallets_daily: UPDATE t SET active_7d = active_wallets - 1 WHERE active_7d > 0",
        "wallets_daily: UPDATE t SET active_30d = active_7d - 1 WHERE active_7d > 0",
    ],
    "daily_is_mature": [
        "wallets_daily: UPDATE t SET active_7d = 3 WHERE date = DATE '2026-01-10'",
        "wallets_daily: UPDATE t SET rolling_mean_30d = 1.0 WHERE date = DATE '2026-02-02'",
    ],
    "ages_add_up": [
        "wallets_daily: UPDATE t SET active_30d_younger = active_30d_younger + 1 WHERE date = DATE '2026-04-14'",
        "wallets_daily: UPDATE t SET active_30d_older = 0 WHERE active_30d IS NULL",
        "wallets_daily: UPDATE t SET active_30d_older = -1, active_30d_age_unknown = active_30d_age_unknown + 1",
        "wallet_value_trailing: UPDATE t SET older_fee_ustx = older_fee_ustx + 1 WHERE is_mature",
        "wallet_value_trailing: UPDATE t SET younger_wallets = 0 WHERE NOT is_mature",
        "wallet_value_trailing: UPDATE t SET younger_wallets = younger_wallets - 1, older_wallets = 1 WHERE is_mature",
    ],
    "rolling_fees_add_up": [
        "network_daily: UPDATE t SET fee_30d_ustx = fee_30d_ustx + 1 WHERE date = DATE '2026-04-14'",
        "network_daily: UPDATE t SET fee_30d_stx = fee_30d_stx + 1 WHERE date = DATE '2026-04-14'",
        "network_daily: UPDATE t SET fee_30d_ustx = 0, fee_30d_stx = 0 WHERE date = DATE '2026-02-02'",
    ],
    "retention_within_one": [
        "wallet_retention: UPDATE t SET retained = cohort_size + 1 WHERE retained > 0",
        "wallet_retention: UPDATE t SET rate = 1.01 WHERE retained > 0",
        "wallet_retention_weekly: UPDATE t SET rate = NULL WHERE is_mature",
    ],
    "cumulative_never_falls": [
        "wallet_retention: UPDATE t SET retained = 0 WHERE window_days = 30 AND cohort_date = DATE '2026-01-05'"
    ],
    "retention_is_mature": [
        "wallet_retention: UPDATE t SET retained = 1 WHERE NOT is_mature",
        "wallet_retention: UPDATE t SET rate = 0.5, is_mature = true WHERE NOT is_mature",
        "wallet_retention_weekly: UPDATE t SET retained = 1 WHERE NOT is_mature",
    ],
    "value_segments_add_up": [
        "wallet_retention_by_value: UPDATE t SET wallets = wallets + 1, rate = NULL WHERE segment = 'value'",
        "wallet_retention_by_value: UPDATE t SET retained = wallets + 1 WHERE wallets > 0",
        "wallet_retention_by_value: UPDATE t SET rate = 0 WHERE wallets = 0",
        "wallet_retention_by_value: DELETE FROM t WHERE segment = 'value'",
        "wallet_retention_by_value: UPDATE t SET last_cohort = DATE '2026-04-14' WHERE wallets > 0",
    ],
    "segments_add_up": [
        "wallet_retention_by_segment: UPDATE t SET wallets = wallets + 1 WHERE segment = 'value'",
        "wallet_retention_by_segment: UPDATE t SET known_wallets = 1, retained = 1, rate = 1 WHERE segment = 'all'",
        "wallet_retention_by_segment: UPDATE t SET known_wallets = wallets + 1, retained = 0, rate = 0",
        "wallet_retention_by_segment: UPDATE t SET rate = 0",
        "wallet_retention_by_segment: DELETE FROM t WHERE segment = 'funded'",
        "wallet_retention_by_value: UPDATE t SET wallets = wallets + 1",
    ],
    "value_is_mature": [
        "wallet_value: UPDATE t SET fee_ustx = 1 WHERE NOT is_mature",
        "wallet_value: UPDATE t SET payback = 1 WHERE is_small",
        "wallet_value: UPDATE t SET payback_usd = 1 WHERE is_small",
        "wallet_value: UPDATE t SET mean_fee_usd = 1 WHERE NOT is_mature",
        "wallet_value_trailing: UPDATE t SET wallets = 1 WHERE NOT is_mature",
        "wallet_value_breakeven: UPDATE t SET last_cohort = DATE '2026-04-14' WHERE window_days = 15",
        "wallet_windows: UPDATE t SET window_days = 101 WHERE kind = 'trailing'",
        "wallet_windows: UPDATE t SET window_days = 90 WHERE address = 'K' AND kind = 'trailing'; "
        "UPDATE t SET kind = 'cohort' WHERE address = 'K'",
    ],
    "weekly_value_adds_up": [
        "wallet_value_weekly: UPDATE t SET wallets = wallets + 1 WHERE window_days = 15",
        "wallet_value_weekly: UPDATE t SET fee_ustx = fee_ustx + 1 WHERE week_ending = DATE '2026-01-11'",
        "wallet_value_weekly: UPDATE t SET fee_per_wallet_stx = fee_per_wallet_stx + 0.000001 WHERE window_days = 30",
        "wallet_value_weekly: UPDATE t SET payback = 0.2 WHERE wallets < 3",
        "wallet_value_weekly: UPDATE t SET payback = NULL WHERE wallets = 4",
        "wallet_value_weekly: UPDATE t SET payback = payback * 2",
        "wallet_value_weekly: UPDATE t SET fee_usd = 1 WHERE window_days = 30",
        "wallet_value_weekly: UPDATE t SET is_left_censored = NOT is_left_censored",
        "wallet_value_weekly: DELETE FROM t WHERE window_days = 90",
        "wallet_value_weekly: INSERT INTO t SELECT * FROM t WHERE window_days = 90",
        "wallet_value_weekly: INSERT INTO t BY NAME SELECT * REPLACE (week_ending + 70 AS week_ending) FROM t",
        "wallet_value: UPDATE t SET fee_ustx = fee_ustx + 1 WHERE cohort_date = DATE '2026-01-05'",
        "wallet_value: DELETE FROM t WHERE cohort_date = DATE '2026-01-10'",
    ],
    "window_summary_adds_up": [
        "wallet_window_summary: UPDATE t SET new_wallets = 0 WHERE window_days = 90",
        "wallet_window_summary: UPDATE t SET active_wallets = active_wallets + 1 WHERE window_days = 30",
        "wallet_window_summary: UPDATE t SET observed_wallets = observed_wallets + 1 WHERE window_days = 15",
        "wallet_window_summary: UPDATE t SET retained = observed_wallets + 1 WHERE window_days = 15",
        "wallet_window_summary: UPDATE t SET mean_fee_stx = mean_fee_stx + 1 WHERE window_days = 15",
        "wallet_window_summary: UPDATE t SET active_median_fee_stx = 0 WHERE window_days = 30",
        "wallet_window_summary: UPDATE t SET active_to_first = active_to_first * 2 WHERE window_days = 15",
        "wallet_windows: DELETE FROM t WHERE address = 'E'",
    ],
    "histogram_adds_up": [
        "wallet_fee_histogram: UPDATE t SET wallets = wallets + 1 WHERE from_ustx = 0",
        "wallet_fee_histogram: UPDATE t SET to_ustx = to_ustx + 1000000 WHERE from_ustx = 200000",
        "wallet_fee_histogram: UPDATE t SET wallet_share = 1 WHERE from_ustx = 0",
        "wallet_fee_histogram: DELETE FROM t WHERE window_days = 15",
        "wallet_window_summary: UPDATE t SET observed_wallets = observed_wallets + 1 WHERE window_days = 15",
    ],
    "funnel_is_nested": ["wallet_funnel: UPDATE t SET active_and_value_30d = active_30d + 1 WHERE is_mature"],
    "funded_funnel_is_nested": [
        "wallet_funnel_funded: UPDATE t SET funded = known_wallets + 1 WHERE is_mature",
        "wallet_funnel_funded: UPDATE t SET cohort_size = cohort_size + 1 WHERE is_mature",
        "wallet_funnel_funded: UPDATE t SET funded_rate = 0.5",
    ],
    "funnel_is_mature": [
        "wallet_funnel: UPDATE t SET cohort_size = 6 WHERE NOT is_mature",
        "wallet_funnel: UPDATE t SET last_cohort = last_cohort + 1",
    ],
    "contract_calls_add_up": [
        "contracts_daily: DELETE FROM t WHERE date = DATE '2026-02-14'",
        "contracts_daily: UPDATE t SET calls = calls + 1 WHERE date = DATE '2026-03-15'",
        "contracts_daily: UPDATE t SET fee_ustx = fee_ustx + 1 WHERE date = DATE '2026-03-15'",
        "contracts_daily: UPDATE t SET landed = landed + 1, failed = failed + 1 WHERE failed > 0",
        "contracts_daily: UPDATE t SET contract_id = NULL WHERE date = DATE '2026-03-15'",
        "contracts_daily: UPDATE t SET date = date + 1 WHERE failed > 0",
    ],
    "contracts_within_calls": [
        "contracts_daily: INSERT INTO t SELECT * FROM t WHERE failed > 0",
        "contracts_daily: UPDATE t SET wallets = calls + 1",
        "contracts_daily: UPDATE t SET wallets = 0",
        "contracts_daily: UPDATE t SET failed = landed WHERE calls > 0",
        "contracts_daily: UPDATE t SET fee_stx = fee_stx + 0.000001",
    ],
    "contract_window_adds_up": [
        "contracts_30d: UPDATE t SET calls = calls + 1",
        "contracts_30d: UPDATE t SET wallets = wallets + 1",
        "contracts_30d: UPDATE t SET wallets = 0",
        "contracts_30d: UPDATE t SET first_date = first_date - 1",
        "contracts_30d: UPDATE t SET contract_id = NULL",
        "contracts_30d: DELETE FROM t",
    ],
    "transfers_add_up": [
        "transfers_daily: UPDATE t SET transfers = transfers + 1 WHERE date = DATE '2026-01-05'",
        "transfers_daily: UPDATE t SET amount_ustx = amount_ustx + 1 WHERE date = DATE '2026-01-05'",
        "transfers_daily: UPDATE t SET amount_ustx = NULL WHERE date = DATE '2026-01-05'",
        "transfers_daily: UPDATE t SET senders = senders - 1 WHERE date = DATE '2026-01-05'",
        "transfers_daily: UPDATE t SET recipients = recipients + 1 WHERE date = DATE '2026-01-05'",
        "transfers_daily: UPDATE t SET transfers = 1 WHERE transfers = 0",
        "transfers_daily: DELETE FROM t WHERE date = DATE '2026-01-05'",
    ],
    "transfers_within_count": [
        "transfers_daily: DELETE FROM t WHERE transfers = 0",
        "transfers_daily: INSERT INTO t SELECT * FROM t WHERE transfers = 0",
        "transfers_daily: UPDATE t SET amount_ustx = -amount_ustx, amount_stx = -amount_stx WHERE transfers > 0",
        "transfers_daily: UPDATE t SET senders = transfers + 1",
        "transfers_daily: UPDATE t SET recipients = transfers + 1",
        "transfers_daily: UPDATE t SET amount_ustx = NULL, amount_stx = NULL WHERE transfers = 0",
        "transfers_daily: UPDATE t SET amount_stx = amount_stx + 0.000001 WHERE transfers > 0",
        "transfers_daily: UPDATE t SET date = date + 100",
    ],
}
"""Faults per check: a table, and statements that change it as `t`."""

BY_NAME = {check.name: check for check in CHECKS}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with results. Tests copy it."""
    store = store_history(store_in(tmp_path_factory.mktemp("made")))
    store.refresh()
    return store.folder.path


@pytest.fixture
def store(made: Path, tmp_path: Path) -> MetricStore:
    """A copy of the results, for one test."""
    shutil.copytree(made, tmp_path / "data")
    return store_in(tmp_path / "data")


def plant(store: MetricStore, fault: str) -> None:
    """Change a result file and keep its metadata."""
    table, statements = fault.split(": ", 1)
    before = pq.read_table(store.path(table))
    with duckdb.connect() as connection:
        connection.register("before", before)
        connection.execute("CREATE TABLE t AS SELECT * FROM before")
        connection.execute(statements)
        after = connection.sql("SELECT * FROM t").to_arrow_table()
    metadata = pq.read_metadata(store.path(table)).metadata
    pq.write_table(after.replace_schema_metadata(metadata), store.path(table))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_computed_results_pass(store: MetricStore, check: Check) -> None:
    """Each check also has at least one planted fault."""
    assert judge(store, check)[:3] == (0, "", [])
    assert FAULTS[check.name]


@pytest.mark.parametrize(("name", "fault"), [(name, fault) for name, faults in FAULTS.items() for fault in faults])
def test_a_planted_fault_fails_with_examples(store: MetricStore, name: str, fault: str) -> None:
    plant(store, fault)
    verdict = judge(store, BY_NAME[name])
    assert verdict.broken, verdict
    assert verdict.examples


def test_a_check_without_a_verdict_gives_the_reason(store: MetricStore) -> None:
    """After a reorg the day files are newer than the results. Results of different days cannot be compared."""
    store_day(store, day(99), rows_of(99), requests=2)
    ahead = judge(store, BY_NAME["first_seen_is_earliest"])
    assert (ahead.broken, "have changed" in ahead.reason) == (None, True)
    store.refresh(["first_seen_wallets"])
    assert judge(store, BY_NAME["first_seen_is_earliest"]).broken == 0
    apart = judge(store, BY_NAME["new_wallets_add_up"])
    assert (apart.broken, "same days" in apart.reason) == (None, True)
