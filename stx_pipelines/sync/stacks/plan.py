"""The plan of a day: its burn blocks, and the pieces to read independently of each other. The functions do no I/O."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from math import ceil
from typing import NamedTuple

from stx_pipelines.chains.certificate import ClosedBy, State
from stx_pipelines.chains.days import window
from stx_pipelines.chains.errors import ProofError
from stx_pipelines.chains.stacks import PAGE_SIZE, BurnBlock, Tx
from stx_pipelines.chains.stacks_proof import Placed, carried, closing_block

MIN_PAGES = 20
"""A piece has at least this many pages, because each piece may cost one extra request."""


class Piece(NamedTuple):
    """The Stacks heights `[lo, hi]`, and the window `[start, end)` of their burn times in unix seconds.

    Servers without v3 are read by time. `most` is the number of transactions that its burn blocks promise, or more;
    None if the number is not known.
    """

    lo: int
    hi: int
    start: int
    end: int
    most: int | None = None


class DayPlan(NamedTuple):
    """A day, the rows already `held`, and the pieces still to read.

    `burns` are the day's finished burn blocks, newest first; None if the server cannot list them. `growing` is the
    height of the unfinished burn block, `proved_to` the burn height up to which the day will be proved, `requests` the
    number of requests spent on planning. `closed_by` is a Stacks block of the burn block that closes the day, or None.
    """

    day: date
    state: State
    burns: tuple[Placed, ...] | None
    burn_count: int
    growing: int
    proved_to: int
    held: tuple[Tx, ...]
    pieces: tuple[Piece, ...]
    requests: int = 0
    closed_by: ClosedBy | None = None


class Held(NamedTuple):
    """Rows of a day that were proved before and are canonical up to `valid_to` (a Stacks height)."""

    rows: Sequence[Tx]
    valid_to: int


def plan_day(day: date, rows: Sequence[Placed], growing: int, held: Held | None = None) -> DayPlan:
    """Return the plan of a day from `rows`, the part of the burn list that covers the day.

    Burn blocks from height `growing` on are left out.

    Raises `ProofError` if the day has no burn blocks and no earlier burn block is known.
    """
    start, end = window(day)
    # Burn blocks that arrived while the list was read are left out, so they must not close the day either.
    closer = closing_block([row.burn for row in rows if row.burn.burn_block_height <= growing], end)
    burns = tuple(
        row for row in rows if start <= row.burn.burn_block_time < end and row.burn.burn_block_height < growing
    )
    # The chain's first burn block may still grow.
    if not burns and not any(row.burn.burn_block_time < end for row in rows):
        raise ProofError(
            f"{day} has no burn blocks, and no earlier burn block is known; the day may not be of this chain"
        )
    kept = _still_whole(burns, held) if held else {}
    missing = [row for row in burns if row.burn.burn_block_height not in kept]
    return DayPlan(
        day=day,
        state="closed" if closer else "open",
        burns=burns,
        burn_count=len(burns),
        growing=growing,
        proved_to=max((r.burn.burn_block_height for r in rows if r.burn.burn_block_height < growing), default=0),
        held=tuple(tx for txs in kept.values() for tx in txs),
        pieces=tuple(cut(missing)),
        closed_by=_first_stacks_block(rows, closer) if closer else None,
    )


def _first_stacks_block(rows: Iterable[Placed], burn: BurnBlock) -> ClosedBy | None:
    """Return the oldest Stacks block of a burn block, or None. A reorg reaches the oldest block last."""
    lo = next(row.lo for row in rows if row.burn is burn)
    return ClosedBy(lo, burn.stacks_blocks[-1]) if burn.stacks_blocks else None


def _still_whole(burns: Iterable[Placed], held: Held) -> Mapping[int, Sequence[Tx]]:
    by_burn: defaultdict[int, list[Tx]] = defaultdict(list)
    for tx in held.rows:
        by_burn[tx.burn_block_height].append(tx)
    return {
        row.burn.burn_block_height: txs
        for row in burns
        if row.hi <= held.valid_to
        and len(txs := by_burn[row.burn.burn_block_height]) - len(carried(txs)) == row.burn.total_tx_count
    }


def cut(newest_first: Sequence[Placed]) -> list[Piece]:
    """Cut burn blocks into pieces with about equal numbers of transactions. The heights of a piece are contiguous."""
    wanted = [row for row in newest_first if row.burn.total_tx_count]
    return [piece for run in _contiguous(wanted) for piece in _cut_run(run)]


def _contiguous(newest_first: Sequence[Placed]) -> list[list[Placed]]:
    runs: list[list[Placed]] = []
    for row in newest_first:
        if runs and runs[-1][-1].lo == row.hi + 1:
            runs[-1].append(row)
        else:
            runs.append([row])
    return runs


def _cut_run(run: Sequence[Placed]) -> list[Piece]:
    parts = [part for row in run for part in _split(row)]
    least = MIN_PAGES * PAGE_SIZE
    total = sum(count for _, count in parts)
    share = total / max(1, total // least)
    groups: list[list[Piece]] = [[]]
    in_last = 0
    for piece, count in parts:
        if in_last >= share:
            groups.append([])
            in_last = 0
        groups[-1].append(piece)
        in_last += count
    if len(groups) > 1 and in_last < least:
        tail = groups.pop()
        groups[-1] += tail
    return [joined(group) for group in groups]


def _split(row: Placed) -> list[tuple[Piece, int]]:
    """Split a large burn block into ranges of Stacks blocks. Return each with its estimated transaction count."""
    time = row.burn.burn_block_time
    height_count = row.hi - row.lo + 1
    parts = min(height_count, max(1, ceil(row.burn.total_tx_count / PAGE_SIZE / MIN_PAGES)))
    step = ceil(height_count / parts)
    count = row.burn.total_tx_count
    return [
        (Piece(max(row.lo, hi - step + 1), hi, time, time + 1, count), count // parts)
        for hi in range(row.hi, row.lo - 1, -step)
    ]


def joined(pieces: Sequence[Piece]) -> Piece:
    """Return one piece with the heights and the times of all of these."""
    return Piece(
        lo=min(piece.lo for piece in pieces),
        hi=max(piece.hi for piece in pieces),
        start=min(piece.start for piece in pieces),
        end=max(piece.end for piece in pieces),
        most=None if any(piece.most is None for piece in pieces) else sum(piece.most or 0 for piece in pieces),
    )
