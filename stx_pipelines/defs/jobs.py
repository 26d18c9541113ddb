"""The jobs. A `..._close` job runs assets and all their checks.

A `..._sync` job runs assets and the checks that the assets report themselves, without checks of whole tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import dagster as dg

from stx_pipelines.defs.assets.dashboard import wallet_dashboard
from stx_pipelines.defs.assets.wallets import wallet_metrics

_DOES = {
    "stacks": ("Fetches and stores days of transactions.", "then checks the whole table."),
    "stacks_balances": (
        "Reads and stores the balances of the new wallets of closed days.",
        "then checks the whole table.",
    ),
    "ethereum": (
        "Fetches and stores days of Ethereum blocks, then the balances of their fee recipients.",
        "then checks the whole tables.",
    ),
    "prices": ("Fetches and stores days of hourly prices.", "then checks the whole table."),
}
"""What the sync job of each chain does, and what its close job adds."""


class ChainJobs(NamedTuple):
    """The jobs of a chain's daily assets."""

    sync: dg.UnresolvedAssetJobDefinition
    close: dg.UnresolvedAssetJobDefinition


def chain_jobs(chain: str, assets: Sequence[dg.AssetsDefinition]) -> ChainJobs:
    """Return the jobs of a chain for these daily assets, in the order of their days."""
    does, then = _DOES[chain]
    sync = dg.define_asset_job(f"{chain}_sync", selection=_only_proofs(assets), description=does)
    description = f"{does.removesuffix('.')}, {then}"
    return ChainJobs(sync, dg.define_asset_job(f"{chain}_close", selection=list(assets), description=description))


def _only_proofs(assets: Sequence[dg.AssetsDefinition]) -> dg.AssetSelection:
    checks = dg.AssetSelection.checks(*(key for asset in assets for key in asset.check_keys))
    return dg.AssetSelection.assets(*assets).without_checks() | checks


wallets_refresh = dg.define_asset_job(
    "wallets_refresh",
    selection=[wallet_metrics, wallet_dashboard],
    description="Computes the wallet metrics from the closed days, then the dashboard page.",
    # The sensor looks at the results of its own machine, so with Celery a worker on that machine must compute them.
    tags={"dagster-celery/queue": "derived"},
)
