"""The made-up Stacks chain and the API that serves it.

`values`, `bitcoin`, `tenures`, `mempool`, `reorg` and `chain` make the chain, without JSON or HTTP. `life` and
`lively_mempool` make the senders of a chain with life.
`render`, `answers`, `routes_v3`, `routes_v2`, `routes_v1` and `router` make the correct responses.
`knobs`, `faults`, `traffic` and `control` change chain and responses while the API is running.
`api` combines all of these.

The Ethereum chain is in ethereum/. The code that both chains share is in the folder above.
"""
