"""Functions that look at a server whose backends may be some blocks apart.

A load balancer may send each request to another backend. A backend that is behind responds with 404 to the height of a
block that another backend has just named. That is no reorg. Only another hash at the same height shows a reorg.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from stx_pipelines.chains.stacks import Block, Tip
from stx_pipelines.clients.errors import Lagging
from stx_pipelines.clients.stacks_api import StacksApi

log = logging.getLogger(__name__)
T = TypeVar("T")

LOOKS = 5
"""Attempts of a look whose responses do not belong together."""


@dataclass(frozen=True)
class View:
    """The blocks of a server whose newest block is `tip`."""

    api: StacksApi
    tip: Tip

    def has_block(self, height: int, index_block_hash: str) -> bool:
        """Return whether the block at `height` has this index block hash.

        Raises `Lagging` if the server does not have the height although it is not above the tip.
        """
        return self._found(height, self.api.index_hash_at(height, index_block_hash)) == index_block_hash

    def is_canonical(self, height: int, block_hash: str) -> bool:
        """Return whether the block at `height` has this block hash. Burn blocks list these hashes. Raises `Lagging`."""
        block = self.api.block_if_there(height)
        return self._found(height, block.hash if block else None) == block_hash

    def _found(self, height: int, found: str | None) -> str | None:
        if found is None and height <= self.tip.block_height:
            raise lagging(self.api, height, self.tip.block_height)
        return found


def lagging(api: StacksApi, height: int, tip_height: int) -> Lagging:
    """Return the error of a server that does not have a block at or below its newest block."""
    return Lagging(
        f"the backends of {api.http.name} disagree: one named block {tip_height} as its newest block, another does "
        f"not have block {height}; nothing was changed, try again later"
    )


def look(api: StacksApi, once: Callable[[View], T], tip: Tip | None = None) -> T:
    """Return the result of `once`. Call it again, up to five times, while it raises `Lagging`.

    Each call gets a view with the newest block of that moment. The first call gets `tip` if it is given.
    """
    for attempt in range(1, LOOKS):
        try:
            return once(View(api, tip or api.tip()))
        except Lagging as error:
            log.info("%s; looking again", error)
            tip = None
            api.http.stop.wait(api.http.patience.backoff(attempt))
    return once(View(api, api.tip()))


def block_below_tip(api: StacksApi, height: int) -> Block:
    """Return the canonical block at a height that the server has already named. Raises `Lagging`."""

    for attempt in range(1, LOOKS):
        if block := api.block_if_there(height):
            return block
        api.http.stop.wait(api.http.patience.backoff(attempt))
    if block := api.block_if_there(height):
        return block
    raise lagging(api, height, api.tip().block_height)
