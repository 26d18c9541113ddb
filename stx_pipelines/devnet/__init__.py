"""The devnet: a local server with a made-up Stacks chain and a made-up Ethereum chain.

The demo, the tests and the benchmarks use it. It responds like the Stacks (Hiro) API and an Ethereum node. On request
it fails in the same ways they do.

Belongs here: code that both chains share. `server` listens, `app` passes each request to its chain, `control` answers
/devnet/*, `sending` reads and writes HTTP by ASGI, `windows` counts events over time, `days` defines the UTC day.
Not here: code of one chain (stacks/, ethereum/), code that reads a chain (clients/, chains/, sync/).
Nothing in this folder imports the rest of the package, so that a fault in a parser is not repeated here.
"""
