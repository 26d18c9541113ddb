"""One small question about the server's newest block."""

from __future__ import annotations

from stx_pipelines.coverage.chains import STACKS, Chain
from stx_pipelines.project import Project
from stx_pipelines.sync.ethereum.blocks import open_blocks
from stx_pipelines.sync.stacks.sync import open_stacks


def look_at_tip(project: Project, chain: Chain) -> bool:
    """Note when the newest block is from; whether today's stored day is behind it, or on another fork.

    Raises `SettingsError` and the errors of the chain's client.
    """
    sync = open_stacks(project) if chain is STACKS else open_blocks(project)
    return sync.look_at_tip()
