"""A chain with the most irregular times that Bitcoin's rule allows, and pages of any size. Not here: tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from unittest import mock

from stx_pipelines.devnet.stacks import chain as stacks_chain
from stx_pipelines.devnet.stacks.bitcoin import Bitcoin
from stx_pipelines.devnet.stacks.chain import StacksChain
from stx_pipelines.devnet.stacks.routes_v3 import V3Pages
from stx_pipelines.devnet.stacks.values import ChainSpec

_AHEAD = 7_200  # seconds: nodes refuse a header further ahead of their clock
_BEHIND = 40_000  # seconds: more than the median of eleven allows here


class WildBitcoin(Bitcoin):
    """Header times anywhere above the median of the eleven before them and at most two hours ahead.

    Every second clock is not behind, because a sync relies on that (`is_settled_below`): below six late headers in a
    row there could be one of the next day.
    """

    def _header_time(self, position: int, arrivals: list[int], rng: Random) -> int:
        behind = _BEHIND if position % 2 else 0
        claimed = arrivals[-1] + rng.randint(-behind, _AHEAD)
        return max(claimed, self._median_time_past(position) + 1)


def wild_chain(spec: ChainSpec) -> StacksChain:
    """Make a chain with such headers."""
    with mock.patch.object(stacks_chain, "Bitcoin", WildBitcoin):
        return StacksChain(spec)


@contextmanager
def pages_of(size: int) -> Iterator[None]:
    """Limit the pages of servers in this process to `size` transactions, until the block ends."""
    whole_page = V3Pages._page

    def page(self: V3Pages, rows: object, end: int, limit: int) -> bytes:
        return whole_page(self, rows, end, min(limit, size))  # type: ignore[arg-type]

    with mock.patch.object(V3Pages, "_page", page):
        yield
