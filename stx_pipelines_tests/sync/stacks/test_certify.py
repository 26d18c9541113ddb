"""A certificate has the count and times of the rows in the table, and the heights of all rows that were read."""

from __future__ import annotations

from datetime import UTC, date, datetime

from stx_pipelines.chains.stacks import Tx
from stx_pipelines.sync.stacks.certify import Cost, certify
from stx_pipelines.sync.stacks.plan import DayPlan

PLAN = DayPlan(date(2026, 9, 2), "open", None, 1, 2, 1, (), ())
NOON = datetime(2026, 9, 2, 12, tzinfo=UTC)


def tx(height: int, status: str = "success") -> Tx:
    """Return a transaction. Block 0 is at noon, and each block is a minute after the one before."""
    seconds = int(NOON.timestamp()) + 60 * height
    return Tx(
        tx_id=f"0x{height:064x}",
        block_time=seconds,
        block_height=height,
        sender_address="SP000000000000000000002Q6VF78",
        fee_ustx=3000,
        tx_type="token_transfer",
        canonical=True,
        tx_status=status,
        burn_block_time=seconds,
        burn_block_height=1,
        microblock_sequence=None,
        tx_index=0,
        index_block_hash=f"0x{height:064x}",
        nonce=0,
        sponsor_address=None,
        block_hash=None,
    )


def test_rows_that_the_table_leaves_out_do_not_change_the_block_times() -> None:
    rows = [tx(0, "abort_by_response"), tx(1), tx(2), tx(3, "abort_by_post_condition")]
    known = certify(PLAN, rows, NOON, Cost(1, 1.0), "v3")
    assert (known.seen, known.published) == (4, 2)
    assert known.left_out == {"abort_by_response": 1, "abort_by_post_condition": 1}
    assert (known.first_height, known.last_height) == (0, 3)
    assert known.first_block_time == NOON.replace(minute=1)
    assert known.last_block_time == NOON.replace(minute=2)


def test_a_day_of_failed_transactions_has_no_block_times() -> None:
    known = certify(PLAN, [tx(0, "abort_by_response")], NOON, Cost(1, 1.0), "v3")
    assert (known.published, known.first_block_time, known.last_block_time) == (0, None, None)
