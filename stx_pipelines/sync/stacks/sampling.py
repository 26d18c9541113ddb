"""The proof of a day by a sample of burn blocks, for servers that cannot list them or list them too slowly.

The day is found by block times and read with a margin on both sides, up to the six burn blocks that close the day. The
counts of 12 burn blocks are then compared with the rows. For the other burn blocks, the proof is that Stacks heights
and the numbering of transactions have no gaps.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from datetime import date

from stx_pipelines.chains.certificate import ClosedBy
from stx_pipelines.chains.days import window
from stx_pipelines.chains.errors import ProofError
from stx_pipelines.chains.stacks import Block, BurnBlock, Tip, Tx
from stx_pipelines.chains.stacks_proof import FINAL_DEPTH, closing_block, prove_by_sample
from stx_pipelines.clients.stacks_api import StacksApi
from stx_pipelines.sync.stacks.plan import DayPlan, Piece

SAMPLE = 12
_MARGIN = 3 * 3600  # seconds of block time; covers Bitcoin's clock drift and slow burn blocks
_MARGIN_DOUBLED = 12  # margins tried at most; each is twice the margin before, up to 256 days
_BLOCKS_PER_PIECE = 400
_MOST_BURN_BLOCKS = 50  # heights requested at most to find six burn blocks
_MOST_EMPTY_BLOCKS = 50
_CHANCE = random.SystemRandom()


def plan_day(api: StacksApi, tip: Tip, day: date) -> DayPlan:
    """Return a plan whose pieces contain every block that may belong to the day.

    Raises `ProofError` and the errors of `StacksApi`.
    """
    start, end = window(day)
    newest, closed_by, requests = _top(api, tip, end)
    if newest is None:
        raise ProofError(f"{day} is before the first block of this server")
    below = api.block_at(start - _MARGIN)
    hi, lo = newest.height, below.height if below else _first_height(api, newest)
    earliest = min(start, below.burn_block_time if below else start) - 2 * _MARGIN
    latest = max(end, newest.burn_block_time) + 2 * _MARGIN
    return DayPlan(
        day=day,
        state="closed" if closed_by else "open",
        burns=None,
        burn_count=0,
        growing=tip.burn_block_height,
        proved_to=tip.burn_block_height - 1,
        held=(),
        pieces=tuple(
            Piece(max(lo, top - _BLOCKS_PER_PIECE + 1), top, earliest, latest)
            for top in range(hi, lo - 1, -_BLOCKS_PER_PIECE)
        ),
        requests=requests + 1,
        closed_by=closed_by,
    )


def _top(api: StacksApi, tip: Tip, end: int) -> tuple[Block | None, ClosedBy | None, int]:
    """Return the highest block to read, the block that closes the day (None if open), and the number of requests.

    The highest block is the tip, or a block whose burn block and the five before it close the day; None if the server's
    first block is later. Block times alone do not show that the day has ended, because a burn block may have a time
    earlier than the real time, and may last for hours.
    """
    requests = 0
    for doubled in range(_MARGIN_DOUBLED):
        newest = api.block_at(end + (_MARGIN << doubled))
        requests += 1
        if newest is None:
            return None, None, requests
        burns = _up_to(api, min(newest.burn_block_height, tip.burn_block_height), end)
        requests += len(burns)
        if closing_block(burns, end):
            return newest, ClosedBy(newest.height, newest.hash), requests
        if newest.height >= tip.block_height:
            return newest, None, requests
    raise ProofError("neither six burn blocks after the day nor the tip were found; the next sync tries again")


def _up_to(api: StacksApi, top: int, end: int) -> list[BurnBlock]:
    """Return up to six burn blocks from height `top` down, newest first. Stop at a burn block before the time `end`."""
    burns: list[BurnBlock] = []
    for height in range(top, max(0, top - _MOST_BURN_BLOCKS), -1):
        if burn := api.burn_block(height):
            burns.append(burn)
            if burn.burn_block_time < end or len(burns) == FINAL_DEPTH:
                break
    return burns


def _first_height(api: StacksApi, newest: Block) -> int:
    """Return the lowest height that the server has. A day at the beginning of its chain needs this."""
    low, high = 0, newest.height
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if api.has_height(middle) else (middle, high)
    return high


def prove(
    api: StacksApi, tip: Tip, plan: DayPlan, read: Sequence[Tx], chance: random.Random = _CHANCE
) -> tuple[DayPlan, list[Tx]]:
    """Prove a day by sample. Return its plan with the count of burn blocks, and its rows.

    `chance` draws the burn blocks, so that each attempt compares others.

    Raises `ProofError` and the errors of `StacksApi`.
    """
    start, end = window(plan.day)
    finished = [tx for tx in read if tx.burn_block_height < tip.burn_block_height]
    rows = [tx for tx in finished if start <= tx.burn_block_time < end]
    heights = sorted({tx.burn_block_height for tx in rows})
    chosen = chance.sample(heights, min(SAMPLE, len(heights)))
    sample = [burn for height in chosen if (burn := api.burn_block(height)) is not None]
    if len(sample) < len(chosen):
        raise ProofError(f"{plan.day}: the server does not have all burn blocks of its transactions", chosen)
    prove_by_sample(rows, sample, plan.day)
    _explain_gaps(api, plan, read)
    return plan._replace(burn_count=len(heights), requests=plan.requests + len(sample)), rows


def _explain_gaps(api: StacksApi, plan: DayPlan, read: Iterable[Tx]) -> None:
    """Raise `ProofError` unless all heights without transactions are empty blocks, at most 50 of them."""
    heights = {tx.block_height for tx in read}
    gaps = [height for piece in plan.pieces for height in range(piece.lo, piece.hi + 1) if height not in heights]
    if len(gaps) > _MOST_EMPTY_BLOCKS or any(api.block(height).tx_count for height in gaps):
        raise ProofError(f"{len(gaps)} Stacks blocks were read without transactions, block {min(gaps)} first")
