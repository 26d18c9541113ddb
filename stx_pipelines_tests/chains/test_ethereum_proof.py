"""Each way a day of Ethereum can be wrong is caught and names its blocks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stx_pipelines.chains.balance_proof import judge_zeros, oldest_balances, prove_balances, refuse_newest_state
from stx_pipelines.chains.days import window
from stx_pipelines.chains.errors import ProofError
from stx_pipelines.chains.ethereum import BalanceChange, Block, Header, balance_changes, balance_keys
from stx_pipelines.chains.ethereum_proof import ENOUGH, HASHED, NOBODY, judge_headers, prove_blocks

DAY = date(2026, 9, 2)
START, END = window(DAY)
ALICE, BOB = "0x" + "a1" * 20, "0x" + "b0" * 20


def make_block(number: int, timestamp: int, miner: str = ALICE) -> Block:
    return Block(number, f"0x{number:064x}", f"0x{number - 1:064x}", miner, timestamp, 0, 1, 7, 0, 500, "0x")


BEFORE, AFTER = make_block(99, START - 12), make_block(104, END)
BLOCKS = [
    make_block(100, START),
    make_block(101, START + 12, BOB),
    make_block(102, START + 12, BOB),
    make_block(103, END - 1),
]


def changes() -> list[BalanceChange]:
    balances = {key: 10**20 + key.number for key in balance_keys(BLOCKS)}
    return balance_changes(BLOCKS, balances)


def test_a_whole_day_is_proved() -> None:
    prove_blocks(BLOCKS, DAY, BEFORE, AFTER)


def test_an_open_day_has_nothing_above_it_yet() -> None:
    prove_blocks(BLOCKS[:2], DAY, BEFORE, None)


def test_the_chain_begins_at_block_0() -> None:
    genesis = make_block(0, START)
    prove_blocks([genesis], DAY, None, make_block(1, END))
    with pytest.raises(ProofError, match="the block before block 100 "):
        prove_blocks(BLOCKS, DAY, None, AFTER)


def test_a_day_without_blocks_lies_between_two_linked_ones() -> None:
    prove_blocks([], DAY, make_block(103, START - 1), AFTER)
    with pytest.raises(ProofError, match="block 99 is followed by block 104"):
        prove_blocks([], DAY, BEFORE, AFTER)


WRONG: dict[str, tuple[Callable[[list[Block]], object], str, set[int]]] = {
    "a gap": (lambda b: b.pop(1), "block 100 is followed by block 102", {100, 102}),
    "a repetition": (lambda b: b.insert(1, b[1]), "block 101 is followed by block 101", {101}),
    "a fork": (lambda b: b.__setitem__(1, b[1]._replace(hash="0x" + "f" * 64)), "102 does not name block 101",
               {101, 102}),
    "falling times": (lambda b: b.__setitem__(2, b[2]._replace(timestamp=START + 11)), "102 is older than block 101",
                      {101, 102}),
    "no first block": (lambda b: b.pop(0), "block 99 is followed by block 101", {99, 101}),
    "no last block": (lambda b: b.pop(), "block 102 is followed by block 104", {102, 104}),
    "the day before": (lambda b: b.insert(0, BEFORE), "block 99 is not of 2026-09-02", {99}),
    "the next day": (lambda b: b.append(AFTER), "block 104 is not of 2026-09-02", {104}),
    "another order": (lambda b: b.reverse(), "block 99 is followed by block 103", {99, 103}),
}  # fmt: skip


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_wrong_with_a_day_is_said_by_block_number(kind: str) -> None:
    spoil, sentence, heights = WRONG[kind]
    blocks = list(BLOCKS)
    spoil(blocks)
    with pytest.raises(ProofError, match=sentence) as caught:
        prove_blocks(blocks, DAY, BEFORE, AFTER)
    assert caught.value.heights == heights


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        (BEFORE._replace(timestamp=START), AFTER, "block 99 before .* is not older"),
        (BEFORE, AFTER._replace(timestamp=END - 1), "block 104 after .* is not newer"),
        (BEFORE._replace(hash="0x" + "f" * 64), AFTER, "block 100 does not name block 99"),
        (BEFORE, AFTER._replace(parent_hash="0x" + "f" * 64), "block 104 does not name block 103"),
    ],
)
def test_the_neighbours_must_fit(before: Block, after: Block, sentence: str) -> None:
    with pytest.raises(ProofError, match=sentence):
        prove_blocks(BLOCKS, DAY, before, after)


def test_sound_balances_are_proved_and_block_0_needs_none() -> None:
    prove_balances(changes(), BLOCKS)
    prove_balances([], [make_block(0, START)])


@given(st.integers(0, 3), st.sampled_from(["block_hash", "miner", "block_time", "balance_before", "balance_increase"]))
def test_a_changed_field_is_found(index: int, name: str) -> None:
    rows = changes()
    value = {"block_hash": "0x" + "f" * 64, "miner": "0x" + "c" * 40}.get(name, 1)
    rows[index] = rows[index]._replace(**{name: value})
    if name == "balance_increase" and changes()[index].balance_increase == 1:
        return
    with pytest.raises(ProofError, match=f"block {100 + index} ") as caught:
        prove_balances(rows, BLOCKS)
    assert caught.value.heights == {100 + index}


def test_a_balance_below_zero_cannot_be() -> None:
    rows = changes()
    rows[0] = rows[0]._replace(balance_before=-1, balance_increase=rows[0].balance_after + 1)
    with pytest.raises(ProofError, match="block 100 has a balance below zero"):
        prove_balances(rows, BLOCKS)


def test_what_one_block_leaves_the_next_of_the_same_miner_finds() -> None:
    rows = changes()
    rows[2] = rows[2]._replace(balance_before=5, balance_increase=rows[2].balance_after - 5)
    with pytest.raises(ProofError, match="but 5 Wei before block 102") as caught:
        prove_balances(rows, BLOCKS)
    assert caught.value.heights == {101, 102}


@pytest.mark.parametrize(
    ("spoil", "sentence", "heights"),
    [
        (lambda rows: rows.pop(2), "block 102 has no balances", {102}),
        (lambda rows: rows.append(rows[1]), "block 101 came twice or is of another day", {101}),
        (lambda rows: rows.append(rows[1]._replace(block_number=7)), "block 7 came twice or is of another day", {7}),
        (lambda rows: rows.clear(), r"block 100 has no balances \(and 3 more\)", {100, 101, 102, 103}),
        (lambda rows: rows.reverse(), "not in the order", {100, 101, 102, 103}),
    ],
)
def test_there_is_one_row_per_block(
    spoil: Callable[[list[BalanceChange]], object], sentence: str, heights: set[int]
) -> None:
    rows = changes()
    spoil(rows)
    with pytest.raises(ProofError, match=sentence) as caught:
        prove_balances(rows, BLOCKS)
    assert caught.value.heights == heights


def unchanged(count: int, miner: str = ALICE) -> list[BalanceChange]:
    return [BalanceChange(number, START, miner, 7, 7, 0, f"0x{number:064x}") for number in range(1, count + 1)]


def test_a_whole_day_without_a_changed_balance_is_refused() -> None:
    with pytest.raises(ProofError, match=f"none of the {ENOUGH} blocks changed .* set ETH_ZERO_INCREASES=allow") as no:
        judge_zeros(unchanged(ENOUGH), allowed=False)
    assert no.value.heights == set(range(1, ENOUGH + 1))
    one_recipient = [*unchanged(ENOUGH, NOBODY)[1:], *unchanged(1)]
    with pytest.raises(ProofError):
        judge_zeros(one_recipient, allowed=False)


def test_unchanged_balances_are_believed_of_few_blocks_of_nobody_and_where_it_is_allowed() -> None:
    assert judge_zeros([], allowed=False) == judge_zeros(unchanged(ENOUGH - 1), allowed=False) == ""
    changed = [*unchanged(ENOUGH), unchanged(1)[0]._replace(balance_after=6, balance_increase=-1)]
    assert judge_zeros(changed, allowed=False) == judge_zeros(changed, allowed=True) == ""
    assert "zero address" in judge_zeros(unchanged(ENOUGH, NOBODY), allowed=False)
    assert "ETH_ZERO_INCREASES=allow" in judge_zeros(unchanged(ENOUGH), allowed=True)


def moved(count: int, recipients: int) -> list[BalanceChange]:
    """Blocks whose recipients take turns; each makes its recipient richer by one Wei, but the last one's by none."""
    rows = []
    for number in range(1, count + 1):
        turn = number % (recipients + 1)
        after = number + (turn != recipients)
        rows.append(BalanceChange(number, START, f"0x{turn:040x}", number, after, after - number, f"0x{number:064x}"))
    return rows


