"""The devnet: a local server with a made-up Stacks chain and a made-up Ethereum chain, for the demo, tests, benchmarks.

It answers as the Stacks (Hiro) API and an Ethereum node do, and fails as they do when told to.

Belongs here: what both chains share. `server` listens, `app` hands each request to its chain, `control` answers
/devnet/*, `sending` reads and writes HTTP by ASGI, `windows` counts events over time, `days` knows the UTC day.
Not here: what belongs to one chain (stacks/, ethereum/), how the project reads a chain (clients/, chains/, sync/).
Nothing in this folder imports the rest of the package: a fault in a parser must not be repeated here.
"""
