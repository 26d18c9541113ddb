"""The made-up Stacks chain and the API that serves it."""
