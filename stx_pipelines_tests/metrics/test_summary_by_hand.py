"""The hand-made history (history.py) gives the sums of windows, segments and ages computed by hand."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from stx_pipelines.chains.stacks import Tx
from stx_pipelines.metrics.checks import CHECKS, judge
from stx_pipelines.metrics.options import MetricOptions
from stx_pipelines.metrics.store import MetricStore
from stx_pipelines_tests.metrics.history import by, day, read, rows_of, store_day, store_in

AGES = "active_30d active_30d_younger active_30d_older active_30d_age_unknown"


def test_the_last_days_of_a_window(store: MetricStore) -> None:
    """In the last 15 days J, K and A pay 0.1, 1.0 and 2.0 STX. The window of 90 days begins after the censored days.

    In the last 60 days E to K are new. L began on day 30, in the last 90 days, and none of these may be older.
    """
    columns = "new_wallets active_wallets active_fee_ustx active_mean_fee_stx active_median_fee_stx is_covered"
    rows = by(store, "wallet_window_summary", "window_days", columns)
    assert rows[15] == (1, 3, 3_100_000, Decimal("1.033333"), Decimal(1), True)
    assert rows[60][:2] == (7, 10)
    assert by(store, "wallet_window_summary", "window_days", "first_date last_date")[90] == (10, 99)


def test_the_first_days_of_observed_wallets(store: MetricStore) -> None:
    """The first 30 days of L, E, F, G, H and I are over. All but G came back. They paid 0.2, 1.5, 0.3, 5, 1, 1 STX."""
    columns = "first_cohort last_cohort observed_wallets retained retention_rate fee_ustx mean_fee_stx median_fee_stx"
    rows = by(store, "wallet_window_summary", "window_days", columns)
    assert rows[30] == (30, 69, 6, 5, 5 / 6, 9_000_000, Decimal("1.5"), Decimal(1))
    assert rows[90] == (None, None, 0, None, None, None, None, None)
    quotient = by(store, "wallet_window_summary", "window_days", "active_to_first")
    assert (quotient[30], quotient[90]) == (4_300_000 / 5 / 1_500_000, None)


def test_the_histogram_has_each_observed_wallet_once(store: MetricStore) -> None:
    """A fee at the border of two ranges is in the upper one. L has paid 0 in its first 15 days."""
    rows = by(store, "wallet_fee_histogram", "window_days from_ustx", "wallets fee_ustx")
    mine = {low: row for (window, low), row in rows.items() if window == 30 and row[0]}
    assert mine == {200_000: (2, 500_000), 1_000_000: (3, 3_500_000), 5_000_000: (1, 5_000_000)}
    assert rows[15, 0] == (1, 0)
    ranges = [(row["from_ustx"], row["to_ustx"]) for row in read(store, "wallet_fee_histogram")][:18]
    assert ranges[:3] == [(0, 1), (1, 1_000), (1_000, 2_000)]
    assert ranges[-1] == (100_000_000, None)
    assert {window for window, _ in rows} == {15, 30, 60}


def test_retention_of_value_wallets_and_of_the_others(store: MetricStore) -> None:
    """E, G, H and I paid 1 STX in their first 30 days, L and F did not. J and K have not had 30 days. G is not back."""
    columns = "first_cohort last_cohort wallets retained rate"
    rows = by(store, "wallet_retention_by_value", "window_days definition segment", columns)
    assert rows[30, "cumulative", "value"] == (40, 69, 4, 3, 0.75)
    assert rows[30, "cumulative", "non_value"] == (30, 40, 2, 2, 1.0)
    assert rows[15, "cumulative", "value"][2:] == (4, 2, 0.5)
    assert rows[60, "active_band", "non_value"] == (30, 30, 1, 0, 0.0)
    assert rows[90, "survival", "value"] == (None, None, 0, None, None)


def test_fees_of_30_days(store: MetricStore) -> None:
    """On day 29 they are those of A to D. The 0.3 STX of B and 1.0 STX of A on day 0 are left out on day 30."""
    fees = by(store, "network_daily", "date", "fee_30d_ustx")
    assert (fees[28], fees[29], fees[30]) == (None, 3_300_000, 1_900_000)


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> MetricStore:
    """The results of 200 days. A is known to be new, B to be old. The nonces of C are not known. Each has two days."""
    store = store_in(tmp_path_factory.mktemp("long") / "data", MetricOptions())
    active = {0: "ABC", 170: "ABC", 185: "ABC"}
    for number in range(200):
        store_day(store, day(number), [sent(number, wallet) for wallet in active.get(number, "")])
    store.refresh()
    return store


def sent(number: int, wallet: str) -> Tx:
    """Return a transaction of a wallet: A begins with nonce 0, B with nonce 7, and C has none."""
    first = {"A": 0, "B": 7}.get(wallet)
    nonce = None if first is None else first + (0, 170, 185).index(number)
    [row] = rows_of(90)
    return msgspec.structs.replace(
        row,
        tx_id=f"0x{wallet}{number}",
        sender_address=wallet,
        nonce=nonce,
        fee_ustx=ord(wallet) * 10,
        burn_block_time=row.burn_block_time + (number - 90) * 86_400,
        block_time=(row.block_time or 0) + (number - 90) * 86_400,
    )


def test_active_wallets_by_age(long: MetricStore) -> None:
    """B began before day 0, so it is 180 days old on day 179, a day before A. The age of C is known from day 180 on."""
    ages = by(long, "wallets_daily", "date", AGES)
    assert ages[28] == (None, None, None, None)
    assert ages[29] == (3, 1, 0, 2)
    assert ages[169] == (0, 0, 0, 0)
    assert (ages[178], ages[179], ages[180]) == ((3, 1, 0, 2), (3, 1, 1, 1), (3, 0, 3, 0))


def test_fees_of_active_wallets_by_age(long: MetricStore, store: MetricStore) -> None:
    """The ages are those of the last day. In the hand-made history A may be older than 180 days."""
    columns = " ".join(
        f"{age}_{what}" for what in ("wallets", "fee_ustx") for age in ("younger", "older", "age_unknown")
    )
    assert by(long, "wallet_value_trailing", "window_days", columns)[30] == (0, 3, 0, 0, 3_960, 0)
    assert by(store, "wallet_value_trailing", "window_days", columns) == {
        30: (4, 0, 1, 2_300_000, 0, 2_000_000),
        101: (None,) * 6,
    }


def test_the_checks_pass(long: MetricStore, tmp_path: Path) -> None:
    """Also where no day is closed, and where a single day is."""
    nothing, single = (store_in(tmp_path / name, MetricOptions()) for name in ("nothing", "single"))
    store_day(nothing, day(0), [], "open")
    store_day(single, day(0), rows_of(0))
    for store in (nothing, single):
        store.refresh()
    names = ("ages_add_up", "window_summary_adds_up", "histogram_adds_up", "value_segments_add_up")
    ours = [check for check in CHECKS if check.name in names]
    assert len(ours) == len(names)
    for store in (long, nothing, single):
        assert {check.name: judge(store, check).broken for check in ours} == {check.name: 0 for check in ours}
