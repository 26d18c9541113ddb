"""The daily assets of each chain, in the order in which a run makes them. Add a new daily asset here."""

import dagster as dg

from stx_pipelines.defs.assets.ethereum import blocks, miners_balance
from stx_pipelines.defs.assets.prices import prices
from stx_pipelines.defs.assets.transactions import transactions
from stx_pipelines.defs.assets.wallet_balances import wallet_balances
from stx_pipelines.settings import Settings

DAILY = {
    "stacks": [transactions],
    "stacks_balances": [wallet_balances],
    "ethereum": [blocks, miners_balance],
    "prices": [prices],
}
"""The daily assets that every code location has, by the name of their chain."""


def daily_assets(chain: str, settings: Settings) -> list[dg.AssetsDefinition]:
    """Return the daily assets of a chain, with those that the settings switch on."""
    if chain == "ethereum" and settings.eth_parts:
        from stx_pipelines.defs.assets.increase_parts import increase_parts

        return [*DAILY[chain], increase_parts]
    return DAILY[chain]
