"""The page's parts about funded wallets and US dollars. They are there only with balances and with prices."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import vl_convert
from msgspec import structs

from stx_pipelines.chains.datasets import PRICES
from stx_pipelines.chains.days import DAY, days_between, window
from stx_pipelines.chains.prices import HOUR, PAIRS, Candle
from stx_pipelines.dashboard.page import VEGA_LITE
from stx_pipelines.dashboard.themes import themed
from stx_pipelines.metrics.options import MetricOptions
from stx_pipelines.metrics.store import MetricStore
from stx_pipelines.store.day_files import DayFiles
from stx_pipelines_tests.dashboard.pages import LAST, build, embedded
from stx_pipelines_tests.metrics.history import read, store_balances, store_day, store_in, store_prices
from stx_pipelines_tests.metrics.history import rows_of as rows_of_day
from stx_pipelines_tests.world import FIRST_DAY

FUNDED_COLUMNS = ("known_wallets", "funded", "funded_and_active_30d", "funded_active_and_value_30d")


@pytest.fixture
def page(own: MetricStore) -> str:
    """Return the page with a price of 2 dollars, the balances of half of the wallets, and a target of 1 dollar."""
    own.options = replace(own.options, target_cpa_cents=100)
    own.prices = DayFiles(own.folder.days(PRICES))
    for day in days_between(FIRST_DAY - DAY, LAST):
        hours = range(*window(day), HOUR)
        store_prices(own, day, [Candle(pair, hour, *[Decimal(2)] * 5, "test") for pair in PAIRS for hour in hours])
    wallets = [row["address"] for row in read(own, "first_seen_wallets")]
    store_balances(own, FIRST_DAY, {who: number % 4 == 0 for number, who in enumerate(wallets) if number % 2 == 0})
    own.refresh()
    return build(own)


def rows_of(page: str, table: str) -> list[dict[str, Any]]:
    found = embedded(page)["tables"][table]
    return [dict(zip(found["columns"], row, strict=True)) for row in found["rows"]]


def texts(page: str, chart: str, choice: str | None = None) -> Sequence[str]:
    """Return the texts that a chart draws."""
    spec = themed(embedded(page)["charts"][chart], "light")
    if choice:
        spec["params"] = [{"name": "choice", "value": choice}]
    values = {"values": rows_of(page, spec["data"]["name"])}
    drawn = vl_convert.vegalite_to_svg({**spec, "width": 600, "data": values}, vl_version=VEGA_LITE)
    return re.findall(r"<text[^>]*>([^<]+)</text>", drawn)


def test_the_funnel_and_the_retention_of_funded_wallets(own: MetricStore, page: str) -> None:
    [last] = [row for row in read(own, "wallet_funnel_funded") if row["is_mature"]]
    counts = [last[column] for column in FUNDED_COLUMNS]
    assert [row["wallets"] for row in rows_of(page, "funded_stages")] == counts
    assert counts[1] > 0
    words = texts(page, "funded-stages")
    assert any(each.startswith(f"Funded: {counts[1]:,} ({counts[1] / counts[0]:.1%}") for each in words), words
    panel = page.partition("Retention by balance")[2].partition("</table>")[0]
    for row in read(own, "wallet_retention_by_segment"):
        if row["definition"] == "cumulative" and row["known_wallets"]:
            assert f"{row['rate']:.1%} ({row['retained']:,} of {row['known_wallets']:,})" in panel


def test_fees_and_payback_in_dollars(own: MetricStore, page: str) -> None:
    """An STX is 2 dollars, and the targets are 5 STX and 1 dollar. So the payback in dollars is 10 times the other."""
    weeks = [row for row in read(own, "wallet_value_weekly") if row["payback"]]
    assert all(row["payback_usd"] == pytest.approx(10 * row["payback"]) for row in weeks)
    assert [texts(page, "payback", choice) == texts(page, "payback") for choice in ("stx", "usd")] == [True, False]
    assert "divided by the target of 1.00 US dollars" in page
    shown = [row for row in read(own, "wallet_value_breakeven") if row["is_mature"]]
    assert shown
    assert all(
        row["breakeven_cpa_usd"] == pytest.approx(2 * row["breakeven_cpa_stx"], abs=Decimal("1e-6")) for row in shown
    )
    words = [each for each in texts(page, "fees-by-window") if "of target" in each]
    assert len(words) == len(shown)
    assert all(re.search(r"^[\d.]+ STX \([\d.]+ USD\), ", each) for each in words), words
    assert "mean per wallet, USD" in page


def test_a_priced_day_without_fees(tmp_path: Path) -> None:
    """Its fees are 0 dollars, and no share of them has a price."""
    store = store_in(tmp_path / "data", MetricOptions(windows=(1,), trailing_windows=(1,)), FIRST_DAY)
    store.prices = DayFiles(store.folder.days(PRICES))
    start = window(FIRST_DAY)[0]
    [row] = rows_of_day(30)
    row = structs.replace(row, burn_block_time=start, block_time=start + 2 * HOUR, nonce=0)
    store_day(store, FIRST_DAY, [row])
    store_prices(store, FIRST_DAY, [Candle(pair, start, *[Decimal(2)] * 5, "test") for pair in PAIRS])
    store.refresh()
    [day] = read(store, "network_daily")
    assert (day["fee_usd"], day["priced_share"]) == (0, None)
    assert f"On {FIRST_DAY}: 0.000000 STX" in build(store)


def test_without_balances_and_prices_the_page_has_none_of_them(html: str) -> None:
    assert "funded-stages" not in embedded(html)["charts"]
    assert "Retention by balance" not in html
    assert "USD)" not in " ".join(texts(html, "fees-by-window"))
    assert "per wallet, USD" not in html
