"""The check of a server's newest block, which needs one to three requests."""

from __future__ import annotations

from stx_pipelines.coverage.chains import PRICES, STACKS, STACKS_BALANCES, Chain
from stx_pipelines.project import Project
from stx_pipelines.sync.ethereum.blocks import open_blocks
from stx_pipelines.sync.stacks.sync import open_stacks


def check_tip(project: Project, chain: Chain) -> bool:
    """Record the newest block's time. Return whether today's stored day is behind that block or on another fork.

    If neither, publish that the open days were compared with the block. The balances of new wallets have only final
    days, so no block is read for them. Raises `SettingsError` and the errors of the chain's client.
    """
    if chain is STACKS_BALANCES:
        return False
    if chain is PRICES:
        from stx_pipelines.sync.prices.sync import open_prices  # most data folders have no prices

        return open_prices(project).check_tip()
    sync = open_stacks(project) if chain is STACKS else open_blocks(project)
    return sync.check_tip()


def probe(project: Project, chain: Chain) -> None:
    """Send one small request to a chain's server. Raises `SettingsError` and the errors of the chain's client."""
    if chain is PRICES:
        from stx_pipelines.sync.prices.sync import open_source

        open_source(project).probe()
    elif chain in (STACKS, STACKS_BALANCES):
        project.stacks_api().tip()
    else:
        project.ethereum_rpc().block("latest")
