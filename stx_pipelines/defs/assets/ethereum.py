"""The assets `blocks` and `miners_balance`. Each partition is one proved day of Ethereum."""

from datetime import date

import dagster as dg

from stx_pipelines.chains.datasets import BALANCES, BLOCKS
from stx_pipelines.defs.assets.daily import Stored, SyncConfig, daily_asset, materialize
from stx_pipelines.defs.assets.metadata import describe_balances, describe_blocks
from stx_pipelines.defs.partitions import ethereum_days
from stx_pipelines.defs.resources import EthereumNode


@daily_asset(
    BLOCKS,
    partitions_def=ethereum_days,
    kinds={"duckdb", "parquet", "ethereum"},
    description=(
        "Finalized Ethereum blocks in the DuckDB table `blocks`. A partition has the blocks with timestamps of one UTC "
        "day. A day is published only when every block contains the hash of the block before it. This is also checked "
        "at both ends of the day."
    ),
)
def blocks(context: dg.AssetExecutionContext, config: SyncConfig, ethereum_node: EthereumNode) -> Stored:
    """Fetch, prove and store the days of the partitions.

    If days failed, raise `dg.Failure` after the last day. The failure names them. The other days are stored.
    """
    days = [date.fromisoformat(key) for key in context.partition_keys]
    return materialize(
        context,
        ethereum_node.sync_blocks(days, force=config.force_refresh),
        lambda certificate: describe_blocks(certificate, ethereum_node.rows(BLOCKS, certificate.day)),
        ethereum_node,
    )


@daily_asset(
    BALANCES,
    deps=[blocks],
    partitions_def=ethereum_days,
    kinds={"duckdb", "parquet", "ethereum"},
    description=(
        "Each block's fee recipient, the recipient's balance before and after the block, and the increase, in Wei "
        "(DECIMAL(38,0)). Block 0 is left out. The increase is the block's fees, minus the payment to the proposer, "
        "plus withdrawals and unrelated transfers. It may be zero or negative."
    ),
)
def miners_balance(context: dg.AssetExecutionContext, config: SyncConfig, ethereum_node: EthereumNode) -> Stored:
    """Fetch, prove and store the balances at the blocks of the partitions.

    If days failed, raise `dg.Failure` after the last day. The failure names them. The other days are stored.
    """
    days = [date.fromisoformat(key) for key in context.partition_keys]
    return materialize(
        context,
        ethereum_node.sync_balances(days, force=config.force_refresh),
        lambda certificate: describe_balances(certificate, ethereum_node.rows(BALANCES, certificate.day)),
        ethereum_node,
    )
