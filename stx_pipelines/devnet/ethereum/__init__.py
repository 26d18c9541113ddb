"""The made-up Ethereum chain and the JSON-RPC node that serves it.

The chain, without JSON or HTTP: `values`, `accounts`, `chain`.
The right answers: `render`, `methods`.
What can be changed while it is served: `knobs`, `faults`, `traffic`, `control`. `rpc` puts all of it together.

Not here: the Stacks chain (stacks/), what both chains share (the folder above).
"""
