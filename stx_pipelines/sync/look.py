"""One small question about the server's newest block, for who waits for it and for who has nothing else to do."""

from __future__ import annotations

from datetime import UTC, datetime

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.datasets import BLOCKS
from stx_pipelines.coverage.datasets import STACKS, Chain
from stx_pipelines.project import Project
from stx_pipelines.sync.ethereum.chain import finalized
from stx_pipelines.sync.tip import note_stacks_tip, note_tip


def look_at_tip(project: Project, chain: Chain) -> bool:
    """Note of when the newest block is; whether today's landed day is behind it, or on another fork.

    Raises the errors of the chain's client.
    """
    now = datetime.now(UTC)
    newest = project.store(chain.tables[0]).files.certificates().get(now.date())
    return _look_at_stacks(project, newest, now) if chain is STACKS else _look_at_ethereum(project, newest, now)


def _look_at_stacks(project: Project, newest: Certificate | None, now: datetime) -> bool:
    api = project.stacks_api()
    tip = api.tip()
    note_stacks_tip(api, project.store(), tip, now, project.settings.stx_tip_age)
    if newest is None:
        return False
    height, name = newest.last_height, newest.last_hash
    if height is None or name is None:
        return True  # a day without rows: no hash would show a reorg at the same height
    return tip.burn_block_height != newest.tip or not api.has_block(height, name)


def _look_at_ethereum(project: Project, newest: Certificate | None, now: datetime) -> bool:
    node = project.ethereum_rpc()
    top = finalized(node)
    note_tip(project.store(BLOCKS), node.http.name, top.timestamp, now, project.settings.eth_tip_age)
    return newest is not None and (top.number != newest.tip or newest.last_hash not in {None, top.hash})
