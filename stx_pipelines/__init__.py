"""A history of the Stacks chain and of Ethereum's block builders that is proved complete.

Start reading at `stx_pipelines.definitions`.
"""
