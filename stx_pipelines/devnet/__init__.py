"""Chains of our own: a local server that answers exactly like the Stacks (Hiro) API and like an Ethereum node, for
the offline demo, the tests and the benchmarks.

Belongs here: everything needed to make chains up and to serve them. Not here: how the project reads a chain.
Nothing in this folder imports the rest of the package, so that a mistake in a parser cannot hide behind the
same mistake in here.

Read the Stacks chain in this order: `values`, `bitcoin`, `tenures`, `mempool`, `reorg`, `stacks_chain` (the chain,
pure); then `render`, `answers`, `routes_v3`, `routes_v2`, `routes_v1`, `router` (what it says); then `faults`,
`broken`, `stacks_api` (how it says it, and how it fails on purpose).

The Ethereum chain likewise: `ethereum_values`, `ethereum_accounts`, `ethereum_chain`; `ethereum_render`,
`ethereum_calls`; `ethereum_faults`, `ethereum_broken`, `ethereum_rpc`.

Both: `control`, `ethereum_control` (turned from outside), `sending`, `faces`, `server`.
"""
