"""Every fault of a day is found and its burn block named, and finality follows from Bitcoin's rules."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from statistics import median_low

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from stx_pipelines.chains.days import window
from stx_pipelines.chains.errors import ProofError
from stx_pipelines.chains.stacks import ANCHORED, BurnBlock, Tx
from stx_pipelines.chains.stacks_proof import (
    CLOCK_DRIFT,
    FINAL_DEPTH,
    Placed,
    closing_block,
    faults,
    is_final,
    is_settled_below,
    prove_by_counts,
    prove_by_sample,
)

DAY = date(2026, 9, 2)
OLD_DAY = date(2024, 2, 2)
BURNS = 4


def named(kind: str, *numbers: int) -> str:
    return "0x" + f"{kind}{'-'.join(map(str, numbers))}".encode().hex().rjust(64, "0")


def day_of_burns(day: date = DAY) -> tuple[list[Tx], list[Placed]]:
    """Return four burn blocks of three Stacks blocks with 1, 2 and 3 transactions."""
    rows: list[Tx] = []
    placed = []
    height = 100
    for burn in range(BURNS):
        time = window(day)[0] + 600 * burn
        hashes = []
        for size in (1, 2, 3):
            hashes.append(named("block", height))
            rows += [make_tx(height, index, 900 + burn, time) for index in range(size)]
            height += 1
        block = BurnBlock(time, named("burn", burn), 900 + burn, tuple(reversed(hashes)), 6)
        placed.append(Placed(block, height - 3, height - 1))
    return rows, placed[::-1]


def make_tx(height: int, index: int, burn_height: int, time: int) -> Tx:
    return Tx(
        tx_id=named("tx", height, index),
        block_time=time + 5,
        block_height=height,
        sender_address="SP1",
        fee_ustx=10,
        tx_type="token_transfer",
        canonical=True,
        tx_status="success",
        burn_block_time=time,
        burn_block_height=burn_height,
        microblock_sequence=ANCHORED,
        tx_index=index,
        index_block_hash=named("index", height),
        nonce=1,
        sponsor_address=None,
        block_hash=named("block", height),
    )


def test_a_whole_day_is_proved() -> None:
    rows, placed = day_of_burns()
    prove_by_counts(rows, placed, DAY)
    prove_by_counts(rows[::-1], placed, DAY)
    prove_by_sample(rows, [place.burn for place in placed], DAY)


def test_a_day_without_burn_blocks_is_proved_by_no_rows() -> None:
    prove_by_counts([], [], DAY)
    rows, _ = day_of_burns()
    with pytest.raises(ProofError, match="are not of 2026-09-02"):
        prove_by_counts(rows, [], DAY)


@pytest.mark.parametrize("at", range(24))
def test_any_missing_row_is_caught_and_names_its_burn_block(at: int) -> None:
    rows, placed = day_of_burns()
    missing = rows.pop(at)
    with pytest.raises(ProofError, match=f"burn block {missing.burn_block_height} ") as caught:
        prove_by_counts(rows, placed, DAY)
    assert caught.value.heights == {missing.burn_block_height}


def change(at: int, **fields: object) -> Callable[[list[Tx]], None]:
    def spoil(rows: list[Tx]) -> None:
        rows[at] = msgspec.structs.replace(rows[at], **fields)  # type: ignore[arg-type]

    return spoil


def swap_one_for_a_stranger(rows: list[Tx]) -> None:
    rows[8] = msgspec.structs.replace(
        rows[8], tx_id=named("stranger", 1), block_height=109, block_hash=named("block", 109)
    )


SPOILED: dict[str, tuple[Callable[[list[Tx]], None], str]] = {
    "a row twice": (lambda rows: rows.append(rows[8]), "were read twice"),
    "a row twice for another": (change(7, tx_id=named("tx", 104, 1)), "were read twice"),
    "a row of another burn block": (change(8, burn_block_height=902), "burn block 90[12] has 6 transactions"),
    "a row of no burn block of the day": (change(8, burn_block_height=950), "950"),
    "another time": (change(8, burn_block_time=window(DAY)[0] + 601), "burn block 901 has the time"),
    "not canonical": (change(8, canonical=False), "burn block 901 .*not canonical"),
    "a height outside": (change(8, block_height=99), "burn block 901 has the Stacks heights .*outside these heights"),
    "a stranger's height": (swap_one_for_a_stranger, "burn block 901 "),
    "a gap in a block": (change(11, tx_index=7), "burn block 901 lacks transactions inside Stacks block 105"),
    "an index twice": (change(11, tx_index=0), "burn block 901 lacks transactions inside Stacks block 105"),
    "an orphaned block": (change(8, block_hash=named("orphan", 1)), "burn block 901 .*not its own"),
    "two versions of a block": (change(11, block_hash=named("block", 103)), "burn block 901 mixes two versions"),
}


@pytest.mark.parametrize("name", SPOILED)
def test_what_is_wrong_is_caught_and_its_burn_block_named(name: str) -> None:
    spoil, sentence = SPOILED[name]
    rows, placed = day_of_burns()
    spoil(rows)
    with pytest.raises(ProofError, match=sentence) as caught:
        prove_by_counts(rows, placed, DAY)
    assert caught.value.heights
    assert caught.value.heights <= {901, 902, 950}


def test_a_burn_block_of_another_day_is_caught() -> None:
    rows, placed = day_of_burns()
    with pytest.raises(ProofError, match=r"is of 2026-09-02, not of 2026-09-03"):
        prove_by_counts(rows, placed, date(2026, 9, 3))


def test_every_wrong_burn_block_is_named() -> None:
    rows, placed = day_of_burns()
    short = [row for row in rows if row.tx_index != 2]
    with pytest.raises(ProofError, match=r"3 more: 900, 901, 902, 903") as caught:
        prove_by_counts(short, placed, DAY)
    assert caught.value.heights == {900, 901, 902, 903}
    assert faults(short, placed, DAY).keys() == {900, 901, 902, 903}


def test_before_nakamoto_numbering_may_have_gaps_but_counts_must_agree() -> None:
    rows, placed = day_of_burns(OLD_DAY)
    rows = [msgspec.structs.replace(row, tx_index=row.tx_index * 3 + 2) for row in rows]
    prove_by_counts(rows, placed, OLD_DAY)
    with pytest.raises(ProofError, match="5 were read"):
        prove_by_counts(rows[1:], placed, OLD_DAY)


@given(st.sets(st.integers(0, 23), min_size=1), st.data())
def test_no_part_of_a_day_passes_for_the_whole(missing: set[int], drawn: st.DataObject) -> None:
    """Made-up or repeated rows in place of missing ones do not help."""
    rows, placed = day_of_burns()
    kept = [row for at, row in enumerate(rows) if at not in missing]
    if kept:
        extra = drawn.draw(st.lists(st.sampled_from(kept), max_size=len(missing)))
        kept += [msgspec.structs.replace(row, tx_id=named("made-up", n)) for n, row in enumerate(extra)]
    with pytest.raises(ProofError):
        prove_by_counts(kept, placed, DAY)


@pytest.mark.parametrize("name", ["a row twice", "a gap in a block", "an index twice", "two versions of a block"])
def test_a_sample_proof_still_checks_every_row_for_itself(name: str) -> None:
    rows, _ = day_of_burns()
    SPOILED[name][0](rows)
    with pytest.raises(ProofError):
        prove_by_sample(rows, [], DAY)


def test_a_sample_proof_compares_the_burn_blocks_it_is_given() -> None:
    rows, placed = day_of_burns()
    short = [row for row in rows if row.block_height != 105]  # the whole block: numbering shows nothing
    prove_by_sample(short, [placed[0].burn], DAY)
    with pytest.raises(ProofError, match="burn block 901 has 6 transactions, but 3 were read"):
        prove_by_sample(short, [placed[2].burn], DAY)


def burn(height: int, time: int) -> BurnBlock:
    return BurnBlock(time, named("burn", height), height, (), 0)


MIDNIGHT = 1_800_000_000


@st.composite
def bitcoin(draw: st.DrawFn) -> list[int]:
    """Header times by Bitcoin's rules: above the median of the 11 before, at most 2 h ahead of real time.

    Miners' clocks are wrong by hours either way, now and then for many blocks in a row.
    """
    arrival = MIDNIGHT - 4 * 3600
    times = [arrival - 600 * n for n in range(11, 0, -1)]
    gaps = draw(st.lists(st.integers(1, 3600), min_size=12, max_size=40))
    for gap in gaps:
        arrival += gap
        error = draw(st.sampled_from([0, 0, -30, 30]) | st.integers(-20_000, CLOCK_DRIFT))
        times.append(min(arrival + CLOCK_DRIFT, max(arrival + error, median_low(sorted(times[-11:])) + 1)))
    return times[11:]


@given(bitcoin(), st.integers(-3 * 3600, 6 * 3600))
def test_once_a_day_is_final_no_later_burn_block_can_belong_to_it(times: list[int], shift: int) -> None:
    end = MIDNIGHT + shift
    for seen in range(FINAL_DEPTH, len(times)):
        known = [burn(height, time) for height, time in enumerate(times[:seen])][::-1]
        if is_final(known, end):
            assert all(time >= end for time in times[seen:])
            return
    assume(False)


@given(bitcoin(), st.integers(-3 * 3600, 6 * 3600))
def test_a_day_is_final_only_six_burn_blocks_after_its_last(times: list[int], shift: int) -> None:
    end = MIDNIGHT + shift
    newest_first = [burn(height, time) for height, time in enumerate(times)][::-1]
    last = max((height for height, time in enumerate(times) if time < end), default=None)
    assume(last is not None)
    assert is_final(newest_first, end) is (len(times) - 1 - (last or 0) >= FINAL_DEPTH)


@given(bitcoin(), bitcoin(), st.integers(-3 * 3600, 6 * 3600))
def test_a_day_stays_whole_as_long_as_the_block_that_closed_it_is_canonical(
    times: list[int], others: list[int], shift: int
) -> None:
    """No block that a reorg puts above that block can be before the end, by Bitcoin's rule."""
    end = MIDNIGHT + shift
    closer = closing_block([burn(height, time) for height, time in enumerate(times)][::-1], end)
    assume(closer is not None)
    fork = times[: closer.burn_block_height + 1] if closer else []
    assume(len(fork) >= 11)
    for other in others:
        fork.append(max(other, median_low(sorted(fork[-11:])) + 1))
        assert fork[-1] >= end


