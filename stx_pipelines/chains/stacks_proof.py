"""The proofs of a day of Stacks transactions.

The transactions come from one table of the API. The count per burn block (`total_tx_count`) and the hashes of its
Stacks blocks come from another table. A day is proved when both tables agree for every burn block and no other rows
are present.
There is one exception. The API shows the transactions of block 0 as transactions of block 1, and does not count them.
Their block time is that of block 0, so they can be told apart. That none of them is missing cannot be proved.

The functions take rows and blocks and raise a `ProofError` that names the burn blocks.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from itertools import groupby, takewhile
from operator import attrgetter
from typing import NamedTuple

from stx_pipelines.chains.days import day_of
from stx_pipelines.chains.errors import ProofError
from stx_pipelines.chains.stacks import NAKAMOTO_DAY, PAGE_SIZE, BurnBlock, Tx

FINAL_DEPTH = 6
"""Number of newer burn blocks that make a burn block final."""

MEDIAN_SPAN = 11
"""Number of Bitcoin blocks whose median time the next block must exceed (Bitcoin's consensus rule)."""

CLOCK_DRIFT = 2 * 3600
"""Seconds a Bitcoin header time may run ahead of real time (Bitcoin's consensus rule)."""


class Placed(NamedTuple):
    """A burn block and the Stacks heights `[lo, hi]` of its blocks (`hi < lo` when it has none)."""

    burn: BurnBlock
    lo: int
    hi: int


def closing_block(newest_first: Sequence[BurnBlock], end: int) -> BurnBlock | None:
    """Return the burn block that makes the chain before `end` (unix seconds) complete and final; None if there is none.

    Six burn blocks in a row at or after `end` make all blocks before them final. The newest of the six is returned. The
    part before `end` is then also complete, because a Bitcoin block's time must exceed the median of the 11 blocks
    before it, so no later block can have a time before `end`. Both hold as long as the returned block is canonical.
    """
    above = list(takewhile(lambda block: block.burn_block_time >= end, newest_first))
    # Bitcoin blocks without Stacks blocks are not listed, but the median counts them. Six of eleven must be listed.
    for newest in range(len(above) - FINAL_DEPTH, -1, -1):
        if above[newest].burn_block_height - above[newest + FINAL_DEPTH - 1].burn_block_height < MEDIAN_SPAN:
            return above[newest]
    return above[-MEDIAN_SPAN] if len(above) >= MEDIAN_SPAN else None


def is_final(newest_first: Sequence[BurnBlock], end: int) -> bool:
    """Return whether the chain before `end` (unix seconds) is complete and final."""
    return closing_block(newest_first, end) is not None


def is_settled_below(newest_first: Sequence[BurnBlock], start: int) -> bool:
    """Return whether no burn block below this list can have a time at or after `start` (unix seconds).

    A header time may run 2 hours ahead of real time, so six blocks in a row must be older than that.
    """
    oldest = newest_first[-FINAL_DEPTH:]
    return len(oldest) == FINAL_DEPTH and all(b.burn_block_time < start - CLOCK_DRIFT for b in oldest)


def prove_by_counts(rows: Sequence[Tx], placed: Sequence[Placed], day: date) -> None:
    """Raise `ProofError` unless the rows are exactly the transactions of these burn blocks, all of this day."""
    _prove_unique(rows)
    by_burn_block = _by_burn_block(rows)
    strangers = by_burn_block.keys() - {place.burn.burn_block_height for place in placed}
    if strangers:
        raise ProofError(
            f"burn blocks {_names(strangers)} are not of {day}, but their transactions were read", strangers
        )
    if wrong := faults(rows, placed, day):
        height, fault = next(iter(wrong.items()))
        more = f" (and {len(wrong) - 1} more: {_names(wrong)})" if len(wrong) > 1 else ""
        raise ProofError(f"burn block {height} {fault}{more}", wrong)


def faults(rows: Iterable[Tx], placed: Iterable[Placed], day: date) -> dict[int, str]:
    """Return the fault of each wrong burn block, as the end of a sentence, by burn block height."""
    by_burn_block = _by_burn_block(rows)
    return {
        place.burn.burn_block_height: fault
        for place in placed
        if (fault := _fault(by_burn_block.get(place.burn.burn_block_height, []), place, day))
    }


def prove_by_sample(rows: Sequence[Tx], sample: Iterable[BurnBlock], day: date) -> None:
    """Raise `ProofError` unless the rows have no gaps and agree with this sample of burn blocks.

    This proof is for servers that cannot list burn blocks.
    """
    _prove_unique(rows)
    by_burn_block = _by_burn_block(rows)
    for burn in sample:
        heights = [row.block_height for row in by_burn_block.get(burn.burn_block_height, [])]
        place = Placed(burn, min(heights, default=0), max(heights, default=-1))
        if fault := _fault(by_burn_block.get(burn.burn_block_height, []), place, day):
            raise ProofError(f"burn block {burn.burn_block_height} {fault}", {burn.burn_block_height})
    if day >= NAKAMOTO_DAY:
        boot = {row.tx_id for row in carried(rows)}
        for height, members in by_burn_block.items():
            if gap := _index_gap(row for row in members if row.tx_id not in boot):
                raise ProofError(f"burn block {height} {gap}", {height})


def carried(rows: Iterable[Tx]) -> list[Tx]:
    """Return the transactions of block 0 among these rows. Their block is 1, and their block time is earlier."""
    of_block_1 = [row for row in rows if row.block_height == 1]
    own_time = max((row.block_time or 0 for row in of_block_1), default=0)
    return [row for row in of_block_1 if (row.block_time or 0) < own_time]


def _by_burn_block(rows: Iterable[Tx]) -> dict[int, list[Tx]]:
    groups: defaultdict[int, list[Tx]] = defaultdict(list)
    for row in rows:
        groups[row.burn_block_height].append(row)
    return groups


def _prove_unique(rows: Sequence[Tx]) -> None:
    repeated = [tx_id for tx_id, count in Counter(row.tx_id for row in rows).items() if count > 1]
    if repeated:
        again = {row.burn_block_height for row in rows if row.tx_id in set(repeated)}
        raise ProofError(f"{len(repeated)} transactions were read twice, {repeated[0]} among them", again)


def _fault(rows: Sequence[Tx], place: Placed, day: date) -> str | None:
    burn, lo, hi = place
    boot = {row.tx_id for row in carried(rows)} if lo <= 1 else set()
    own = [row for row in rows if row.tx_id not in boot]
    if len(boot) > PAGE_SIZE:
        return f"was read with {len(boot)} transactions of block 0, more than {PAGE_SIZE}"
    if len(own) != burn.total_tx_count:
        return f"has {burn.total_tx_count} transactions, but {len(own)} were read"
    if any(row.burn_block_time != burn.burn_block_time for row in rows):
        return f"has the time {burn.burn_block_time}, but its transactions have another time"
    if day_of(burn.burn_block_time) != day:
        return f"is of {day_of(burn.burn_block_time)}, not of {day}"
    if any(not row.canonical for row in rows):
        return "was read with transactions that are not canonical"
    if any(not lo <= row.block_height <= hi for row in rows):
        return f"has the Stacks heights {lo} to {hi}, but some of its transactions are outside these heights"
    if day < NAKAMOTO_DAY:
        return None  # with microblocks, only the counts can be compared
    if {row.block_hash for row in rows if row.block_hash} - set(burn.stacks_blocks):
        return "was read with transactions of Stacks blocks that are not its own (a reorg while reading)"
    return _index_gap(own)


def _index_gap(rows: Iterable[Tx]) -> str | None:
    by_height = attrgetter("block_height")
    for height, members in groupby(sorted(rows, key=by_height), key=by_height):
        block = list(members)
        if sorted(row.tx_index for row in block) != list(range(len(block))):
            return f"lacks transactions inside Stacks block {height}"
        if len({row.block_hash for row in block}) != 1:
            return f"mixes two versions of Stacks block {height}"
    return None


def _names(heights: Iterable[int]) -> str:
    some = sorted(heights)
    return ", ".join(map(str, some[:10])) + (", ..." if len(some) > 10 else "")
