"""The jobs. A `..._close` job runs assets and all their checks.

A `..._sync` job runs assets and the checks that the assets report themselves, without checks of whole tables.
"""

import dagster as dg

from stx_pipelines.defs.assets.by_chain import DAILY
from stx_pipelines.defs.assets.dashboard import wallet_dashboard
from stx_pipelines.defs.assets.wallets import wallet_metrics


def _only_proofs(chain: str) -> dg.AssetSelection:
    assets = DAILY[chain]
    checks = dg.AssetSelection.checks(*(key for asset in assets for key in asset.check_keys))
    return dg.AssetSelection.assets(*assets).without_checks() | checks


stacks_sync = dg.define_asset_job(
    "stacks_sync",
    selection=_only_proofs("stacks"),
    description="Fetches and stores days of transactions.",
)
stacks_close = dg.define_asset_job(
    "stacks_close",
    selection=DAILY["stacks"],
    description="Fetches and stores days of transactions, then checks the whole table.",
)
stacks_balances_sync = dg.define_asset_job(
    "stacks_balances_sync",
    selection=_only_proofs("stacks_balances"),
    description="Reads and stores the balances of the new wallets of closed days.",
)
ethereum_sync = dg.define_asset_job(
    "ethereum_sync",
    selection=_only_proofs("ethereum"),
    description="Fetches and stores days of Ethereum blocks, then the balances of their fee recipients.",
)
ethereum_close = dg.define_asset_job(
    "ethereum_close",
    selection=DAILY["ethereum"],
    description="Fetches and stores days of Ethereum blocks and balances, then checks both whole tables.",
)
wallets_refresh = dg.define_asset_job(
    "wallets_refresh",
    selection=[wallet_metrics, wallet_dashboard],
    description="Computes the wallet metrics from the closed days, then the dashboard page.",
)

ALL_JOBS = [stacks_sync, stacks_close, stacks_balances_sync, wallets_refresh, ethereum_sync, ethereum_close]
"""All jobs."""
