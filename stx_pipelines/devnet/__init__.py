"""A chain of our own: a local server that answers exactly like the Stacks (Hiro) API, for the offline demo,
the tests and the benchmarks.

Belongs here: everything needed to make a chain up and to serve it. Not here: how the project reads a chain.
Nothing in this folder imports the rest of the package, so that a mistake in a parser cannot hide behind the
same mistake in here.

Read in this order: `values`, `bitcoin`, `tenures`, `mempool`, `reorg`, `stacks_chain` (the chain, pure); then
`render`, `answers`, `routes_v3`, `routes_v2`, `routes_v1`, `router` (what it says); then `faults`, `broken`,
`control`, `stacks_api`, `server` (how it says it, and how it fails on purpose).
"""
