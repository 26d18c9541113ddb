"""Clients of the servers of hourly prices: Coinbase Exchange, and Binance's files and Kraken for the comparison."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO
from typing import TypeVar

import msgspec

from stx_pipelines.chains.errors import MalformedAnswer, malformed
from stx_pipelines.chains.prices import (
    BTC_USD,
    HOUR,
    STX_USD,
    Candle,
    parse_binance,
    parse_coinbase,
    parse_kraken,
)
from stx_pipelines.clients.errors import ApiError, NotFound
from stx_pipelines.clients.http import Http, present

CANDLES_AT_ONCE = 300
"""The most candles in a response of Coinbase. It refuses a longer range."""

_SETTLED = 120  # seconds after an hour's end; the last trades may reach its candle a little later
_KRAKEN = {STX_USD: "STXUSD", BTC_USD: "XBTUSD"}
_BINANCE = {STX_USD: "STXUSDT", BTC_USD: "BTCUSDT"}
_MOST_BYTES = 4_000_000  # of an unpacked file of Binance; a month of hours has 100 kB
T = TypeVar("T")


class _Time(msgspec.Struct):
    epoch: float


_decode_time = msgspec.json.Decoder(_Time).decode


@dataclass
class Coinbase:
    """A client of Coinbase Exchange, by whose clock and ours an hour is over. `name` is its name in certificates.

    Its methods may raise the errors of `Http.get`.
    """

    http: Http
    name: str = "coinbase"

    def probe(self) -> None:
        """Check that the server responds. Raises `ApiError`."""
        self.time()

    def time(self) -> float:
        """Return the server's time in unix seconds."""
        return self._get("/time", _parse_time)

    def end(self, now: float) -> int:
        """Return the end of the last hour that is over, in unix seconds. `now` is our time."""
        return int(min(now, self.time()) - _SETTLED) // HOUR * HOUR

    def candles(self, pair: str, start: int, end: int) -> list[Candle]:
        """Return the candles of the hours in `[start, end)`, oldest first. Both are unix seconds of whole hours."""
        params: Mapping[str, str | int] = {"granularity": HOUR, "start": _iso(start), "end": _iso(end - HOUR)}
        found = self._get(f"/products/{pair}/candles", lambda raw: parse_coinbase(raw, pair), params)
        return [each for each in found if start <= each.hour < end]  # a response may begin before `start`

    def _get(self, path: str, parse: Callable[[bytes], T], params: Mapping[str, str | int] | None = None) -> T:
        return present(self.http.get(path, parse, params=params, refusal=_of_coinbase), self.http.name + path)


def _parse_time(raw: bytes) -> float:
    try:
        return _decode_time(raw).epoch
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise malformed("the time cannot be read", error) from error


def _of_coinbase(status: int, text: str) -> ApiError | None:
    return NotFound(f"HTTP {status}: {text.strip()[:200]}") if status == 404 else None


def _iso(unix_seconds: int) -> str:
    return datetime.fromtimestamp(unix_seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Kraken:
    """A client of Kraken, which has only the newest 720 hours."""

    http: Http

    def closes(self, pair: str) -> dict[int, Decimal]:
        """Return the closing prices of the newest hours that are over. Raises the errors of `Http.get`."""
        path = "/0/public/OHLC"
        params: Mapping[str, str | int] = {"pair": _KRAKEN[pair], "interval": 60}
        return present(self.http.get(path, parse_kraken, params=params), self.http.name + path)


@dataclass
class Binance:
    """A client of Binance's files, which quote prices in USDT. Their checksums are compared."""

    http: Http

    def month(self, pair: str, month: str) -> dict[int, Decimal]:
        """Return the closing prices of a month (YYYY-MM). Raises `NotFound` and the errors of `Http.get`."""
        return self._closes("monthly", pair, month)

    def day(self, pair: str, day: str) -> dict[int, Decimal]:
        """Return the closing prices of a day (YYYY-MM-DD). Raises `NotFound` and the errors of `Http.get`."""
        return self._closes("daily", pair, day)

    def _closes(self, period: str, pair: str, of: str) -> dict[int, Decimal]:
        symbol = _BINANCE[pair]
        path = f"/data/spot/{period}/klines/{symbol}/1h/{symbol}-1h-{of}.zip"
        wanted = self._get(f"{path}.CHECKSUM", _parse_checksum)
        return self._get(path, lambda raw: _unpack(raw, wanted))

    def _get(self, path: str, parse: Callable[[bytes], T]) -> T:
        return present(self.http.get(path, parse, refusal=_of_files), self.http.name + path)


def _of_files(status: int, _text: str) -> ApiError | None:
    return NotFound(f"HTTP {status}") if status in (403, 404) else None  # S3 responds with 403 to some missing files


def _parse_checksum(raw: bytes) -> str:
    checksum = raw.decode("ascii", "replace").split(maxsplit=1)[:1]
    if not checksum or len(checksum[0]) != len(hashlib.sha256().hexdigest()):
        raise MalformedAnswer("the file of the checksum has no SHA-256")
    return checksum[0].lower()


def _unpack(raw: bytes, checksum: str) -> dict[int, Decimal]:
    if hashlib.sha256(raw).hexdigest() != checksum:
        raise MalformedAnswer("the file does not have the SHA-256 of its checksum")
    try:
        with zipfile.ZipFile(BytesIO(raw)) as packed, packed.open(packed.namelist()[0]) as file:
            return parse_binance(file.read(_MOST_BYTES).decode("ascii"))
    except (zipfile.BadZipFile, IndexError, UnicodeDecodeError, NotImplementedError, RuntimeError) as error:
        raise malformed("the file of Binance cannot be unpacked", error) from error
