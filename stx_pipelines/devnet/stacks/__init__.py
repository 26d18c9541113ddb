"""The made-up Stacks chain and the API that serves it.

The chain, without JSON or HTTP: `values`, `bitcoin`, `tenures`, `mempool`, `reorg`, `chain`.
The correct responses: `render`, `answers`, `routes_v3`, `routes_v2`, `routes_v1`, `router`.
Changes while it is served: `knobs`, `faults`, `traffic`, `control`. `api` combines all of these.

Not here: the Ethereum chain (ethereum/), code that both chains share (the folder above).
"""
