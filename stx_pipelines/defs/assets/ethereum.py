"""The assets `blocks` and `miners_balance`: a day of Ethereum per partition, exact to the Wei."""

from datetime import date

import dagster as dg

from stx_pipelines.chains.datasets import BALANCES, BLOCKS
from stx_pipelines.defs.assets.daily import SyncConfig, daily_asset, materialize
from stx_pipelines.defs.assets.metadata import describe_balances, describe_blocks
from stx_pipelines.defs.partitions import ethereum_days
from stx_pipelines.defs.resources import EthereumNode


@daily_asset(
    partitions_def=ethereum_days,
    group_name="ethereum",
    kinds={"duckdb", "parquet", "ethereum"},
    description=(
        "Finalized Ethereum blocks, one UTC day (of the block's timestamp) per partition, in the DuckDB table "
        "`blocks`. A day is published only when every block names the one before, across both midnights."
    ),
)
def blocks(
    context: dg.AssetExecutionContext, config: SyncConfig, ethereum_node: EthereumNode
) -> dg.MaterializeResult[None]:
    """Fetch, prove and store the days of the partitions.

    Raises `dg.Failure` at the end, naming the days that failed.
    """
    days = [date.fromisoformat(key) for key in context.partition_keys]
    return materialize(
        context,
        ethereum_node.sync_blocks(days, force=config.force_refresh),
        lambda certificate: describe_blocks(certificate, ethereum_node.rows(BLOCKS, certificate.day)),
        "blocks",
    )


@daily_asset(
    deps=[blocks],
    partitions_def=ethereum_days,
    group_name="ethereum",
    kinds={"duckdb", "parquet", "ethereum"},
    description=(
        "For every block of `blocks` but block 0: its fee recipient's balance before and after it, and the increase, "
        "in Wei (DECIMAL(38,0)). The increase is fees less what was paid on to the proposer, plus withdrawals and "
        "unrelated transfers: negative and zero are normal."
    ),
)
def miners_balance(
    context: dg.AssetExecutionContext, config: SyncConfig, ethereum_node: EthereumNode
) -> dg.MaterializeResult[None]:
    """Fetch, prove and store the balances of the partitions' blocks.

    Raises `dg.Failure` at the end, naming the days that failed.
    """
    days = [date.fromisoformat(key) for key in context.partition_keys]
    return materialize(
        context,
        ethereum_node.sync_balances(days, force=config.force_refresh),
        lambda certificate: describe_balances(certificate, ethereum_node.rows(BALANCES, certificate.day)),
        "balances",
    )
