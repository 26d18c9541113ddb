"""The made-up Stacks chain and the API that serves it.

The chain, without JSON or HTTP: `values`, `bitcoin`, `tenures`, `mempool`, `reorg`, `chain`.
The right answers: `render`, `answers`, `routes_v3`, `routes_v2`, `routes_v1`, `router`.
What can be changed while it is served: `knobs`, `faults`, `traffic`, `control`. `api` puts all of it together.

Not here: the Ethereum chain (ethereum/), what both chains share (the folder above).
"""
