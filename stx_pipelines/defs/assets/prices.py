"""The asset `prices`. Each partition is one proved day of hourly prices."""

from datetime import date

import dagster as dg

from stx_pipelines.chains.datasets import PRICES
from stx_pipelines.defs.assets.daily import Stored, SyncConfig, daily_asset, materialize
from stx_pipelines.defs.assets.metadata import describe_prices
from stx_pipelines.defs.partitions import prices_days
from stx_pipelines.defs.resources import PriceSource


@daily_asset(
    PRICES,
    partitions_def=prices_days,
    kinds={"duckdb", "parquet"},
    description=(
        "Hourly candles of STX and BTC in US dollars in the DuckDB table `prices`. An hour without a trade has no row. "
        "A day is published only when every full hour was asked for, and the prices are near those of a second "
        "exchange, if one can be reached. Off unless STX_PRICES is set."
    ),
)
def prices(context: dg.AssetExecutionContext, config: SyncConfig, price_source: PriceSource) -> Stored:
    """Fetch, prove and store the days of the partitions.

    If days failed, raise `dg.Failure` after the last day. The failure names them. The other days are stored.
    """
    days = [date.fromisoformat(key) for key in context.partition_keys]
    return materialize(context, price_source.sync(days, force=config.force_refresh), describe_prices, price_source)
