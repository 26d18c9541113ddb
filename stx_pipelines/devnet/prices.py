"""Made-up hourly prices on the routes of Coinbase Exchange, Kraken and Binance's files, all below /prices.

On the first day of each month, STX has no trade in two hours: Coinbase leaves their candles out.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope, Send

from stx_pipelines.devnet.days import DAY, unix_midnight
from stx_pipelines.devnet.sending import send_whole

PRICES_PATH = "/prices"
HOUR = 3600
MISSING_HOURS = (3, 4)
"""The hours of a month's first day in which STX has no trade."""

_MOST_CANDLES = 300
_KRAKEN_ROWS = 720
_MICROSECONDS_SINCE = unix_midnight(date(2025, 1, 1))
_HEADER_SINCE = unix_midnight(date(2026, 1, 1))
_OF_KRAKEN = {"STXUSD": "STX-USD", "XBTUSD": "BTC-USD"}
_OF_BINANCE = {"STXUSDT": "STX-USD", "BTCUSDT": "BTC-USD"}
_START = {"STX-USD": 5_000, "BTC-USD": 600_000_000}  # in ten-thousandths of a dollar


@dataclass
class PriceKnobs:
    """What a test can change. `off` names the sources that do not respond: coinbase, kraken or binance.

    `second_percent` is the price of the second sources in percent of the first. `wrong_checksum` spoils the checksums.
    `gaps` are further hours, in unix seconds, that Coinbase leaves out.
    """

    off: set[str] = field(default_factory=set)
    second_percent: int = 100
    wrong_checksum: bool = False
    gaps: set[int] = field(default_factory=set)
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)


def price(pair: str, hour: int) -> int:
    """Return the closing price of an hour in ten-thousandths of a dollar."""
    step = int.from_bytes(hashlib.sha256(f"{pair} {hour}".encode()).digest()[:2]) % 41 - 20
    day = int.from_bytes(hashlib.sha256(f"{pair} {hour // DAY}".encode()).digest()[:2]) % 401 - 200
    return _START[pair] * (10_000 + step + day) // 10_000


def has_trade(pair: str, hour: int) -> bool:
    """Return whether a pair was traded in an hour."""
    at = datetime.fromtimestamp(hour, UTC)
    return pair != "STX-USD" or at.day != 1 or at.hour not in MISSING_HOURS