@given(bitcoin(), st.integers(-3 * 3600, 6 * 3600))
def test_no_older_burn_block_than_the_one_named_would_close_the_day(times: list[int], shift: int) -> None:
    newest_first = [burn(height, time) for height, time in enumerate(times)][::-1]
    closer = closing_block(newest_first, MIDNIGHT + shift)
    assume(closer is not None)
    closes = [row for at, row in enumerate(newest_first) if is_final(newest_first[at:], MIDNIGHT + shift)]
    assert closes[-1] is closer


@pytest.mark.parametrize("count", range(FINAL_DEPTH))
def test_fewer_than_six_burn_blocks_prove_nothing(count: int) -> None:
    assert not is_final([burn(9, MIDNIGHT)] * count, MIDNIGHT)
    assert not is_settled_below([burn(9, 0)] * count, MIDNIGHT)


@given(bitcoin(), st.integers(-1 * 3600, 6 * 3600))
def test_below_a_settled_place_no_burn_block_belongs_to_the_day(times: list[int], shift: int) -> None:
    """As long as not all of six miners in a row are behind real time: then the median is no help."""
    start = MIDNIGHT + shift
    honest = all(max(times[n : n + 6]) >= max(times[:n], default=0) - CLOCK_DRIFT for n in range(len(times) - 5))
    assume(honest)
    for oldest in range(len(times) - FINAL_DEPTH):
        known = [burn(height, time) for height, time in enumerate(times) if height >= oldest][::-1]
        if is_settled_below(known, start):
            assert all(time < start for time in times[:oldest])


def test_a_burn_block_exactly_at_midnight_belongs_to_the_new_day() -> None:
    assert is_final([burn(n, MIDNIGHT) for n in range(6)], MIDNIGHT)
    assert not is_final([burn(n, MIDNIGHT - (n == 3)) for n in range(6)], MIDNIGHT)


def test_burn_blocks_without_stacks_blocks_do_not_make_a_day_final_too_early() -> None:
    """Only listed blocks are seen. Six of them over more than eleven Bitcoin blocks say nothing of the median."""
    end = MIDNIGHT
    listed = [burn(height, end + 60) for height in (10, 13, 16, 19, 22, 25)][::-1]
    # The ten Bitcoin blocks between them may all have claimed a time before midnight: so may the next one.
    unseen = [end - 600 + n for n in range(10)]
    assert median_low(sorted(unseen[-7:] + [end + 60] * 4)) < end
    assert not is_final(listed, end)
