"""Days of prices: their candles and proofs, hours without a trade, and the comparison with a second source."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.datasets import PRICES
from stx_pipelines.chains.days import DAY, window
from stx_pipelines.chains.prices import PAIRS
from stx_pipelines.coverage.chains import CHAINS, chains_of, why_not_covered
from stx_pipelines.devnet.prices import PriceKnobs, has_trade, price
from stx_pipelines.devnet.server import Devnet, serve
from stx_pipelines.settings import SettingsError
from stx_pipelines.store.files import StoreError
from stx_pipelines.sync.prices.sync import PricesSync, open_prices, open_second, open_source
from stx_pipelines.sync.prices.verify import verify_day
from stx_pipelines_tests.world import QUICK, BaseWorld, at, failed, plain_rows, query, stored

TODAY = date(2026, 3, 3)
NOW = at(TODAY, 5, 30)
OLD = date(2024, 12, 1)


@dataclass
class PricesWorld(BaseWorld):
    """A devnet that serves prices, and a data folder."""

    devnet: Devnet | None = None
    file: Path | None = None

    @property
    def given(self) -> dict[str, Any]:
        quick = {name.lower(): value for name, value in QUICK.items()}
        urls = dict.fromkeys(("stx_prices_url", "stx_binance_url", "stx_kraken_url"), f"{self.url}/prices")
        file = {"stx_prices_file": self.file} if self.file else {}
        return {"stx_data_dir": self.data, "stx_prices": True, "hiro_attempts": 1} | quick | urls | file

    def open_sync(self) -> PricesSync:
        return self.with_clock(open_prices(self.project()))

    def certificates(self) -> dict[date, Certificate]:
        return self.store(PRICES).files.certificates()


@pytest.fixture(scope="module")
def devnet() -> Iterator[Devnet]:
    with serve(None) as served:
        yield served


@pytest.fixture
def world(devnet: Devnet, tmp_path: Path) -> PricesWorld:
    devnet.prices.knobs = PriceKnobs(clock=lambda: NOW)
    devnet.prices.requests.clear()
    return PricesWorld(devnet.url, tmp_path, NOW, devnet)


def truth(day: date, until: datetime) -> list[tuple[str, int, Decimal]]:
    """Return the pairs, hours and closing prices of a day that are over at `until`."""
    start, end = window(day)
    hours = range(start, min(end, int(until.timestamp())), 3600)
    return [
        (pair, hour, Decimal(price(pair, hour)) / 10_000)
        for pair in ("STX-USD", "BTC-USD")
        for hour in hours
        if hour + 3600 <= until.timestamp() and has_trade(pair, hour)
    ]


def test_days_have_every_full_hour_and_no_other(world: PricesWorld) -> None:
    """The first of March has two hours without a trade. Of today, only the five full hours are there."""
    assert world.devnet is not None
    days = [TODAY - n * DAY for n in range(4)]
    done = stored(world.open_sync().sync(days))
    for day in days:
        rows = [(row[0], row[1], row[2]) for row in _closes(world, day)]
        assert rows == truth(day, NOW), day
    first = done[date(2026, 3, 1)].certificate
    assert (first.state, first.expected, first.seen) == ("closed", 48, 46)
    assert [(each.pair, each.without_trade, each.second) for each in first.prices or ()] == [
        ("STX-USD", 2, "kraken"),
        ("BTC-USD", 0, "kraken"),
    ]
    assert first.proof.startswith(
        "STX-USD: 22 of 24 hours, 2 without a trade in two responses, 22 compared with kraken"
    )
    today = done[TODAY].certificate
    assert (today.state, today.expected, today.seen) == ("open", 10, 10)
    candles = [path for path in world.devnet.prices.requests if path.endswith("candles")]
    assert len(candles) == 3  # one for each pair, and one for the hours without a trade
    table = query(world.data, "SELECT count(*), min(typeof(close)), count(ingested_at) FROM prices")
    assert table == [(sum(len(truth(day, NOW)) for day in days), "DECIMAL(18,8)", 46 + 48 + 48 + 10)]


def _closes(world: PricesWorld, day: date) -> list[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        path = world.data / "days" / "prices" / f"{day}.parquet"
        return connection.execute(f"SELECT pair, epoch(hour)::BIGINT, close FROM '{path}'").fetchall()


def test_an_open_day_is_read_again_only_when_an_hour_is_over(world: PricesWorld) -> None:
    assert world.devnet is not None
    stored(world.open_sync().sync([TODAY]))
    world.devnet.prices.requests.clear()
    assert not stored(world.open_sync().sync([TODAY]))[TODAY].fetched
    assert world.devnet.prices.requests == ["/time"]
    world.now = at(TODAY, 6, 30)  # the server's clock still says half past five
    assert not stored(world.open_sync().sync([TODAY]))[TODAY].fetched
    world.devnet.prices.knobs.clock = lambda: at(TODAY, 6, 30)
    assert world.open_sync().check_tip()
    assert stored(world.open_sync().sync([TODAY]))[TODAY].certificate.seen == 12


@pytest.mark.parametrize("day", [OLD, date(2025, 12, 1), date(2026, 1, 15)])
def test_old_days_are_compared_with_binance(world: PricesWorld, day: date) -> None:
    """Files before 2025 have milliseconds, those since 2026 a header."""
    certificate = stored(world.open_sync().sync([day]))[day].certificate
    found = [(each.second, each.compared, each.far, each.median_bp) for each in certificate.prices or ()]
    assert found == [("binance", each, 0, Decimal("0.00")) for each in (24 - 2 * (day.day == 1), 24)]


def test_a_day_that_disagrees_with_the_second_source_fails(world: PricesWorld) -> None:
    assert world.devnet is not None
    world.devnet.prices.knobs.second_percent = 103
    [(day, why)] = failed(world.open_sync().sync([TODAY - DAY])).items()
    assert (day, world.certificates()) == (TODAY - DAY, {})
    assert re.match("the STX-USD prices of 24 hours differ from kraken by 2[89].... basis points in the median", why), (
        why
    )


@pytest.mark.parametrize(
    ("knobs", "day", "said"),
    [
        ({"off": {"kraken", "binance"}}, TODAY - DAY, "kraken could not be used"),
        ({"off": {"binance"}}, OLD, "binance could not be used"),
        ({"wrong_checksum": True}, OLD, "SHA-256"),
    ],
)
def test_a_day_without_a_second_source_is_stored_and_says_so(
    world: PricesWorld, knobs: dict[str, Any], day: date, said: str
) -> None:
    assert world.devnet is not None
    for name, value in knobs.items():
        setattr(world.devnet.prices.knobs, name, value)
    certificate = stored(world.open_sync().sync([day]))[day].certificate
    assert certificate.is_closed
    assert [(each.second, each.compared) for each in certificate.prices or ()] == [(None, 0)] * 2
    assert said in certificate.proof


def test_a_stored_day_is_verified_again(world: PricesWorld) -> None:
    """Verification finds a candle that the source no longer has, and a second source that disagrees."""
    assert world.devnet is not None
    day = TODAY - DAY
    known = stored(world.open_sync().sync([day]))[day].certificate
    rows, knobs = world.store(PRICES).rows(day), world.devnet.prices.knobs

    def faults() -> list[str]:
        project = world.project()
        return verify_day(open_source(project), open_second(project), known, rows, TODAY)[1]

    assert faults() == []
    knobs.gaps.add(window(day)[0])
    assert faults() == [f"1 of 24 {pair} candles differ from those of coinbase" for pair in ("STX-USD", "BTC-USD")]
    knobs.gaps.clear()
    knobs.second_percent = 90
    assert [each.split(" differ")[0] for each in faults()] == [f"the {p} prices of 24 hours" for p in PAIRS]


def test_prices_are_off_unless_they_are_switched_on(world: PricesWorld) -> None:
    """Then no day is wanted. With prices, the day before the first wanted day of the Stacks chain is wanted too."""
    on, off = world.project(), world.project().replaced(stx_prices=False)
    assert [[each.name for each in chains_of(project)] for project in (on, off)] == [["stacks", "prices"], ["stacks"]]
    with pytest.raises(SettingsError, match="STX_PRICES is not set"):
        chains_of(off, "prices")
    assert why_not_covered(off, CHAINS["prices"])
    assert [len(CHAINS[name].look(on, NOW).days) for name in ("stacks", "prices")] == [181, 182]


def test_prices_from_a_file_need_no_request(world: PricesWorld, tmp_path: Path) -> None:
    """The file ends with the day before yesterday, so yesterday waits for a newer file."""
    assert world.devnet is not None
    days = [TODAY - n * DAY for n in (3, 2)]
    world.file = tmp_path / "prices.csv"
    rows = [
        f"{pair},{datetime.fromtimestamp(hour, UTC):%Y-%m-%d %H:%M:%S},{close},{close},{close},{close},1.5"
        for day in days
        for pair, hour, close in truth(day, NOW)
    ]
    world.file.write_text("\n".join(["pair,hour,open,high,low,close,volume", *rows]))
    outcomes = list(world.open_sync().sync([*days, TODAY - DAY]))
    assert list(failed(outcomes)) == [TODAY - DAY]
    assert {row[0] for row in plain_rows(world.data, PRICES, days[0], ["source"])} == {"file"}
    assert {day: each.seen for day, each in world.certificates().items()} == {days[0]: 48, days[1]: 46}
    assert world.devnet.prices.requests == []
    world.file.write_text("pair,hour\nSTX-USD,now")
    with pytest.raises(StoreError, match="STX_PRICES_FILE"):
        list(world.open_sync().sync([TODAY]))