class PricesApi:
    """An ASGI application with the routes of the three exchanges. `requests` are the paths that were asked for."""

    def __init__(self, knobs: PriceKnobs | None = None) -> None:
        """Serve prices with these knobs."""
        self.knobs = knobs or PriceKnobs()
        self.requests: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = scope["path"].removeprefix(PRICES_PATH)
        self.requests.append(path)
        status, kind, body = self.answer(path, dict(parse_qsl(scope["query_string"].decode())))
        headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
        await send_whole(status, headers, body, send)

    def answer(self, path: str, query: Mapping[str, str]) -> tuple[int, str, bytes]:
        """Return the status, the type and the body of a response."""
        parts = path.strip("/").split("/")
        if path.startswith("/data/"):
            return self._refused("binance") or self._file(parts)
        if path == "/0/public/OHLC":
            return self._refused("kraken") or _json(self._kraken(query))
        if refused := self._refused("coinbase"):
            return refused
        if path == "/time":
            return _json({"iso": f"{self.knobs.clock():%Y-%m-%dT%H:%M:%SZ}", "epoch": self.knobs.clock().timestamp()})
        if len(parts) == len(("products", "PAIR", "candles")) and parts[1] in _START:
            return self._candles(parts[1], query)
        return _json({"message": "NotFound"}, 404)

    def _refused(self, source: str) -> tuple[int, str, bytes] | None:
        return _json({"message": "off"}, 503) if source in self.knobs.off else None

    def _candles(self, pair: str, query: Mapping[str, str]) -> tuple[int, str, bytes]:
        start, end = (int(datetime.fromisoformat(query[name]).timestamp()) for name in ("start", "end"))
        if (end - start) // HOUR >= _MOST_CANDLES:
            return _json({"message": "granularity too small for the requested time range"}, 400)
        newest = int(self.knobs.clock().timestamp())
        # Like the real server, the response begins an hour before `start`.
        hours = [hour for hour in range(start - HOUR, end + 1, HOUR) if hour <= newest and has_trade(pair, hour)]
        rows = [_coinbase_row(pair, hour) for hour in reversed(hours) if hour not in self.knobs.gaps]
        return 200, "application/json", f"[{','.join(rows)}]".encode()

    def _kraken(self, query: Mapping[str, str]) -> dict[str, Any]:
        newest = int(self.knobs.clock().timestamp()) // HOUR * HOUR
        pair = _OF_KRAKEN[query["pair"]]
        rows = []
        for hour in range(newest - (_KRAKEN_ROWS - 1) * HOUR, newest + 1, HOUR):
            close = _second_close(pair, hour, self.knobs.second_percent)
            rows.append([hour, close, close, close, close, close, "10.0", 3])
        return {"error": [], "result": {f"X{query['pair']}": rows, "last": newest - HOUR}}

    def _file(self, parts: list[str]) -> tuple[int, str, bytes]:
        name = parts[-1].removesuffix(".CHECKSUM").removesuffix(".zip")
        symbol, _, of = name.split("-", 2)
        first, last = _range(of)
        if last > unix_midnight(self.knobs.clock().date()):
            return 404, "application/xml", b"<Error><Code>NoSuchKey</Code></Error>"
        packed = _zipped(name, self._rows(_OF_BINANCE[symbol], first, last))
        if not parts[-1].endswith(".CHECKSUM"):
            return 200, "application/zip", packed
        digest = hashlib.sha256(b"" if self.knobs.wrong_checksum else packed).hexdigest()
        return 200, "text/plain", f"{digest}  {name}.zip\n".encode()

    def _rows(self, pair: str, first: int, last: int) -> str:
        """Return a CSV file. Its times are in microseconds since 2025, and it has a header since 2026."""
        lines = ["open_time,open,high,low,close,volume,close_time,quote,count,buy,buy_quote,ignore"]
        lines = lines if first >= _HEADER_SINCE else []
        factor = 1_000_000 if first >= _MICROSECONDS_SINCE else 1_000
        for hour in range(first, last, HOUR):
            close = _second_close(pair, hour, self.knobs.second_percent)
            end = (hour + HOUR) * factor - 1
            lines.append(f"{hour * factor},{close},{close},{close},{close},10.0,{end},5.0,3,5.0,2.5,0")
        return "\n".join(lines)


def _coinbase_row(pair: str, hour: int) -> str:
    close, opened = price(pair, hour), price(pair, hour - HOUR)
    low, high = min(close, opened), max(close, opened)
    return f"[{hour},{_dollars(low)},{_dollars(high)},{_dollars(opened)},{_dollars(close)},{close % 997}.125]"


def _second_close(pair: str, hour: int, percent: int) -> str:
    return _dollars(price(pair, hour) * percent // 100)


def _dollars(parts: int) -> str:
    return f"{parts // 10_000}.{parts % 10_000:04d}"


def _range(of: str) -> tuple[int, int]:
    """Return the first second of a month or a day, and the second after its last."""
    if of.count("-") > 1:
        first = unix_midnight(date.fromisoformat(of))
        return first, first + DAY
    begin = date.fromisoformat(f"{of}-01")
    return unix_midnight(begin), unix_midnight((begin + timedelta(days=31)).replace(day=1))


def _zipped(name: str, text: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(f"{name}.csv", (2026, 1, 1, 0, 0, 0)), text)
    return packed.getvalue()


def _json(value: object, status: int = 200) -> tuple[int, str, bytes]:
    return status, "application/json", json.dumps(value).encode()
