"""The settings of prices. They are off by default."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path

from pydantic import BaseModel, Field, field_validator

from stx_pipelines.setting_values import address


class PriceSettings(BaseModel):
    """The settings of prices: their sources, and the target cost of a new wallet in US dollars."""

    stx_prices: bool = False
    stx_prices_url: str = "https://api.exchange.coinbase.com"
    stx_prices_file: Path | None = None
    stx_binance_url: str = "https://data.binance.vision"
    stx_kraken_url: str = "https://api.kraken.com"
    stx_target_cpa_usd: Decimal | None = Field(None, gt=0, le=1_000_000, decimal_places=2)

    @field_validator("stx_prices_url", "stx_binance_url", "stx_kraken_url")
    @classmethod
    def _are_addresses(cls, value: str) -> str:
        return address(value)

    @field_validator("stx_prices_file")
    @classmethod
    def _is_a_file(cls, value: Path | None) -> Path | None:
        # Unlike `Path.is_file`, this is false for a name that is too long.
        if value is not None and not os.path.isfile(value):  # noqa: PTH113
            raise ValueError("must be a CSV or Parquet file")
        return value
