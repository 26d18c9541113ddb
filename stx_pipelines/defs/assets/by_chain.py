"""The daily assets of each chain, in the order in which they are made. A new one is added here."""

from stx_pipelines.defs.assets.ethereum import blocks, miners_balance
from stx_pipelines.defs.assets.transactions import transactions

DAILY = {"stacks": [transactions], "ethereum": [blocks, miners_balance]}
"""By the chain's name. Jobs, the code location and `sync` go by this list."""
