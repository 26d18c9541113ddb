"""The daily assets of each chain, in the order in which a run makes them. Add a new daily asset here."""

from stx_pipelines.defs.assets.ethereum import blocks, miners_balance
from stx_pipelines.defs.assets.prices import prices
from stx_pipelines.defs.assets.transactions import transactions

DAILY = {"stacks": [transactions], "ethereum": [blocks, miners_balance], "prices": [prices]}
"""The daily assets by the name of their chain. Jobs, the code location and `sync` use them."""
