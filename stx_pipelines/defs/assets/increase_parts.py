"""The asset `increase_parts`. The code location has it only with ETH_PARTS=1."""

from datetime import date

import dagster as dg

from stx_pipelines.chains.datasets import BALANCES, PARTS
from stx_pipelines.defs.assets.daily import Stored, SyncConfig, daily_asset, materialize
from stx_pipelines.defs.assets.metadata import describe_parts
from stx_pipelines.defs.partitions import ethereum_days
from stx_pipelines.defs.resources import EthereumNode


@daily_asset(
    PARTS,
    deps=[BALANCES],
    partitions_def=ethereum_days,
    kinds={"duckdb", "parquet", "ethereum"},
    description=(
        "The parts of each increase in `miners_balance`, in Wei: priority fees, own transactions, transfers in, "
        "withdrawals, the payment to the proposer, and the rest. They are computed from each block's transactions and "
        "receipts, whose root hashes are checked."
    ),
)
def increase_parts(context: dg.AssetExecutionContext, config: SyncConfig, ethereum_node: EthereumNode) -> Stored:
    """Fetch, prove and store the parts of the increases on the days of the partitions.

    If days failed, raise `dg.Failure` after the last day. The failure names them. The other days are stored.
    """
    days = [date.fromisoformat(key) for key in context.partition_keys]
    return materialize(
        context,
        ethereum_node.sync_parts(days, force=config.force_refresh),
        lambda certificate: describe_parts(certificate, ethereum_node.rows(PARTS, certificate.day)),
        ethereum_node,
    )
