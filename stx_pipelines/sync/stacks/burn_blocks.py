"""The contiguous list of burn blocks around some days, with the Stacks heights of every burn block.

One page of `v2/burn-blocks` is a consistent snapshot of 30 rows, but the offset of a row changes whenever the tip does.
Pages therefore overlap by one row, and a page is used only if it contains the oldest row known so far. The heights are
counted from one Stacks block whose height is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from datetime import UTC, datetime
from typing import NamedTuple

from stx_pipelines.chains.errors import ProofError
from stx_pipelines.chains.stacks import LIST_SIZE, BurnBlock, Tip
from stx_pipelines.chains.stacks_proof import CLOCK_DRIFT, Placed, is_final, is_settled_below
from stx_pipelines.clients.errors import ApiError, Moving
from stx_pipelines.clients.stacks_api import StacksApi
from stx_pipelines.sync.stacks.clock import refuse_future
from stx_pipelines.sync.stacks.looks import LOOKS

_STRIDE = LIST_SIZE - 1
_SECONDS_PER_BURN_BLOCK = 600
_LISTED_SHARE = 0.96  # share of Bitcoin blocks that anchor Stacks blocks and so are listed; a first guess
_MARGIN = 12  # rows read above the end of a day, enough for six burn blocks after it
_JUMPS = 6  # attempts to compute the offset from _LISTED_SHARE, before bisection
_HALVINGS = 24  # bisection steps, enough for a list of 16 million rows
_TRIES = 12  # attempts to find the oldest row again in a list that moves
_MOST_TO_READ_THROUGH = 12 * 3600  # seconds; across a longer gap in the list, a jump needs fewer requests


def _utc_now() -> datetime:
    return datetime.now(UTC)


class ListMoved(Moving):
    """The pages of the list do not fit together, because the chain changed while they were read. A retry may help."""


class Anchor(NamedTuple):
    """A Stacks block whose height is known, and the height of its burn block."""

    height: int
    block_hash: str
    burn_height: int


class BurnList:
    """The rows of the list, newest first, read as far as needed. Only one thread may use it, the planner's."""

    def __init__(self, api: StacksApi, tip: Tip, pool: Executor, clock: Callable[[], datetime] = _utc_now) -> None:
        self._api = api
        self._pool = pool
        self._clock = clock
        self.requests = 0
        self.restart(tip)

    def restart(self, tip: Tip) -> None:
        """Forget every row and start again below this tip."""
        self.tip = tip
        self.growing = tip.burn_block_height  # this burn block and later ones are not finished
        self.rows: list[Placed] = []
        self._offset = 0  # of the newest row in `rows`
        self._ends = False  # whether the oldest row in `rows` is the chain's first

    @property
    def burns(self) -> list[BurnBlock]:
        """The rows' burn blocks, without Stacks heights."""
        return [row.burn for row in self.rows]

    def cover(self, start: int, end: int) -> None:
        """Read every burn block whose time is in `[start, end)` (unix seconds) into `rows`.

        Raises `ListMoved` when the pages do not fit together, and the errors of `StacksApi`.
        """
        try:
            if not self._reaches_above(end):
                self._seek(end)
            while not self._ends and not is_settled_below(self.burns, start):
                self._extend(self._pages_to(start))
        except (ApiError, ProofError):
            self.rows, self._ends = [], False  # rows of an interrupted read may have no heights
            raise
        self._forget_above(end)

    def cover_when_still(self, start: int, end: int, on_move: Callable[[ListMoved], None]) -> None:
        """Call `cover`. Start again from the tip if the chain changes, and give up at the fifth change."""
        for attempt in range(1, LOOKS):
            try:
                return self.cover(start, end)
            except ListMoved as error:
                on_move(error)
                self._api.http.stop.wait(self._api.http.patience.backoff(attempt))  # one of the API's servers may lag
                self.restart(self._api.tip())
        return self.cover(start, end)

    def _reaches_above(self, end: int) -> bool:
        if not self.rows or not (self._offset == 0 or is_final(self.burns, end)):
            return False
        return self.rows[-1].burn.burn_block_time - end < _MOST_TO_READ_THROUGH

    def _seek(self, end: int) -> None:
        """Replace the rows by the page of the list that starts just above `end`, or at the tip."""
        block = self._api.block_at(end - 1)
        self.requests += 1
        near_tip = block is None or self.tip.burn_block_height - block.burn_block_height < LIST_SIZE
        anchor = (
            Anchor(self.tip.block_height, self.tip.block_hash, self.tip.burn_block_height)
            if block is None or near_tip
            else Anchor(block.height, block.hash, block.burn_block_height)
        )
        distance = self.tip.burn_block_height - anchor.burn_height
        offset = 0 if near_tip else max(0, round(distance * _LISTED_SHARE) - _MARGIN)
        low, high = -1, distance + LIST_SIZE  # the offset sought is between these two
        for jump in range(_JUMPS + _HALVINGS):
            page = self._page(offset)
            move = _move(page, anchor.burn_height, end) if page else -distance
            if move == 0 or (offset == 0 and move < 0):
                self._offset = offset
                if not page:
                    raise ListMoved("the list of burn blocks is empty")
                if offset == 0:
                    self.growing = min(self.growing, page[0].burn_block_height)
                return self._place(page, anchor)
            low, high = (offset, high) if move > 0 else (low, offset)
            guess = max(0, offset + move)
            # Bisect if jumps do not converge, which happens if this chain has another share of listed blocks.
            offset = guess if page and jump < _JUMPS and low < guess < high else (low + high) // 2
            if offset in {low, high}:
                break
        raise ListMoved(f"burn block {anchor.burn_height} was not found in the list of burn blocks")

    def _place(self, page: Sequence[BurnBlock], anchor: Anchor) -> None:
        """Set the rows to a first page, and read on until they contain the anchor. Count heights from the anchor."""
        self.rows = [Placed(burn, 0, 0) for burn in page]
        while not any(row.burn.burn_block_height <= anchor.burn_height for row in self.rows) and not self._ends:
            self._extend(1)
        burns = self.burns
        at = _place_of(anchor, burns)
        if at is None and len(burns) > 1:
            anchor = self._settled(burns, anchor)
            at = _place_of(anchor, burns)
        if at is None:
            raise ListMoved(
                f"burn block {anchor.burn_height} does not list its Stacks block {anchor.height} "
                "(a reorg while the list was read)"
            )
        above = sum(len(burn.stacks_blocks) for burn in burns[:at])
        self.rows = _placed(burns, anchor.height + burns[at].stacks_blocks.index(anchor.block_hash) + above)

    def _settled(self, burns: Sequence[BurnBlock], anchor: Anchor) -> Anchor:
        """Return an anchor of the second newest burn block of a list that lacks `anchor`.

        Return `anchor` itself if it is not canonical any more. If it is, a backend sent the list that is behind.
        """
        names = burns[1].stacks_blocks
        self.requests += 2
        now = self._api.block_if_there(anchor.height)
        block = self._api.block_by_hash(names[0]) if names and (now is None or now.hash == anchor.block_hash) else None
        return Anchor(block.height, block.hash, block.burn_block_height) if block else anchor

    def _pages_to(self, start: int) -> int:
        seconds = self.rows[-1].burn.burn_block_time - (start - CLOCK_DRIFT)
        return max(1, int(seconds / _SECONDS_PER_BURN_BLOCK * _LISTED_SHARE / _STRIDE))

    def _extend(self, pages: int) -> None:
        """Read this many older pages in parallel, and append the rows that are older than the last one."""
        first = self._offset + len(self.rows) - 1
        offsets = range(first, first + pages * _STRIDE, _STRIDE)
        for offset, page in list(zip(offsets, self._pool.map(self._page, offsets), strict=True)):
            if self._ends:
                return
            self._append(page, offset)

    def _append(self, page: list[BurnBlock], offset: int) -> None:
        oldest = self.rows[-1]
        for _ in range(_TRIES):
            hashes = [burn.burn_block_hash for burn in page]
            if oldest.burn.burn_block_hash in hashes:
                at = hashes.index(oldest.burn.burn_block_hash)
                self._offset = offset + at - (len(self.rows) - 1)
                older = page[at + 1 :]
                self.rows += _placed(older, oldest.lo - 1)
                # A short page does not show that the chain begins here. An empty page after the oldest row does.
                self._ends = not older and not self._page(offset + at + 1)
                if older or self._ends:
                    return
                break
            # The list moved while it was read. Choose an offset that puts the oldest row in the middle of a page.
            away = page[-1].burn_block_height - oldest.burn.burn_block_height if page else -_STRIDE
            offset = max(0, offset + round(away * _LISTED_SHARE) + LIST_SIZE // 2)
            page = self._page(offset)
        raise ListMoved(
            f"burn block {oldest.burn.burn_block_height} is no longer in the list (a reorg while it was read)"
        )

    def _page(self, offset: int) -> list[BurnBlock]:
        self.requests += 1
        page = self._api.burn_blocks(offset)
        refuse_future(page, self._clock(), self._api.http.date)
        return page

    def _forget_above(self, end: int) -> None:
        """Drop the newest rows, which the days before `end` do not need.

        Keep the rows just above `end`, which show that the day is final.
        """
        keep = next((n for n, row in enumerate(self.rows) if row.burn.burn_block_time < end), 0)
        drop = max(0, keep - _MARGIN)
        self.rows, self._offset = self.rows[drop:], self._offset + drop


def _move(page: Sequence[BurnBlock], target: int, end: int) -> int:
    """Return by how many rows to move the offset, so that the page starts just above `end`; 0 if it already does."""
    if page[-1].burn_block_height > target:
        return max(1, round((page[-1].burn_block_height - target) * _LISTED_SHARE) + _STRIDE - _MARGIN)
    if not is_final(page, end):
        return -max(_MARGIN, min(round((target - page[0].burn_block_height) * _LISTED_SHARE) + _MARGIN, 10**7))
    return 0


def _place_of(anchor: Anchor, burns: Sequence[BurnBlock]) -> int | None:
    return next((n for n, burn in enumerate(burns) if anchor.block_hash in burn.stacks_blocks), None)


def _placed(newest_first: Iterable[BurnBlock], top_height: int) -> list[Placed]:
    placed = []
    for burn in newest_first:
        count = len(burn.stacks_blocks)
        placed.append(Placed(burn, top_height - count + 1, top_height))
        top_height -= count
    return placed
