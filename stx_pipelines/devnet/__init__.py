"""The devnet: a local server with a made-up Stacks chain and a made-up Ethereum chain.

The demo, the tests and the benchmarks use the devnet. It responds like the Stacks (Hiro) API and like an Ethereum node.
Its knobs make it fail in the same ways as the real servers.

This folder holds the code that both chains share. `server` listens, `app` passes each request to its chain, `control`
handles the requests to /devnet/*, `sending` reads and writes HTTP by ASGI, `windows` counts events over time and `days`
defines the UTC day. `prices` serves made-up prices. The code of each chain is in stacks/ and ethereum/.
Nothing here imports the rest of the package, so that the devnet does not repeat a fault of the code that it tests.
"""
