"""The asset `transactions`: a day of Stacks transactions per partition, proved complete."""

from datetime import date

import dagster as dg

from stx_pipelines.defs.assets.daily import SyncConfig, daily_asset, materialize
from stx_pipelines.defs.assets.metadata import describe_day
from stx_pipelines.defs.partitions import stacks_days
from stx_pipelines.defs.resources import StacksApi


@daily_asset(
    partitions_def=stacks_days,
    group_name="stacks",
    kinds={"duckdb", "parquet"},
    description=(
        "Canonical, successful Stacks transactions, one UTC day (of the burn block) per partition, in the DuckDB "
        "table `transactions`. A day is published only when its rows equal the API's own count for every burn block."
    ),
)
def transactions(
    context: dg.AssetExecutionContext, config: SyncConfig, stacks_api: StacksApi
) -> dg.MaterializeResult[None]:
    """Fetch, prove and store the days of the partitions; each is stored the moment it is proved.

    Raises `dg.Failure` at the end, naming the days that failed; the others are kept.
    """
    days = [date.fromisoformat(key) for key in context.partition_keys]
    return materialize(
        context,
        stacks_api.sync(days, force=config.force_refresh),
        lambda certificate: describe_day(certificate, stacks_api.summary(certificate.day)),
        "transactions",
    )
