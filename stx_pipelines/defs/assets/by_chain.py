"""The daily assets of each chain, in the order in which a run makes them. Add a new daily asset here."""

from stx_pipelines.defs.assets.ethereum import blocks, miners_balance
from stx_pipelines.defs.assets.transactions import transactions
from stx_pipelines.defs.assets.wallet_balances import wallet_balances

DAILY = {"stacks": [transactions], "stacks_balances": [wallet_balances], "ethereum": [blocks, miners_balance]}
"""The daily assets by the name of their chain. Jobs, the code location and `sync` use them."""
