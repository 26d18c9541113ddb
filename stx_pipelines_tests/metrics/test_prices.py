"""Fees in US dollars and in BTC equal a recount in plain decimals, transaction by transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal, localcontext
from pathlib import Path
from random import Random
from typing import Any

import pandas as pd
import pytest

from stx_pipelines.chains.datasets import PRICES
from stx_pipelines.chains.days import DAY, days_between, window
from stx_pipelines.chains.prices import PAIRS, Candle
from stx_pipelines.devnet.stacks.chain import StacksChain
from stx_pipelines.metrics.options import MetricOptions
from stx_pipelines.metrics.store import MetricStore
from stx_pipelines.store.day_files import DayFiles
from stx_pipelines_tests.metrics.history import START, day, read, store_chain, store_history, store_in, store_prices
from stx_pipelines_tests.metrics.plain_summary import PlainSummary
from stx_pipelines_tests.metrics.test_against_pandas import chain, transactions_of

__all__ = ["chain"]  # a fixture

OPTIONS = MetricOptions(
    windows=(1, 3, 7), trailing_windows=(7, 99), excluded_types=frozenset({"coinbase"}), target_cpa_cents=25
)
DAYS = 20
HOUR = 3600
Prices = dict[tuple[str, int], Decimal]


def priced_store(folder: Path) -> MetricStore:
    store = store_in(folder, OPTIONS)
    store.prices = DayFiles(folder / "days" / PRICES)
    return store


def made_up_prices(days: list[date]) -> Prices:
    """Return prices with gaps of one hour, and of nine hours on the fourth day."""
    random = Random(1)
    starts = {"STX-USD": 19_287_654, "BTC-USD": 6_112_345_678_901}  # in hundred-millionths of a dollar
    gap = range(window(days[3])[0] + 5 * HOUR, window(days[3])[0] + 14 * HOUR)
    return {
        (pair, hour): Decimal(starts[pair] + random.randrange(10**6)).scaleb(-8)
        for each in days
        for hour in range(*window(each), HOUR)
        for pair in PAIRS
        if hour not in gap and random.random() > 0.1
    }


def price_at(prices: Prices, moment: datetime) -> tuple[Decimal, Decimal] | None:
    """Return the prices in dollars and in BTC of the newest hour that ended before the moment and is not too old."""
    begin = int(moment.replace(tzinfo=UTC).timestamp()) // HOUR * HOUR
    for hour in range(begin - HOUR, begin - 7 * HOUR, -HOUR):
        found = [prices.get((pair, hour)) for pair in PAIRS]
        if found[0] and found[1]:
            return found[0], (found[0] / found[1]).quantize(Decimal("1E-12"), ROUND_HALF_UP)
    return None


def recount(rows: pd.DataFrame, prices: Prices) -> tuple[Decimal | None, Decimal | None, float | None]:
    """Return the fees of these rows in dollars and BTC, and the share of the fees that has a price."""
    priced = [(Decimal(int(row.fee)), price_at(prices, row.time)) for row in rows.itertuples()]
    known = [(fee, price) for fee, price in priced if price]
    total = sum(fee for fee, _ in priced)
    part = sum(fee for fee, _ in known)
    dollars, btc = (sum((fee * price[n] for fee, price in known), Decimal(0)).scaleb(-6) for n in range(2))
    return (dollars if known else None), (btc if known else None), float(part / total) if total else None


def first_days(plain: PlainSummary, wallets: Sequence[str], length: int) -> pd.DataFrame:
    """Return the transactions of these wallets in their first days."""
    mine = plain.active[plain.active.address.isin(wallets)]
    return mine[mine.k < length]


def per_wallet(dollars: Decimal | None, wallets: int) -> Decimal | None:
    """Return the dollars per wallet with 14 places."""
    return None if dollars is None else (dollars / wallets).quantize(Decimal("1E-14"), ROUND_HALF_UP)


def payback(dollars: Decimal | None, wallets: int) -> float | None:
    """Return the share of the target of 25 cents that the wallets paid, None for fewer than 3 wallets."""
    return None if dollars is None or wallets < 3 else float(dollars / (wallets * Decimal("0.25")))


def test_fees_in_dollars_and_btc_equal_a_recount(chain: StacksChain, tmp_path: Path) -> None:
    """The first day has no prices of the day before, and the fourth has hours without a price."""
    store = priced_store(tmp_path / "data")
    days = days_between(START, START + (DAYS - 1) * DAY)
    store_chain(store, chain, days)
    prices = made_up_prices(days)
    for each in days:
        start, end = window(each)
        rows = [(pair, hour, *[price] * 4, Decimal(1), "test") for (pair, hour), price in prices.items()]
        store_prices(store, each, [Candle(*row) for row in rows if start <= row[1] < end])
    store.refresh(["network_daily", "wallet_value"])

    plain = PlainSummary(transactions_of(chain, DAYS), START, days[-1], OPTIONS, False)
    with localcontext() as context:
        context.prec = 60
        for row in read(store, "network_daily"):
            of_day = plain.shown[plain.shown.day == row["date"]]
            assert (row["fee_usd"], row["fee_btc"], row["priced_share"]) == recount(of_day, prices), row["date"]
            assert (row["priced_share"] < 1) == (row["date"] in (days[0], days[3]))
        for row in read(store, "wallet_value"):
            if row["is_mature"]:
                wallets = plain.cohorts[row["cohort_date"]]
                dollars, _, share = recount(first_days(plain, wallets, row["window_days"]), prices)
                assert (row["fee_usd"], row["priced_share"]) == (dollars, share), row
                assert row["mean_fee_usd"] == per_wallet(dollars, len(wallets))
                assert row["payback_usd"] == pytest.approx(payback(dollars, len(wallets)))
        for row in read(store, "wallet_value_weekly"):
            week = [row["week_ending"] - n * DAY for n in range(7)]
            wallets = [who for day in week for who in plain.cohorts.get(day, [])]
            dollars, _, share = recount(first_days(plain, wallets, row["window_days"]), prices)
            assert (row["fee_usd"], row["priced_share"]) == (dollars, share), row
            assert row["fee_per_wallet_usd"] == per_wallet(dollars, len(wallets))
            assert row["payback_usd"] == pytest.approx(payback(dollars, len(wallets)))
        for row in read(store, "wallet_value_breakeven"):
            wallets = plain.observed(row["window_days"])
            dollars, _, share = recount(first_days(plain, wallets, row["window_days"]), prices)
            assert (row["fee_usd"], row["priced_share"]) == (dollars, share), row
            assert row["breakeven_cpa_usd"] == per_wallet(dollars, len(wallets))
        first, second = read(store, "wallet_value_trailing")
        last_days = plain.active[plain.active.day > days[-1] - 7 * DAY]
        dollars, _, share = recount(last_days, prices)
        assert (first["fee_usd"], first["priced_share"]) == (dollars, share)
        assert first["mean_fee_usd"] == per_wallet(dollars, last_days.address.nunique())
        assert (second["fee_usd"], second["priced_share"], second["mean_fee_usd"]) == (None, None, None)


@pytest.mark.parametrize("is_on", [True, False])
def test_prices_make_results_stale_only_if_they_are_used(tmp_path: Path, is_on: bool) -> None:
    store = store_history(priced_store(tmp_path / "data"), range(3))
    prices = store.prices
    store.prices = prices if is_on else None
    before = store.basis().fingerprint
    for number, changes in ((4, False), (-2, False), (-1, is_on), (2, is_on)):
        store.prices = prices
        store_prices(store, day(number), [])
        store.prices = prices if is_on else None
        after = store.basis().fingerprint
        assert (before != after) == changes, number
        before = after


def test_without_prices_the_columns_are_null(tmp_path: Path) -> None:
    store = store_history(priced_store(tmp_path / "data"), range(3))
    store.refresh(["network_daily"])
    found: list[Any] = [(row["fee_usd"], row["fee_btc"], row["priced_share"]) for row in read(store, "network_daily")]
    assert found == [(None, None, None)] * 3
