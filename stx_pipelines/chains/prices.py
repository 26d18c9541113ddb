"""Hourly candles of the price of STX and of BTC: their form, and the responses and files that hold them.

A candle has the trades of one full hour. Prices are decimals with 8 places, and values with more places are rounded.
The comparison of two sources is in `price_proof.py`.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

import msgspec

from stx_pipelines.chains.days import LAST_SECOND
from stx_pipelines.chains.errors import MalformedAnswer, malformed

STX_USD = "STX-USD"
BTC_USD = "BTC-USD"
PAIRS = (STX_USD, BTC_USD)
"""The pairs whose candles are kept."""

HOUR = 3600
"""The seconds of an hour."""

_PLACES = Decimal("1E-8")
_MOST = Decimal(10) ** 10  # DECIMAL(18,8) holds smaller values
_MICROSECONDS = 1_000_000
_MILLISECONDS = 1_000


class Candle(NamedTuple):
    """The prices in US dollars and the traded volume of a pair in one hour. `hour` is its first unix second."""

    pair: str
    hour: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    source: str


def candle(pair: str, hour: int, values: Sequence[Decimal], source: str) -> Candle:
    """Return the candle with these values: open, high, low, close, volume. Raises `MalformedAnswer`."""
    try:
        opened, high, low, close, volume = (value.quantize(_PLACES) for value in values)
    except InvalidOperation:
        raise MalformedAnswer(f"the {pair} candle of {hour} has a value that is not a number") from None
    if hour % HOUR or not 0 <= hour <= LAST_SECOND:
        raise MalformedAnswer(f"the {pair} candle of {hour} does not begin with an hour")
    if not 0 < low <= min(opened, close) <= max(opened, close) <= high < _MOST or not 0 <= volume < _MOST:
        raise MalformedAnswer(f"the {pair} candle of {hour} has impossible values")
    return Candle(pair, hour, opened, high, low, close, volume, source)


def by_hour(candles: Iterable[Candle]) -> dict[int, Candle]:
    """Return candles of one pair by their hour. Raises `MalformedAnswer` if two candles of an hour differ."""
    found: dict[int, Candle] = {}
    for each in candles:
        if found.setdefault(each.hour, each) != each:
            raise MalformedAnswer(f"the hour {each.hour} has two different {each.pair} candles")
    return found


_CoinbaseRow = tuple[int, Decimal, Decimal, Decimal, Decimal, Decimal]
_decode_coinbase = msgspec.json.Decoder(list[_CoinbaseRow]).decode


def parse_coinbase(raw: bytes, pair: str, source: str = "coinbase") -> list[Candle]:
    """Return the candles in a response of Coinbase Exchange, oldest first. Raises `MalformedAnswer`."""
    try:
        rows = _decode_coinbase(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise malformed("the candles cannot be read", error) from error
    found = by_hour(
        candle(pair, time, (opened, high, low, close, volume), source)
        for time, low, high, opened, close, volume in rows
    )
    return [found[hour] for hour in sorted(found)]


class _KrakenAnswer(msgspec.Struct):
    error: list[str]
    result: dict[str, Any] = {}


_decode_kraken = msgspec.json.Decoder(_KrakenAnswer).decode


def parse_kraken(raw: bytes) -> dict[int, Decimal]:
    """Return the closing prices by hour in a response of Kraken, without the last row, whose hour is not over.

    Raises `MalformedAnswer`.
    """
    try:
        answer = _decode_kraken(raw)
        if answer.error:
            raise MalformedAnswer(f"Kraken responded with {answer.error[0][:100]}")
        [rows] = [rows for name, rows in answer.result.items() if name != "last"]
        return {int(row[0]): Decimal(row[4]) for row in rows[:-1]}
    except (msgspec.MsgspecError, ValueError, TypeError, IndexError, InvalidOperation, RecursionError) as error:
        raise malformed("the candles of Kraken cannot be read", error) from error


def parse_binance(text: str) -> dict[int, Decimal]:
    """Return the closing prices by hour in a CSV file of Binance. Raises `MalformedAnswer`.

    Some files have a header. Times are in microseconds since 2025, and in milliseconds before.
    """
    try:
        rows = [row for row in csv.reader(text.splitlines()) if row and row[0].strip().isdecimal()]
        return {_unix_seconds(int(row[0])): Decimal(row[4]) for row in rows}
    except (csv.Error, ValueError, IndexError, InvalidOperation) as error:
        raise malformed("the file of Binance cannot be read", error) from error


def _unix_seconds(time: int) -> int:
    return time // (_MICROSECONDS if time > LAST_SECOND * _MILLISECONDS else _MILLISECONDS)
