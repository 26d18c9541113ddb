"""The asset `wallet_balances`. Each partition is the new wallets of one day, and what they hold at its end."""

from datetime import date

import dagster as dg

from stx_pipelines.chains.datasets import WALLET_BALANCES
from stx_pipelines.defs.assets.daily import Stored, SyncConfig, daily_asset, materialize
from stx_pipelines.defs.assets.metadata import describe_wallet_balances
from stx_pipelines.defs.assets.transactions import transactions
from stx_pipelines.defs.partitions import stacks_days
from stx_pipelines.defs.resources import StacksApi


@daily_asset(
    WALLET_BALANCES,
    deps=[transactions],
    partitions_def=stacks_days,
    kinds={"duckdb", "parquet"},
    description=(
        "The balance in microSTX of each account whose first transaction (nonce 0, as sender or sponsor) is on the "
        "day, after the day's last Stacks block. A day is published only when the node's nonce of every account is one "
        "more than the highest nonce in our transactions up to that block. Off unless STX_BALANCES is set."
    ),
)
def wallet_balances(context: dg.AssetExecutionContext, config: SyncConfig, stacks_api: StacksApi) -> Stored:
    """Read, prove and store the balances of the new wallets of the partitions. Read nothing without STX_BALANCES.

    If days failed, raise `dg.Failure` after the last day. The failure names them. The other days are stored.
    """
    days = [date.fromisoformat(key) for key in context.partition_keys]
    return materialize(
        context,
        stacks_api.sync_balances(days, force=config.force_refresh),
        lambda certificate: describe_wallet_balances(certificate, stacks_api.rows(WALLET_BALANCES, certificate.day)),
        stacks_api,
    )
