"""The sync of hourly prices. It reads each day up to the last full hour, and compares it with a second source."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Protocol

from stx_pipelines.chains.certificate import Certificate, PriceProof
from stx_pipelines.chains.datasets import PRICES
from stx_pipelines.chains.days import DAY, window
from stx_pipelines.chains.errors import MalformedAnswer, ProofError
from stx_pipelines.chains.price_proof import Second, agreed, compare, in_words
from stx_pipelines.chains.prices import HOUR, PAIRS, Candle, by_hour
from stx_pipelines.clients.errors import ApiError, Unreachable
from stx_pipelines.clients.http import Http
from stx_pipelines.clients.prices import CANDLES_AT_ONCE, Binance, Coinbase, Kraken
from stx_pipelines.coverage.current import PRICES_TIP_AGE
from stx_pipelines.project import Project
from stx_pipelines.store.price_file import PriceFile
from stx_pipelines.sync.daily import DaySync
from stx_pipelines.sync.outcome import FailedDay, Outcome, ProvedDay
from stx_pipelines.sync.prices.second import FROM_A_FILE, SecondSource

log = logging.getLogger(__name__)

DAYS_AT_ONCE = CANDLES_AT_ONCE * HOUR // 86_400
"""Neighbouring missing days are read with one request for each pair."""


class Source(Protocol):
    """A source of candles. `name` is in certificates, and `http` has its name and its stop signal."""

    name: str
    http: Http

    def probe(self) -> None:
        """Check that the source responds. Raises `ApiError`."""

    def end(self, now: float) -> int:
        """Return the end of the last full hour that the source has, in unix seconds."""

    def candles(self, pair: str, start: int, end: int) -> list[Candle]:
        """Return the candles of the hours in `[start, end)`, oldest first."""


@dataclass
class File:
    """A file as a source. Its `http` sends no request."""

    file: PriceFile
    http: Http
    name: str = "file"

    def probe(self) -> None:
        """Check that the file can be read. Raises `StoreError`."""
        self.file.end()

    def end(self, now: float) -> int:
        """Return the end of the file's last hour that is over."""
        return min(self.file.end(), int(now) // HOUR * HOUR)

    def candles(self, pair: str, start: int, end: int) -> list[Candle]:
        """Return the candles of the hours in `[start, end)`, oldest first."""
        return self.file.candles(pair, start, end)


@dataclass
class PricesSync(DaySync[Source, Candle]):
    """The sync of prices. `second` is None if there is no comparison, as with a file."""

    second: SecondSource | None = None
    _held: dict[tuple[str, date], dict[int, Candle]] = field(default_factory=dict, init=False)

    def check_tip(self) -> bool:
        """Record the last full hour. Return whether today's stored day lacks it."""
        end, today = self.client.end(self.clock().timestamp()), self._newest_certificate()
        self._note_tip(end - 1)  # the last second that is known
        if today is None:
            return False
        moved = today.tip < end // HOUR
        if not moved:
            self._mark_unmoved(today)
        return moved

    def _fetch(self, days: Sequence[date], *, force: bool) -> Iterator[Outcome]:
        end = self.client.end(self.clock().timestamp())
        refused = self._refused(days, date.min, self._note_tip(end - 1))
        yield from refused
        wanted = sorted({*days} - {failed.day for failed in refused}, reverse=True)
        self._held.clear()
        for number in range(0, len(wanted), DAYS_AT_ONCE):
            yield from self._store_together(wanted[number : number + DAYS_AT_ONCE], end, force=force)

    def _store_together(self, days: Sequence[date], end: int, *, force: bool) -> Iterator[Outcome]:
        """Read and prove these days, then store them together, because each store of a small day takes long."""
        proved: list[ProvedDay[Candle]] = []
        for day in days:
            try:
                read = self._read(day, days, end, force)
            except (ProofError, ApiError) as error:
                yield FailedDay(day, error)
                continue
            if read is None:
                yield self._unchanged(day)
            else:
                proved.append(read)
        yield from self._store(proved)

    def _read(self, day: date, wanted: Sequence[date], end: int, force: bool) -> ProvedDay[Candle] | None:
        """Read and prove the day. Return None if it is stored up to the last full hour."""
        known = None if force else self.certificate(day)
        if known is not None and end // HOUR <= known.tip:
            return None
        began, sent = time.monotonic(), self.client.http.sent
        start, over = window(day)
        until = max(start, min(over, end))
        rows: list[Candle] = []
        proofs: list[PriceProof] = []
        for pair in PAIRS:
            candles = self._candles(pair, day, wanted, until)
            proofs.append(compare(pair, candles, self._second(pair, day), (until - start) // HOUR - len(candles)))
            rows += candles
        self.on_page(len(rows))
        requests, seconds = self.client.http.sent - sent, round(time.monotonic() - began, 3)
        return ProvedDay(rows, self._certify(day, rows, proofs, (until, end), requests, seconds))

    def _candles(self, pair: str, day: date, wanted: Sequence[date], until: int) -> list[Candle]:
        """Return the candles of a day. If hours are missing, ask once more, for this day alone."""
        start = window(day)[0]
        if until == start:
            return []
        try:
            found = self._first(pair, day, wanted, until)
            if len(found) < (until - start) // HOUR:
                found = agreed(found, by_hour(self.client.candles(pair, start, until)))
        except MalformedAnswer as error:
            raise Unreachable(str(error)) from error
        return [found[hour] for hour in sorted(found)]

    def _first(self, pair: str, day: date, wanted: Sequence[date], until: int) -> dict[int, Candle]:
        """Return the candles of the first response. It is for several days if they are wanted too."""
        if (pair, day) not in self._held:
            oldest = min(each for each in wanted if day - (DAYS_AT_ONCE - 1) * DAY <= each <= day)
            read = self.client.candles(pair, window(oldest)[0], until)
            for number in range((day - oldest).days + 1):
                first, over = window(oldest + number * DAY)
                self._held[pair, oldest + number * DAY] = by_hour(row for row in read if first <= row.hour < over)
        return self._held.pop((pair, day))

    def _second(self, pair: str, day: date) -> Second:
        if self.second is None:
            return FROM_A_FILE
        return self.second.of(pair, day, self.clock().date())

    def _certify(
        self,
        day: date,
        rows: Sequence[Candle],
        proofs: Sequence[PriceProof],
        ends: tuple[int, int],
        requests: int,
        seconds: float,
    ) -> Certificate:
        until, end = ends
        hours = [row.hour for row in rows]
        return Certificate(
            dataset=PRICES,
            day=day,
            state="closed" if until == window(day)[1] else "open",
            proof=in_words(proofs),
            expected=sum(each.hours for each in proofs),
            seen=len(rows),
            published=len(rows),
            left_out={},
            first_height=min(hours) // HOUR if hours else None,
            last_height=max(hours) // HOUR if hours else None,
            last_hash=None,
            first_block_time=datetime.fromtimestamp(min(hours), UTC) if hours else None,
            last_block_time=datetime.fromtimestamp(max(hours), UTC) if hours else None,
            proved_to=until // HOUR,
            tip_height=end // HOUR,
            proved_at=self.clock().replace(microsecond=0),
            requests=requests,
            seconds=seconds,
            route=self.client.name,
            prices=tuple(proofs),
        )


def open_source(project: Project) -> Source:
    """Open the file of STX_PRICES_FILE or else the server of STX_PRICES_URL."""
    settings = project.settings
    if settings.stx_prices_file is None:
        return Coinbase(project.price_server(settings.stx_prices_url))
    file = PriceFile(settings.stx_prices_file, project.folder.run)
    return File(file, project.price_server(str(settings.stx_prices_file)))


def open_second(project: Project) -> SecondSource | None:
    """Open the second source; None for prices from a file."""
    settings = project.settings
    if settings.stx_prices_file is not None:
        return None
    return SecondSource(
        Kraken(project.price_server(settings.stx_kraken_url, attempts=2)),
        Binance(project.price_server(settings.stx_binance_url, attempts=2)),
    )


def open_prices(project: Project) -> PricesSync:
    """Open the sync of prices. Raises `SettingsError`."""
    return PricesSync(open_source(project), project.store(PRICES), second=open_second(project), tip_age=PRICES_TIP_AGE)
