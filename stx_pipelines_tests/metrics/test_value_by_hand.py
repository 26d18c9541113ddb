"""The hand-made history (history.py) gives the value metrics computed by hand."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec

from stx_pipelines.chains.days import window
from stx_pipelines.metrics.options import MetricOptions
from stx_pipelines.metrics.store import MetricStore
from stx_pipelines_tests.metrics.history import OPTIONS, by, day, rows_of, store_day, store_history, store_in


def stx(*amounts: str | None) -> tuple[Decimal | None, ...]:
    """Return amounts as exact decimals."""
    return tuple(None if amount is None else Decimal(amount) for amount in amounts)


def test_value_of_a_cohort(store: MetricStore) -> None:
    """Fees are those of the days 0 to w-1. Survivors are active in the band that ends with day w."""
    counts = by(store, "wallet_value", "cohort_date window_days", "cohort_size survivors tx_count fee_ustx")
    assert [counts[0, w] for w in OPTIONS.windows] == [
        (3, 2, 4, 1_900_000),
        (3, 2, 7, 2_900_000),
        (3, 0, 7, 2_900_000),
        (3, 1, 7, 2_900_000),
    ]
    assert [counts[40, w] for w in (15, 30, 60)] == [(4, 2, 8, 7_300_000), (4, 1, 9, 7_800_000), (4, None, None, None)]
    money = by(
        store,
        "wallet_value",
        "cohort_date window_days",
        "mean_fee_stx median_fee_stx survivor_mean_fee_stx survivor_median_fee_stx",
    )
    assert money[0, 15] == stx("0.633333", "0.3", "0.8", "0.8")
    assert money[0, 30] == stx("0.966667", "0.6", "1.3", "1.3")
    assert money[0, 60] == stx("0.966667", "0.6", None, None)
    assert money[0, 90] == stx("0.966667", "0.6", "2.0", "2.0")
    assert money[40, 15] == stx("1.825", "1.0", "0.9", "0.9")
    assert money[40, 30] == stx("1.95", "1.25", "1.0", "1.0")
    assert money[40, 60] == stx(None, None, None, None)


def test_payback_is_for_cohorts_of_three_and_more(store: MetricStore) -> None:
    """Payback is the mean divided by the target of 5 STX. Cohorts 5, 30, 69, 70 and 85 are too small."""
    payback = by(store, "wallet_value", "cohort_date window_days", "payback")
    assert (payback[0, 15], payback[40, 15], payback[40, 60]) == (1_900_000 / 15_000_000, 0.365, None)
    assert {cohort for (cohort, _), value in payback.items() if value is not None} == {0, 40}


def test_value_of_a_week(store: MetricStore) -> None:
    """Fees are added, divided once and rounded half up. A week has a row once the window of its Sunday is over.

    The week of A to D, all censored, ends on day 6; of L on day 34; of E to H on 41; of I on 69; of J on 76.
    """
    keys, values = "week_ending window_days", "wallets fee_ustx fee_per_wallet_stx payback is_left_censored"
    assert by(store, "wallet_value_weekly", keys, values) == {
        (6, 15): (4, 2_300_000, Decimal("0.575"), 2_300_000 / 20_000_000, True),
        (6, 30): (4, 3_300_000, Decimal("0.825"), 3_300_000 / 20_000_000, True),
        (6, 60): (4, 3_300_000, Decimal("0.825"), 3_300_000 / 20_000_000, True),
        (6, 90): (4, 4_300_000, Decimal("1.075"), 4_300_000 / 20_000_000, True),
        (34, 15): (1, 0, Decimal(0), None, False),
        (34, 30): (1, 200_000, Decimal("0.2"), None, False),
        (34, 60): (1, 200_000, Decimal("0.2"), None, False),
        (41, 15): (4, 7_300_000, Decimal("1.825"), 0.365, False),
        (41, 30): (4, 7_800_000, Decimal("1.95"), 0.39, False),
        (69, 15): (1, 1_000_000, Decimal("1.0"), None, False),
        (69, 30): (1, 1_000_000, Decimal("1.0"), None, False),
        (76, 15): (1, 100_000, Decimal("0.1"), None, False),
    }


def test_a_week_with_some_censored_wallets_is_marked(tmp_path: Path) -> None:
    """With five days censored, the week that ends on day 6 has A, B and C, who may be older, and D, who is new."""
    options = MetricOptions(windows=(15,), left_censor_days=5)
    store = store_history(store_in(tmp_path / "data", options))
    store.refresh(["wallet_value"])
    assert by(store, "wallet_value", "cohort_date", "is_left_censored")[5] is False
    marked = by(store, "wallet_value_weekly", "week_ending", "is_left_censored")
    assert {week for week, is_marked in marked.items() if is_marked} == {6}


def test_fees_per_wallet_of_a_week_are_rounded_half_up(tmp_path: Path) -> None:
    """3 microSTX by 2 wallets are 2 each, 1 by 2 is 1, and 1 by 3 is 0. Payback uses the mean before rounding."""
    store = store_in(tmp_path / "data", MetricOptions(windows=(1,), minimum_cohort=1, target_cpa_ustx=4))
    [model] = rows_of(5)
    fees = {0: [1, 2], 7: [1, 0], 14: [1, 0, 0]}
    for number in range(22):
        rows = [
            msgspec.structs.replace(
                model,
                tx_id=f"0x{number:03}{place:061}",
                sender_address=f"{number}-{place}",
                fee_ustx=fee,
                block_time=window(day(number))[0] + place,
                burn_block_time=window(day(number))[0],
            )
            for place, fee in enumerate(fees.get(number, []))
        ]
        store_day(store, day(number), rows)
    store.refresh(["wallet_value"])
    assert by(store, "wallet_value_weekly", "week_ending", "wallets fee_ustx fee_per_wallet_stx payback") == {
        6: (2, 3, Decimal("0.000002"), 3 / 8),
        13: (2, 1, Decimal("0.000001"), 1 / 8),
        20: (3, 1, Decimal(0), 1 / 12),
    }


def test_trailing_windows_need_all_their_days(store: MetricStore) -> None:
    """A, H, I, J and K are active on days 70 to 99. There are fewer than 101 days."""
    values = "wallets tx_count fee_ustx mean_fee_stx median_fee_stx is_mature"
    assert by(store, "wallet_value_trailing", "window_days", values) == {
        30: (5, 8, 4_300_000, *stx("0.86", "0.6"), True),
        101: (None, None, None, None, None, False),
    }


def test_breakeven_leaves_censored_cohorts_out(store: MetricStore) -> None:
    """Window 15 has L, E to H, I and J. No uncensored wallet is 90 days old."""
    values = "first_cohort last_cohort cohorts wallets fee_ustx breakeven_cpa_stx"
    assert by(store, "wallet_value_breakeven", "window_days", values) == {
        15: (30, 70, 4, 7, 8_400_000, Decimal("1.2")),
        30: (30, 69, 3, 6, 9_000_000, Decimal("1.5")),
        60: (30, 30, 1, 1, 200_000, Decimal("0.2")),
        90: (None, None, 0, 0, None, None),
    }


def test_breakeven_counts_the_cohorts_of_the_last_breakeven_days(tmp_path: Path) -> None:
    """The last 40 days start with day 60 and have I and J."""
    options = MetricOptions(windows=(15,), breakeven_days=40)
    store = store_history(store_in(tmp_path / "data", options))
    store.refresh(["wallet_value"])
    assert by(store, "wallet_value_breakeven", "window_days", "wallets breakeven_cpa_stx") == {15: (2, Decimal("0.55"))}


def test_windows_of_single_wallets(store: MetricStore) -> None:
    """Only windows that are over have rows, and trailing windows only for wallets active in them."""
    rows = by(store, "wallet_windows", "address kind window_days", "tx_count fee_stx active_in_window")
    assert rows["A", "cohort", 15] == (2, Decimal("1.5"), True)
    assert rows["A", "cohort", 60] == (3, Decimal("2.0"), False)
    assert rows["C", "cohort", 15] == (1, Decimal("0.1"), True)
    assert rows["B", "cohort", 90] == (1, Decimal("0.3"), False)
    assert rows["K", "trailing", 30] == (2, Decimal("1.0"), True)
    assert ("K", "cohort", 15) not in rows
    assert ("E", "cohort", 60) not in rows
    assert not [key for key in rows if key[1:] == ("trailing", 101)]
    marked = by(store, "wallet_windows", "address", "is_left_censored")
    assert {who for who, is_marked in marked.items() if is_marked} == set("ABCD")
