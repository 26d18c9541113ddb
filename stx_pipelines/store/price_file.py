"""A CSV or Parquet file of hourly candles, which replaces the server of prices (STX_PRICES_FILE)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from stx_pipelines.chains.errors import MalformedAnswer
from stx_pipelines.chains.prices import HOUR, PAIRS, Candle, by_hour, candle
from stx_pipelines.store.files import StoreError, first_line
from stx_pipelines.store.parquet import csv_rows, parquet_rows
from stx_pipelines.store.scratch import Engine, scratch_database

_COLUMNS = "pair, epoch(hour::TIMESTAMP)::BIGINT, " + ", ".join(
    f"{name}::VARCHAR::DECIMAL(28, 12)" for name in ("open", "high", "low", "close", "volume")
)


@dataclass
class PriceFile:
    """The candles in a file with the columns pair, hour, open, high, low, close and volume. Hours are UTC.

    The file is read once. Each use raises `StoreError` if it cannot be read.
    """

    path: Path
    run_folder: Path

    @cached_property
    def _candles(self) -> dict[str, dict[int, Candle]]:
        import duckdb

        is_parquet = self.path.suffix.lower() == ".parquet"
        source = parquet_rows(self.path) if is_parquet else csv_rows(self.path)
        try:
            with scratch_database(self.run_folder, Engine()) as connection:
                rows = connection.execute(f"SELECT {_COLUMNS} FROM {source}").fetchall()
            found = [candle(pair, hour, values, "file") for pair, hour, *values in rows]
            return {pair: by_hour(each for each in found if each.pair == pair) for pair in PAIRS}
        except (duckdb.Error, OSError, MalformedAnswer, TypeError, AttributeError) as error:
            raise StoreError(
                f"STX_PRICES_FILE {self.path} cannot be read ({first_line(error)}); nothing was changed: give "
                "a CSV or Parquet file with the columns pair, hour, open, high, low, close and volume"
            ) from error

    def end(self) -> int:
        """Return the end of the last hour that every pair has, in unix seconds; 0 without a candle."""
        return min(max(hours, default=-HOUR) for hours in self._candles.values()) + HOUR

    def candles(self, pair: str, start: int, end: int) -> list[Candle]:
        """Return the candles of the hours in `[start, end)`, oldest first."""
        hours = self._candles[pair]
        return [hours[hour] for hour in sorted(hours) if start <= hour < end]
