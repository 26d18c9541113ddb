"""The made-up Ethereum chain and the node that serves it."""
