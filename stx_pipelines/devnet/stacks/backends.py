"""Backends behind one address, some Stacks blocks apart, as behind a load balancer.

This module cuts the newest blocks off the chain that a backend serves, and chooses the backend of a request. It does
not make responses (router.py).
"""

from random import Random

from stx_pipelines.devnet.stacks.chain import StacksChain
from stx_pipelines.devnet.stacks.knobs import Knobs
from stx_pipelines.devnet.stacks.router import Router
from stx_pipelines.devnet.stacks.values import BurnBlock


class LaggingChain(StacksChain):
    """A chain as a backend knows it that is some Stacks blocks behind."""

    def __init__(self, chain: StacksChain, behind: int) -> None:
        """Serve this chain without its newest blocks."""
        self._whole = chain
        self._behind = behind
        self._seen = ""
        self.follow()

    def follow(self) -> None:
        """Cut the newest blocks off again, if the chain has changed."""
        whole = self._whole
        with whole.lock:
            if self._seen == whole.tip.index_hash:
                return
            vars(self).update(vars(whole))
            self._seen = whole.tip.index_hash
            keep = max(1, len(whole.blocks) - self._behind)
            self.blocks = whole.blocks[:keep]
            rows = sum(len(block.transactions) for block in self.blocks)
            self.rows, self._row_starts = whole.rows[:rows], whole._row_starts[:keep]
            self._positions = {name: at for name, at in whole._positions.items() if at < keep}
            self.burn_blocks = list(self._burn_blocks())

    def _burn_blocks(self) -> list[BurnBlock]:
        burns = [burn for burn in self._whole.burn_blocks if burn.blocks[0].height <= self.tip.height]
        newest = burns[-1]
        blocks = [block for block in newest.blocks if block.height <= self.tip.height]
        return [*burns[:-1], BurnBlock(newest.height, newest.hash, newest.time, blocks)]


class Backends:
    """The backends of an address. Without the knob `backend_lags` there is one, which has the whole chain."""

    def __init__(self, chain: StacksChain, knobs: Knobs, newest: Router) -> None:
        """Serve this chain. `newest` is the backend that has all of it."""
        self._chain = chain
        self._knobs = knobs
        self._newest = newest
        self._behind: dict[int, tuple[LaggingChain, Router]] = {}
        self._rng = Random(knobs.seed)

    def draw(self) -> Router:
        """Return the backend that answers the next request."""
        lags = sorted(self._knobs.backend_lags)
        behind = self._rng.choice(lags) if lags else 0
        if not behind:
            return self._newest
        if behind not in self._behind:
            chain = LaggingChain(self._chain, behind)
            self._behind[behind] = chain, Router(chain, self._knobs)
        chain, router = self._behind[behind]
        chain.follow()
        return router
