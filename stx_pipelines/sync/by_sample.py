"""The other way to prove a day, for servers on which listing burn blocks is too slow or fails.

The day is found by block times and read with a margin on both sides. Single burn blocks, a sample of 12, are then
compared with the rows; heights without a gap and numbering without a gap vouch for the rest.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from datetime import date

from stx_pipelines.chains.certificate import ClosedBy, State
from stx_pipelines.chains.days import window
from stx_pipelines.chains.errors import ProofError
from stx_pipelines.chains.stacks import Block, Tip, Tx
from stx_pipelines.chains.stacks_proof import FINAL_DEPTH, prove_by_sample
from stx_pipelines.sources.stacks_api import StacksApi
from stx_pipelines.sync.plan import DayPlan, Piece

SAMPLE = 12
_MARGIN = 3 * 3600  # seconds of block time; covers Bitcoin's clock drift and slow burn blocks
_BLOCKS_PER_PIECE = 400
_MOST_EMPTY_BLOCKS = 50


def plan_day(api: StacksApi, tip: Tip, day: date) -> DayPlan:
    """Pieces over every block that may belong to the day. Raises the errors of `StacksApi`."""
    start, end = window(day)
    newest = api.block_at(end + _MARGIN)
    if newest is None:
        raise ProofError(f"{day} is before the first block of this server")
    below = api.block_at(start - _MARGIN)
    hi, lo = newest.height, below.height if below else _first_height(api, newest)
    pieces = tuple(
        Piece(max(lo, top - _BLOCKS_PER_PIECE + 1), top, start - 2 * _MARGIN, end + 2 * _MARGIN)
        for top in range(hi, lo - 1, -_BLOCKS_PER_PIECE)
    )
    if api.route == "v1":
        pieces = (Piece(lo, hi, start - 2 * _MARGIN, end + 2 * _MARGIN),)
    growing = tip.burn_block_height
    return DayPlan(day, "open", None, 0, growing, growing - 1, (), pieces, requests=2)


def _first_height(api: StacksApi, newest: Block) -> int:
    """The lowest height the server has, for a day at the beginning of its chain."""
    low, high = 0, newest.height
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if api.has_height(middle) else (middle, high)
    return high


def prove(api: StacksApi, tip: Tip, plan: DayPlan, read: Sequence[Tx]) -> tuple[DayPlan, list[Tx]]:
    """The plan with what became known, and the day's rows. Raises `ProofError` and the errors of `StacksApi`."""
    start, end = window(plan.day)
    finished = [tx for tx in read if tx.burn_block_height < tip.burn_block_height]
    rows = [tx for tx in finished if start <= tx.burn_block_time < end]
    heights = sorted({tx.burn_block_height for tx in rows})
    chosen = random.Random(plan.day.toordinal()).sample(heights, min(SAMPLE, len(heights)))
    sample = [burn for height in chosen if (burn := api.burn_block(height)) is not None]
    if len(sample) < len(chosen):
        raise ProofError(f"{plan.day}: burn blocks of its transactions are unknown to the server", chosen)
    prove_by_sample(rows, sample, plan.day)
    _explain_gaps(api, plan, read)
    last = max((tx.burn_block_height for tx in read if tx.burn_block_time < end), default=0)
    enclosed = any(tx.burn_block_time >= end for tx in finished)
    six_above = last + FINAL_DEPTH
    state: State = "closed" if enclosed and tip.burn_block_height >= six_above else "open"
    above = [(tx.block_height, tx.block_hash) for tx in read if tx.block_hash and tx.burn_block_height >= six_above]
    closed_by = ClosedBy(*min(above)) if above else None
    requests = plan.requests + len(sample)
    return plan._replace(state=state, burn_count=len(heights), requests=requests, closed_by=closed_by), rows


def _explain_gaps(api: StacksApi, plan: DayPlan, read: Iterable[Tx]) -> None:
    """Every height that was asked for came with transactions, or belongs to a block that has none."""
    heights = {tx.block_height for tx in read}
    gaps = [height for piece in plan.pieces for height in range(piece.lo, piece.hi + 1) if height not in heights]
    if len(gaps) > _MOST_EMPTY_BLOCKS or any(api.block(height).tx_count for height in gaps):
        raise ProofError(f"{len(gaps)} Stacks blocks came without transactions, {min(gaps)} first")
