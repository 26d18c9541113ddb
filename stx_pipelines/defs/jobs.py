"""The jobs. A `..._close` job runs assets and all their checks.

A `..._sync` job runs assets and the checks that the assets report themselves, without checks of whole tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import dagster as dg

from stx_pipelines.defs.assets.by_chain import DAILY
from stx_pipelines.defs.assets.dashboard import wallet_dashboard
from stx_pipelines.defs.assets.wallets import wallet_metrics


class EthereumJobs(NamedTuple):
    """The two jobs of Ethereum."""

    sync: dg.UnresolvedAssetJobDefinition
    close: dg.UnresolvedAssetJobDefinition


def _only_proofs(assets: Sequence[dg.AssetsDefinition]) -> dg.AssetSelection:
    checks = dg.AssetSelection.checks(*(key for asset in assets for key in asset.check_keys))
    return dg.AssetSelection.assets(*assets).without_checks() | checks


stacks_sync = dg.define_asset_job(
    "stacks_sync",
    selection=_only_proofs(DAILY["stacks"]),
    description="Fetches and stores days of transactions.",
)
stacks_close = dg.define_asset_job(
    "stacks_close",
    selection=DAILY["stacks"],
    description="Fetches and stores days of transactions, then checks the whole table.",
)
stacks_balances_sync = dg.define_asset_job(
    "stacks_balances_sync",
    selection=_only_proofs(DAILY["stacks_balances"]),
    description="Reads and stores the balances of the new wallets of closed days.",
)
prices_sync = dg.define_asset_job(
    "prices_sync",
    selection=_only_proofs(DAILY["prices"]),
    description="Fetches and stores days of hourly prices.",
)
prices_close = dg.define_asset_job(
    "prices_close",
    selection=DAILY["prices"],
    description="Fetches and stores days of hourly prices, then checks the whole table.",
)
wallets_refresh = dg.define_asset_job(
    "wallets_refresh",
    selection=[wallet_metrics, wallet_dashboard],
    description="Computes the wallet metrics from the closed days, then the dashboard page.",
)


def ethereum_jobs(assets: Sequence[dg.AssetsDefinition]) -> EthereumJobs:
    """Return the jobs of Ethereum for these daily assets, in the order of their days."""
    return EthereumJobs(
        dg.define_asset_job(
            "ethereum_sync",
            selection=_only_proofs(assets),
            description="Fetches and stores days of Ethereum blocks, then the balances of their fee recipients.",
        ),
        dg.define_asset_job(
            "ethereum_close",
            selection=list(assets),
            description="Fetches and stores days of Ethereum blocks and balances, then checks both whole tables.",
        ),
    )
