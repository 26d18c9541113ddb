"""The hand-made history (history.py) gives the numbers computed by hand. Value metrics are in test_value_by_hand.py."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from stx_pipelines.metrics.options import MetricOptions
from stx_pipelines.metrics.store import MetricStore
from stx_pipelines_tests.metrics.history import OPTIONS, by, day, read, rows_of, store_day, store_history, store_in


@pytest.fixture(scope="module")
def from_birth(tmp_path_factory: pytest.TempPathFactory) -> MetricStore:
    """The results of all 100 days, of a chain that begins with them."""
    store = store_history(store_in(tmp_path_factory.mktemp("metrics"), first_day=day(0)))
    store.refresh()
    return store


@pytest.fixture(scope="module")
def holed(tmp_path_factory: pytest.TempPathFactory) -> MetricStore:
    """The results without day 35, so that days 0 to 34 are an island, and with an open day 100."""
    store = store_history(
        store_in(tmp_path_factory.mktemp("metrics"), first_day=day(0)), (n for n in range(100) if n != 35)
    )
    store_day(store, day(100), rows_of(40), "open")
    store.refresh()
    return store


@pytest.fixture(scope="module")
def without_coinbase(tmp_path_factory: pytest.TempPathFactory) -> MetricStore:
    """The results with coinbase excluded from activity."""
    options = MetricOptions(
        windows=OPTIONS.windows, trailing_windows=OPTIONS.trailing_windows, excluded_types=frozenset({"coinbase"})
    )
    store = store_history(store_in(tmp_path_factory.mktemp("metrics"), options, first_day=day(0)))
    store.refresh()
    return store


def test_each_wallet_is_first_seen_on_its_first_day(store: MetricStore) -> None:
    """D0 is the date of the burn block. The block time of G is on the next date. Days 0 to 29 are censored."""
    assert by(store, "first_seen_wallets", "address", "cohort_date is_left_censored tx_count") == {
        "A": (0, True, 4),
        "B": (0, True, 1),
        "C": (0, True, 3),
        "D": (5, True, 2),
        "E": (40, False, 3),
        "F": (40, False, 3),
        "G": (40, False, 1),
        "H": (40, False, 3),
        "I": (69, False, 3),
        "J": (70, False, 2),
        "K": (85, False, 2),
        "L": (30, False, 3),
    }
    seen = by(store, "first_seen_wallets", "address", "first_seen first_tx_id")
    midnight = datetime(2026, 1, 5)  # noqa: DTZ001 - the column has UTC times without a time zone
    assert seen["B"] == (midnight + timedelta(minutes=20), "0x" + "000" + f"{1:061}")
    assert seen["G"] == (midnight + timedelta(days=41, minutes=5), "0x" + "040" + f"{2:061}")


def test_nothing_is_censored_when_the_coverage_starts_with_the_chain(from_birth: MetricStore) -> None:
    """A wallet cannot be older than its chain."""
    assert set(by(from_birth, "first_seen_wallets", "address", "is_left_censored").values()) == {False}
    assert set(by(from_birth, "wallets_daily", "date", "is_left_censored").values()) == {False}


def test_days_count_distinct_wallets(store: MetricStore) -> None:
    """A span counts a wallet once. Spans that begin before the coverage are null."""
    daily = by(store, "wallets_daily", "date", "new_wallets active_wallets active_7d active_30d")
    assert len(daily) == 100
    assert daily[0] == (3, 3, None, None)
    assert daily[5] == (1, 1, None, None)
    assert daily[6] == (0, 0, 4, None)
    assert daily[7] == (0, 0, 1, None)
    assert daily[28] == (0, 0, 0, None)
    assert daily[29] == (0, 0, 0, 4)
    assert daily[40] == (4, 4, 4, 7)  # A on day 20, C on 15 and 16, L on 30 and 31; and E, F, G, H
    assert daily[46] == (0, 1, 5, 6)
    assert daily[70] == (1, 3, 4, 7)
    assert sum(new for new, *_ in daily.values()) == 12


def test_rolling_means_are_over_calendar_days(store: MetricStore) -> None:
    """Days 40 to 46 have 4, 2, 2, 0, 0, 0 and 1 active wallets."""
    means = by(store, "wallets_daily", "date", "rolling_mean_7d rolling_mean_30d")
    assert means[5] == (None, None)
    assert means[46] == (9 / 7, (9 + 1 + 1 + 1) / 30)


def test_a_network_day_counts_failed_transactions(store: MetricStore) -> None:
    """Day 40 has four shown transactions, one failed, and one that is not canonical and does not count."""
    values = "transactions senders fee_ustx fee_stx landed failed failed_share"
    days = by(store, "network_daily", "date", values)
    assert days[40] == (4, 4, 6_100_000, Decimal("6.1"), 5, 1, 0.2)
    assert days[43] == (0, 0, 0, Decimal(0), 0, 0, None)
    types = by(store, "network_types", "date tx_type", "transactions landed")
    assert (types[30, "coinbase"], types[46, "token_transfer"]) == ((1, 1), (1, 1))
    assert (days[41][0], days[41][4]) == (2, 3)


RETENTION = {
    # per cohort: the wallets that came back in the windows 15, 30, 60, 90; None if the window is not over
    0: {"cumulative": (2, 2, 2, 2), "active_band": (2, 2, 0, 1), "survival": (2, 1, 1, 1)},
    5: {"cumulative": (0, 0, 1, 1), "active_band": (0, 0, 1, 0), "survival": (1, 1, 1, 0)},
    30: {"cumulative": (1, 1, 1, None), "active_band": (1, 1, 0, None), "survival": (None,) * 4},
    40: {"cumulative": (2, 3, None, None), "active_band": (2, 1, None, None), "survival": (None,) * 4},
    69: {"cumulative": (1, 1, None, None), "active_band": (1, 0, None, None), "survival": (None,) * 4},
    70: {"cumulative": (1, None, None, None), "active_band": (1, None, None, None), "survival": (None,) * 4},
    85: {"cumulative": (None,) * 4, "active_band": (None,) * 4, "survival": (None,) * 4},
}
SIZES = {0: 3, 5: 1, 30: 1, 40: 4, 69: 1, 70: 1, 85: 1}


def test_retention_by_cohort(store: MetricStore) -> None:
    """A window that ends on the last covered day is over. One that ends a day later is not."""
    expected = {
        (cohort, window_days, definition): (SIZES[cohort], back, None if back is None else back / SIZES[cohort])
        for cohort, definitions in RETENTION.items()
        for definition, counts in definitions.items()
        for window_days, back in zip(OPTIONS.windows, counts, strict=True)
    }
    keys = "cohort_date window_days definition"
    assert by(store, "wallet_retention", keys, "cohort_size retained rate") == expected
    mature = by(store, "wallet_retention", keys, "is_mature")
    assert mature == {key: back is not None for key, (_, back, _) in expected.items()}
    censored = by(store, "wallet_retention", "cohort_date", "is_left_censored")
    assert {cohort for cohort, marked in censored.items() if marked} == {0, 5}


def test_a_week_is_over_when_its_sunday_is(store: MetricStore) -> None:
    """The first Sunday is day 6. The week of I ends on day 69. The week of J, who is alone in it, ends on day 76."""
    weeks = by(
        store, "wallet_retention_weekly", "week_ending window_days definition", "cohort_days cohort_size retained rate"
    )
    assert weeks[6, 60, "cumulative"] == (2, 4, 3, 0.75)
    assert weeks[6, 90, "survival"] == (2, 4, 1, 0.25)
    assert weeks[41, 15, "cumulative"] == (1, 4, 2, 0.5)
    assert weeks[69, 30, "cumulative"] == (1, 1, 1, 1.0)
    assert weeks[76, 15, "cumulative"] == (1, 1, 1, 1.0)
    assert weeks[90, 15, "cumulative"] == (1, 1, None, None)
    assert {ending for ending, *_ in weeks} == {6, 34, 41, 69, 76, 90}


def test_the_funnel_is_nested(store: MetricStore, from_birth: MetricStore) -> None:
    """G pays 5 STX in one transaction. H has only two in 30 days. I has exactly 3 transactions and 1 STX.

    No wallet is first seen in the days 10 to 29, whose wallets could be older.
    """
    values = "first_cohort last_cohort cohort_size active_30d active_and_value_30d active_rate active_and_value_rate"
    nothing = (None,) * 5
    assert by(store, "wallet_funnel", "window_days", values) == {
        15: (55, 69, 1, 1, 1, 1.0, 1.0),
        30: (40, 69, 5, 3, 2, 0.6, 0.4),
        60: (10, 69, 6, 4, 2, 4 / 6, 2 / 6),
        90: (-20, 69, *nothing),
    }
    longer = by(from_birth, "wallet_funnel", "window_days", values)
    assert longer[60] == (10, 69, 6, 4, 2, 4 / 6, 2 / 6)
    assert longer[90] == (-20, 69, *nothing)


def test_days_before_a_hole_are_an_island(holed: MetricStore) -> None:
    """Only days 36 to 99 count: B and C are gone, A, D and L start later, and cohorts before day 66 are censored."""
    seen = by(holed, "first_seen_wallets", "address", "cohort_date is_left_censored")
    assert seen == {
        **dict.fromkeys("EFGH", (40, True)),
        "L": (46, True),
        "D": (65, True),
        "I": (69, False),
        "J": (70, False),
        "K": (85, False),
        "A": (90, False),
    }
    basis = holed.kept("first_seen_wallets")
    assert basis is not None
    assert (basis.days, basis.islands, basis.open_days) == (64, 35, 1)
    assert (basis.coverage_start, basis.coverage_end, basis.uncensored_from) == (day(36), day(99), day(66))
    daily = by(holed, "wallets_daily", "date", "active_7d")
    assert (min(daily), max(daily), daily[41], daily[42]) == (36, 99, None, 4)


def test_results_are_whole_again_once_the_hole_is_filled(tmp_path: Path, from_birth: MetricStore) -> None:
    """A backfill of older days moves first_seen back."""
    holed = store_history(store_in(tmp_path / "data", first_day=day(0)), (n for n in range(100) if n != 35))
    holed.refresh()
    assert read(holed, "wallets_daily") != read(from_birth, "wallets_daily")
    store_day(holed, day(35), rows_of(35))
    holed.refresh()
    for table in ("first_seen_wallets", "wallets_daily", "wallet_retention", "wallet_value", "wallet_funnel"):
        assert read(holed, table) == read(from_birth, table)


def test_excluded_types_are_no_activity_but_they_are_first_seen(without_coinbase: MetricStore) -> None:
    """L is new on day 30, by a coinbase, and active only on day 46."""
    store = without_coinbase
    assert by(store, "first_seen_wallets", "address", "cohort_date tx_count")["L"] == (30, 3)
    daily = by(store, "wallets_daily", "date", "new_wallets active_wallets")
    assert (daily[30], daily[31], daily[46]) == ((1, 0), (0, 0), (0, 1))
    keys = "cohort_date window_days definition"
    back = by(store, "wallet_retention", keys, "cohort_size retained")
    assert back[30, 15, "cumulative"] == (1, 0)
    assert back[30, 30, "cumulative"] == back[30, 30, "active_band"] == (1, 1)
    assert by(store, "wallet_windows", "address kind window_days", "tx_count")["L", "cohort", 15] == 0
    assert by(store, "wallet_funnel", "window_days", "cohort_size active_30d")[60] == (6, 3)
    assert by(store, "network_daily", "date", "transactions senders")[30] == (1, 1)


def test_days_before_the_data_start_are_not_read(tmp_path: Path) -> None:
    """They are counted apart from islands, and the censored days begin with the data start."""
    store = store_history(store_in(tmp_path / "data", MetricOptions(data_start=day(36)), first_day=day(0)))
    basis = store.basis()
    assert (basis.days, basis.before_start, basis.islands, basis.uncensored_from) == (64, 36, 0, day(66))


def test_without_a_closed_day_every_table_is_there_and_empty(tmp_path: Path) -> None:
    """Only three tables have rows, without numbers: one per window, and two per window, definition and segment."""
    store = store_in(tmp_path / "data", MetricOptions())
    store_day(store, day(0), rows_of(0), "open")
    refreshed = store.refresh()
    assert {table: rows for table, rows in refreshed.rows.items() if rows} == {
        "wallet_value_breakeven": 5,
        "wallet_retention_by_value": 30,
        "wallet_retention_by_segment": 60,
    }
    assert refreshed.basis.coverage_end is None
