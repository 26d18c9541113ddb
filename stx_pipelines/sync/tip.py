"""The check of a server's newest block, which needs one to three requests."""

from __future__ import annotations

from stx_pipelines.coverage.chains import STACKS, STACKS_BALANCES, Chain
from stx_pipelines.project import Project
from stx_pipelines.sync.ethereum.blocks import open_blocks
from stx_pipelines.sync.stacks.sync import open_stacks


def check_tip(project: Project, chain: Chain) -> bool:
    """Record the newest block's time. Return whether today's stored day is behind that block or on another fork.

    The balances of new wallets have only final days, so no block is read for them. Raises `SettingsError` and the
    errors of the chain's client.
    """
    if chain is STACKS_BALANCES:
        return False
    sync = open_stacks(project) if chain is STACKS else open_blocks(project)
    return sync.check_tip()
