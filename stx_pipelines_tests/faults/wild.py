"""A chain as wild as Bitcoin's time rule allows, and pages of any size. Not here: claims (test_*.py)."""

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
_BEHIND = 40_000  # seconds: further than the median of eleven ever lets one go here


class WildBitcoin(Bitcoin):
    """Headers claim any time above the median of the eleven before them and at most two hours ahead.

    Every second clock is not behind. Were six in a row behind, nothing in the chain could tell that a header of the
    next day does not hide below them; the walk counts on that (`is_settled_below`).
    """

    def _header_time(self, position: int, arrivals: list[int], rng: Random) -> int:
        behind = _BEHIND if position % 2 else 0
        claimed = arrivals[-1] + rng.randint(-behind, _AHEAD)
        return max(claimed, self._median_time_past(position) + 1)


def wild_chain(spec: ChainSpec) -> StacksChain:
    """A chain over such headers."""
    with mock.patch.object(stacks_chain, "Bitcoin", WildBitcoin):
        return StacksChain(spec)


@contextmanager
def pages_of(size: int) -> Iterator[None]:
    """Servers in this process give at most so many transactions a page, whatever is asked."""
    whole_page = V3Pages._page

    def page(self: V3Pages, rows: object, end: int, limit: int) -> bytes:
        return whole_page(self, rows, end, min(limit, size))  # type: ignore[arg-type]

    with mock.patch.object(V3Pages, "_page", page):
        yield
