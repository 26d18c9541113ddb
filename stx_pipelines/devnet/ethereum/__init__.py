"""The made-up Ethereum chain and the JSON-RPC node that serves it.

`values`, `trie`, `state`, `accounts`, `header`, `bodies` and `chain` make the chain, without JSON or HTTP.
`methods`, `render` and `render_bodies` make the correct responses.
`knobs`, `faults`, `traffic` and `control` change chain and responses while the node is running.
`rpc` combines all of these.

The Stacks chain is in stacks/. The code that both chains share is in the folder above.
"""
