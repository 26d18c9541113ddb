"""The daily assets of each chain, in the order in which they are made. Add a new one here."""

from stx_pipelines.defs.assets.ethereum import blocks, miners_balance
from stx_pipelines.defs.assets.transactions import transactions

DAILY = {"stacks": [transactions], "ethereum": [blocks, miners_balance]}
"""Daily assets by the name of the chain. Jobs, the code location and `sync` use this list."""
