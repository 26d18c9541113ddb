"""The daily assets of each chain, in the order in which a run makes them. Add a new daily asset here."""

import dagster as dg

from stx_pipelines.coverage.current import wanted_datasets
from stx_pipelines.defs.assets.ethereum import blocks, miners_balance
from stx_pipelines.defs.assets.increase_parts import increase_parts
from stx_pipelines.defs.assets.prices import prices
from stx_pipelines.defs.assets.transactions import transactions
from stx_pipelines.defs.assets.wallet_balances import wallet_balances
from stx_pipelines.project import Project

DAILY = {
    "stacks": [transactions],
    "stacks_balances": [wallet_balances],
    "ethereum": [blocks, miners_balance, increase_parts],
    "prices": [prices],
}
"""All daily assets by the name of their chain. Each has the name of its dataset."""


def daily_assets(chain: str, project: Project) -> list[dg.AssetsDefinition]:
    """Return the daily assets of a chain, without those whose dataset is switched off."""
    wanted = {dataset.name for dataset in wanted_datasets(project, chain)}
    return [asset for asset in DAILY[chain] if asset.key.to_user_string() in wanted]
