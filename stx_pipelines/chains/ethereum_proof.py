"""What proves a day of Ethereum: every block names the hash of the one before, so a gap or a fork shows.

Pure: rows in, a `ProofError` that names the blocks out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from itertools import pairwise

from stx_pipelines.chains.days import window
from stx_pipelines.chains.errors import ProofError
from stx_pipelines.chains.ethereum import BalanceChange, BalanceKey, Block

ENOUGH = 100
"""Blocks of a day; what fewer have in common says nothing."""

NOBODY = "0x" + "0" * 40
"""The zero address: the fee recipient of chains that name none."""


def prove_blocks(blocks: Sequence[Block], day: date, before: Block | None, after: Block | None) -> None:
    """Raise `ProofError` unless these are all blocks of the day, each linked to the one under it.

    `before` is the block under the first (None only where the chain begins, at block 0), `after` the one above the
    last (None while the day is open): with both, the day has no other block.
    """
    start, end = window(day)
    for block in blocks:
        if not start <= block.timestamp < end:
            raise ProofError(f"block {block.number} is not of {day}: its time is {block.timestamp}", {block.number})
    if before is not None and before.timestamp >= start:
        raise ProofError(f"block {before.number} below those of {day} is not older than the day", {before.number})
    if after is not None and after.timestamp < end:
        raise ProofError(f"block {after.number} above those of {day} is not younger than the day", {after.number})
    _prove_linked([*([before] if before else []), *blocks, *([after] if after else [])])
    lowest = next(iter([*blocks, *([after] if after else [])]), None)
    if before is None and lowest is not None and lowest.number != 0:
        raise ProofError(f"what lies below block {lowest.number} of {day} was not read", {lowest.number})


def _prove_linked(blocks: Iterable[Block]) -> None:
    for lower, upper in pairwise(blocks):
        both = {lower.number, upper.number}
        if upper.number != lower.number + 1:
            raise ProofError(f"block {lower.number} is followed by block {upper.number}", both)
        if upper.parent_hash != lower.hash:
            raise ProofError(f"block {upper.number} does not name block {lower.number} as its parent", both)
        if upper.timestamp < lower.timestamp:
            raise ProofError(f"block {upper.number} is older than block {lower.number}", both)


def prove_balances(changes: Sequence[BalanceChange], blocks: Sequence[Block]) -> None:
    """Raise `ProofError` unless there is exactly one sound row per block (but block 0), in the blocks' order."""
    expected = [block for block in blocks if block.number > 0]
    if [change.block_number for change in changes] != [block.number for block in expected]:
        _name_the_difference(changes, expected)
    for change, block in zip(changes, expected, strict=True):
        if fault := _fault(change, block):
            raise ProofError(f"block {block.number} {fault}", {block.number})
    for lower, upper in pairwise(changes):
        follows = upper.block_number == lower.block_number + 1 and upper.miner == lower.miner
        if follows and upper.balance_before != lower.balance_after:
            raise ProofError(
                f"{lower.miner} has {lower.balance_after} Wei after block {lower.block_number}, "
                f"but {upper.balance_before} Wei before block {upper.block_number}",
                {lower.block_number, upper.block_number},
            )


def looks_stateless(changes: Sequence[BalanceChange]) -> bool:
    """Whether some of these rows name a fee recipient, and none says that a balance changed."""
    return any(change.miner != NOBODY for change in changes) and not any(change.balance_increase for change in changes)


def judge_zeros(changes: Sequence[BalanceChange], *, allowed: bool) -> str:
    """What has to be said of a day on which no balance changed; empty for any other day, and for a few blocks.

    A node that answers every block with its newest state, or with 0, looks like that, and nothing else in the answers
    tells: so it is a `ProofError`, unless the user has `allowed` it or no block names a fee recipient.
    """
    if len(changes) < ENOUGH or any(change.balance_increase for change in changes):
        return ""
    if not looks_stateless(changes):
        return "every increase is zero, and the fee recipient of every block is the zero address"
    if allowed:
        return "every increase is zero, which ETH_ZERO_INCREASES=allow accepts"
    raise ProofError(
        f"none of the {len(changes)} blocks changed the balance of its fee recipient: that is what a node gives that "
        "answers old blocks with its newest state, or with 0; use an archive node, or, where fees do not go to the fee "
        "recipient or there are none, set ETH_ZERO_INCREASES=allow",
        {change.block_number for change in changes},
    )


def doubtful(changes: Sequence[BalanceChange]) -> list[BalanceChange]:
    """The changed balances of a day that has mostly unchanged ones; none of any other day, and of a few blocks.

    A node that answers with its newest state gives them where that state moved between two answers: asked for once
    more, they are not the same.
    """
    changed = [change for change in changes if change.balance_increase]
    return changed if len(changes) >= ENOUGH and 2 * len(changed) < len(changes) else []


def prove_repeated(changes: Sequence[BalanceChange], balances: Mapping[BalanceKey, int]) -> None:
    """Raise `ProofError` unless these balances, asked for once more, are the same: an old block's never change."""
    for change in changes:
        for number, told in (
            (change.block_number - 1, change.balance_before),
            (change.block_number, change.balance_after),
        ):
            if (again := balances[BalanceKey(change.miner, number)]) != told:
                raise ProofError(
                    f"{change.miner} had {told} Wei after block {number}, and {again} Wei when asked once more: the "
                    "node answers old blocks with its newest state; use an archive node",
                    {change.block_number},
                )


def _name_the_difference(changes: Sequence[BalanceChange], blocks: Sequence[Block]) -> None:
    rows = Counter(change.block_number for change in changes)
    known = Counter(block.number for block in blocks)
    for wrong, words in ((known - rows, "has no balances"), (rows - known, "came twice or is of another day")):
        if wrong:
            more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
            raise ProofError(f"block {min(wrong)} {words}{more}", wrong)
    raise ProofError("the balances are not in the order of their blocks", known)


def _fault(change: BalanceChange, block: Block) -> str | None:
    if (change.block_hash, change.miner, change.block_time) != (block.hash, block.miner, block.timestamp):
        return "has balances of another version of itself"
    if min(change.balance_before, change.balance_after) < 0:
        return "has a balance below zero"
    if change.balance_after - change.balance_before != change.balance_increase:
        return "has an increase that is not the difference of its balances"
    return None
