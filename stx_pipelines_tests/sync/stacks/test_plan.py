"""Pieces of a day's burn blocks are independent of each other and cover all of them."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from stx_pipelines.chains.certificate import ClosedBy
from stx_pipelines.chains.days import window
from stx_pipelines.chains.errors import ProofError
from stx_pipelines.chains.stacks import PAGE_SIZE, BurnBlock, Tx
from stx_pipelines.chains.stacks_proof import Placed
from stx_pipelines.sync.stacks.plan import MIN_PAGES, Held, Piece, cut, plan_day
from stx_pipelines.sync.stacks.v1 import without_shared_windows

DAY = date(2026, 9, 2)
LEAST = MIN_PAGES * PAGE_SIZE
START, END = window(DAY)


def hashed(number: int) -> str:
    return f"0x{number:064x}"


@st.composite
def placed_burns(draw: st.DrawFn) -> list[Placed]:
    """Draw burn blocks, newest first: empty, small and giant ones, and gaps in the heights."""
    placed = []
    height = 1
    for number in range(draw(st.integers(0, 30))):
        blocks = draw(st.integers(1, 12))
        count = draw(st.sampled_from([0, 2, 7, 50, 51, 500, 1500]) | st.integers(0, 9000))
        height += draw(st.sampled_from([0, 0, 0, 5]))
        hashes = tuple(hashed(height + n) for n in range(blocks))
        time = START + number * 600 + draw(st.integers(-3000, 3000))
        placed.append(Placed(BurnBlock(time, hashed(number), number, hashes, count), height, height + blocks - 1))
        height += blocks
    return placed[::-1]


@given(placed_burns())
def test_pieces_are_disjoint_and_cover_every_burn_block_that_has_transactions(burns: list[Placed]) -> None:
    pieces = cut(burns)
    heights = [height for piece in pieces for height in range(piece.lo, piece.hi + 1)]
    assert len(heights) == len(set(heights))
    wanted = {h for row in burns if row.burn.total_tx_count for h in range(row.lo, row.hi + 1)}
    assert wanted == set(heights)


@given(placed_burns())
def test_pieces_have_at_least_20_pages_unless_their_run_is_smaller(burns: list[Placed]) -> None:
    """A run has contiguous heights. Each piece may cost one extra request."""
    pieces = cut(burns)
    total = sum(row.burn.total_tx_count for row in burns)
    runs = 0
    below = None
    for row in [row for row in burns if row.burn.total_tx_count]:
        runs += below != row.hi + 1
        below = row.lo
    assert len(pieces) <= runs + total // LEAST
    for piece in pieces:
        inside = [row for row in burns if row.burn.total_tx_count and piece.lo <= row.lo and row.hi <= piece.hi]
        whole = {h for row in inside for h in range(row.lo, row.hi + 1)} == set(range(piece.lo, piece.hi + 1))
        alone = not any(other.lo == piece.hi + 1 or other.hi == piece.lo - 1 for other in pieces)
        if whole and not alone:
            assert sum(row.burn.total_tx_count for row in inside) >= LEAST


@given(placed_burns())
def test_pieces_name_the_burn_times_of_all_their_heights(burns: list[Placed]) -> None:
    """v1 reads by burn time, so the window of a piece must contain all its burn blocks."""
    for piece in cut(burns):
        for row in burns:
            if row.burn.total_tx_count and row.lo <= piece.hi and row.hi >= piece.lo:
                assert piece.start <= row.burn.burn_block_time < piece.end


def test_a_giant_burn_block_is_read_in_parallel() -> None:
    row = Placed(BurnBlock(START, hashed(1), 1, tuple(map(hashed, range(40))), 20_000), 101, 140)
    assert len(cut([row])) >= 10


def test_for_v1_the_parts_of_a_giant_burn_block_are_one_piece() -> None:
    """Each part would read the whole burn block. Pieces that are not adjacent are not joined."""
    row = Placed(BurnBlock(START, hashed(1), 1, tuple(map(hashed, range(40))), 20_000), 101, 140)
    [whole] = without_shared_windows(cut([row]))
    assert whole[:4] == (101, 140, START, START + 1)
    apart = [Piece(30, 40, START, START + 1), Piece(10, 20, START, START + 1)]
    assert without_shared_windows(apart) == apart


@given(placed_burns())
def test_joined_pieces_cover_the_same_heights(burns: list[Placed]) -> None:
    heights = [height for piece in cut(burns) for height in range(piece.hi, piece.lo - 1, -1)]
    merged = without_shared_windows(cut(burns))
    assert [height for piece in merged for height in range(piece.hi, piece.lo - 1, -1)] == heights


@given(placed_burns(), st.integers(0, 30))
def test_a_plan_has_the_days_finished_burn_blocks_and_no_other(burns: list[Placed], growing: int) -> None:
    assume(is_enclosed(burns, growing))
    plan = plan_day(DAY, burns, growing)
    assert plan.burns == tuple(
        row for row in burns if START <= row.burn.burn_block_time < END and row.burn.burn_block_height < growing
    )
    assert plan.burn_count == len(plan.burns)
    assert plan.proved_to < max(growing, 1)


def is_enclosed(burns: list[Placed], growing: int) -> bool:
    return any(
        row.burn.burn_block_time < START or (row.burn.burn_block_time < END and row.burn.burn_block_height < growing)
        for row in burns
    )


def test_a_closed_day_names_the_oldest_stacks_block_of_the_burn_block_that_closed_it() -> None:
    burns = [
        Placed(BurnBlock(END - 1800 + 600 * n, hashed(n), n, (hashed(10 * n + 1), hashed(10 * n)), 2), 2 * n, 2 * n + 1)
        for n in range(12)
    ][::-1]
    assert plan_day(DAY, burns, 99).closed_by == ClosedBy(16, hashed(80))
    assert plan_day(DAY, burns, 8).closed_by == ClosedBy(16, hashed(80))
    assert plan_day(DAY, burns, 7).closed_by is None


def test_a_day_without_a_burn_block_before_or_in_it_is_not_called_empty() -> None:
    with pytest.raises(ProofError, match="no burn blocks"):
        plan_day(DAY, [], 99)


def tx(height: int, burn_height: int, index: int) -> Tx:
    return Tx(
        f"{height}:{index}", 1, height, "SP1", 1, "t", True, "success", START, burn_height, None, index, "", 1, "", None
    )


@given(placed_burns(), st.integers(0, 200), st.data())
def test_only_burn_blocks_that_are_still_whole_are_kept(
    burns: list[Placed], valid_to: int, drawn: st.DataObject
) -> None:
    """Burn blocks above the last canonical height, or with missing rows, are read again; the others are not."""
    small = [row for row in burns if row.burn.total_tx_count <= 51]
    rows = [tx(row.lo, row.burn.burn_block_height, n) for row in small for n in range(row.burn.total_tx_count)]
    lost = drawn.draw(st.sampled_from(rows)) if rows else None
    held = [row for row in rows if row != lost]
    assume(is_enclosed(burns, 99))
    plan = plan_day(DAY, burns, 99, Held(held, valid_to))
    kept = {row.burn_block_height for row in plan.held}
    for row in small:
        inside = START <= row.burn.burn_block_time < END and row.burn.total_tx_count > 0
        broken = lost is not None and lost.burn_block_height == row.burn.burn_block_height
        assert (row.burn.burn_block_height in kept) is (inside and row.hi <= valid_to and not broken)
    again = {height for piece in plan.pieces for height in range(piece.lo, piece.hi + 1)}
    assert not again & {row.block_height for row in plan.held}
