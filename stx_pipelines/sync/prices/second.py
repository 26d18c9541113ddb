"""The second source of prices: Kraken for the newest days, Binance's files for older ones, each asked once a run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from stx_pipelines.chains.days import DAY, window
from stx_pipelines.chains.price_proof import Second
from stx_pipelines.clients.errors import ApiError, Interrupted, NotFound

if TYPE_CHECKING:
    from stx_pipelines.clients.prices import Binance, Kraken

log = logging.getLogger(__name__)
Closes = Mapping[int, Decimal]
FROM_A_FILE = Second("", {}, "prices are from a file")
"""The missing second source of prices that are from a file."""

KRAKEN_DAYS = 29
"""Kraken has the newest 720 hours, which are 29 whole days and parts of two more."""


@dataclass
class SecondSource:
    """The closing prices of a day from another exchange than the first source.

    A server that cannot be used is named once in the log and not asked again in the run. Its days are stored without a
    comparison.
    """

    kraken: Kraken
    binance: Binance
    _known: dict[tuple[str, str], Closes | None] = field(default_factory=dict, init=False)
    _failed: dict[str, str] = field(default_factory=dict, init=False)

    def of(self, pair: str, day: date, today: date) -> Second:
        """Return the prices of the first source that has hours of this day. Raises `Interrupted`."""
        start, end = window(day)
        for name, closes in self._sources(pair, day, today):
            if closes and any(start <= hour < end for hour in closes):
                return Second(name, closes)
        return Second("", {}, "; ".join(self._failed.values()) or "no second source has this day")

    def _sources(self, pair: str, day: date, today: date) -> Iterator[tuple[str, Closes | None]]:
        if day >= today - KRAKEN_DAYS * DAY:
            yield "kraken", self._ask("kraken", pair, "", lambda: self.kraken.closes(pair))
        month = f"{day:%Y-%m}"
        if month < f"{today:%Y-%m}":
            yield "binance", self._ask("binance", pair, month, lambda: self.binance.month(pair, month))
        if day < today:
            yield "binance", self._ask("binance", pair, f"{day}", lambda: self.binance.day(pair, f"{day}"))

    def _ask(self, name: str, pair: str, of: str, read: Callable[[], Closes]) -> Closes | None:
        """Return what `read` gives, or None if the server has no such file or cannot be used."""
        key = (f"{name} {of}", pair)
        if key not in self._known and name not in self._failed:
            try:
                self._known[key] = read()
            except Interrupted:
                raise
            except NotFound:
                self._known[key] = None
            except ApiError as error:
                self._failed[name] = f"{name} could not be used: {error}"
                log.warning("%s; days are stored without this comparison", self._failed[name])
        return self._known.get(key)