def test_oldest_balances_are_those_of_recipients_whose_balance_changed() -> None:
    assert oldest_balances(moved(ENOUGH, 3)) == {f"0x{0:040x}": 4, f"0x{1:040x}": 1, f"0x{2:040x}": 2}
    assert oldest_balances(moved(ENOUGH - 1, 3)) == oldest_balances(moved(ENOUGH, 2)) == {}


def test_oldest_balances_that_are_all_the_newest_ones_are_refused() -> None:
    oldest = oldest_balances(moved(ENOUGH, 3))
    with pytest.raises(ProofError, match=r"each of the 3 fee recipients .* exactly the balance of the newest block"):
        refuse_newest_state(oldest, dict(oldest))
    refuse_newest_state(oldest, oldest | {f"0x{1:040x}": 2})
    refuse_newest_state({}, {})


def header(number: int, *, hashed: bool = True, unknown: tuple[str, ...] = (), wrong: bool = False) -> Header:
    block = make_block(number, START + number)
    return Header(block, block.hash if hashed else "0x" + "e" * 64, unknown, wrong)


def test_headers_are_hashed_or_linked_and_a_wrong_one_is_named() -> None:
    good = [header(number) for number in (0, 1, 2)]
    assert judge_headers(good, is_like_ethereum=False) == HASHED
    never = [header(number, hashed=False) for number in (1, 2)]
    assert "from block 1 on are linked, not hashed (this chain" in judge_headers(never, is_like_ethereum=False)
    assert judge_headers([good[0], *never], is_like_ethereum=False).startswith("headers from block 1 on are linked")
    for headers, like in ((never, True), ([*good, header(3, hashed=False)], False)):
        with pytest.raises(ProofError, match="its fields have the hash 0xeee") as caught:
            judge_headers(headers, is_like_ethereum=like)
        assert caught.value.heights <= {1, 3}
    future = [*good, header(3, hashed=False, unknown=("futureHash",))]
    assert judge_headers(future, is_like_ethereum=True).endswith(
        "block 3 on are linked, not hashed (unknown field futureHash)"
    )
    with pytest.raises(ProofError, match="block 1: its withdrawals do not have its withdrawals root"):
        judge_headers([header(1, wrong=True)], is_like_ethereum=False)
