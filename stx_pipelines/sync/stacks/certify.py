"""Functions that make the certificate of a proved day. They do no I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.datasets import TRANSACTIONS
from stx_pipelines.chains.stacks import NAKAMOTO_DAY, Tx
from stx_pipelines.chains.stacks_proof import carried
from stx_pipelines.sync.stacks.plan import DayPlan


class Cost(NamedTuple):
    """The requests and seconds that a day took."""

    requests: int
    seconds: float


def certify(plan: DayPlan, rows: Sequence[Tx], now: datetime, cost: Cost, route: str) -> Certificate:
    """Return the certificate of a proved day. `rows` must be in chain order. Times are UTC."""
    reasons = [why_left_out(tx) for tx in rows]
    left_out = Counter(reason for reason in reasons if reason)
    shown = [tx for tx, reason in zip(rows, reasons, strict=True) if reason is None]
    times = [tx.block_time for tx in shown if tx.block_time is not None]
    boot = len(carried(rows))
    expected = len(rows) if plan.burns is None else sum(row.burn.total_tx_count for row in plan.burns) + boot
    return Certificate(
        dataset=TRANSACTIONS,
        day=plan.day,
        state=plan.state,
        proof=_proof(plan, rows) + (f", and {boot} transactions of block 0 that no count includes" if boot else ""),
        expected=expected,
        seen=len(rows),
        published=len(shown),
        left_out=dict(left_out),
        first_height=rows[0].block_height if rows else None,
        last_height=rows[-1].block_height if rows else None,
        last_hash=rows[-1].index_block_hash if rows else None,
        first_block_time=datetime.fromtimestamp(min(times), UTC) if times else None,
        last_block_time=datetime.fromtimestamp(max(times), UTC) if times else None,
        burn_blocks=plan.burn_count,
        closed_by=plan.closed_by or msgspec.UNSET,
        proved_to=plan.proved_to,
        tip_height=plan.growing,
        proved_at=now.replace(microsecond=0),
        requests=cost.requests,
        seconds=cost.seconds,
        route=route,
    )


def why_left_out(tx: Tx) -> str | None:
    """Return the reason why the table does not show a row; None if the table shows the row.

    The table shows canonical, successful transactions that have a sender and a block time.
    """
    if not tx.canonical:
        return "not canonical"
    if tx.tx_status != "success":
        return tx.tx_status
    if tx.sender_address is None:
        return "no sender"
    return "no block time" if tx.block_time is None else None


def _proof(plan: DayPlan, rows: Sequence[Tx]) -> str:
    if plan.burns is None:
        how = "a sample of burn blocks, heights and numbering inside blocks"
    elif plan.burn_count == 0:
        return "no burn block in the day, enclosed by burn blocks on both sides"
    else:
        how = "every burn block's count, its Stacks blocks and numbering inside blocks"
    if plan.day >= NAKAMOTO_DAY:
        return how
    how = how if plan.burns is None else "counts only (microblocks)"
    is_named = all(tx.microblock_sequence is not None for tx in rows)
    return how if is_named else f"{how}; the API does not name the microblocks, so microblock_sequence is NULL"
