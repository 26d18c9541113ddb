"""The asset `transactions`. Each partition is one proved day of Stacks transactions."""

from datetime import date

import dagster as dg

from stx_pipelines.chains.datasets import TRANSACTIONS
from stx_pipelines.defs.assets.daily import Stored, SyncConfig, daily_asset, materialize
from stx_pipelines.defs.assets.metadata import describe_day
from stx_pipelines.defs.partitions import stacks_days
from stx_pipelines.defs.resources import StacksApi


@daily_asset(
    TRANSACTIONS,
    partitions_def=stacks_days,
    kinds={"duckdb", "parquet"},
    description=(
        "Canonical, successful Stacks transactions in the DuckDB table `transactions`. A partition has the "
        "transactions whose burn block is of one UTC day. A day is published only when its number of rows equals the "
        "API's own count for every burn block."
    ),
)
def transactions(context: dg.AssetExecutionContext, config: SyncConfig, stacks_api: StacksApi) -> Stored:
    """Fetch and prove the days of the partitions. Store each day as soon as it is proved.

    If days failed, raise `dg.Failure` after the last day. The failure names them. The other days are stored.
    """
    days = [date.fromisoformat(key) for key in context.partition_keys]
    return materialize(
        context,
        stacks_api.sync(days, force=config.force_refresh),
        lambda certificate: describe_day(certificate, stacks_api.summary(certificate.day)),
        stacks_api,
    )
