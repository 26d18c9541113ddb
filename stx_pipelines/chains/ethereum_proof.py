"""What proves a day of Ethereum: every block names the hash of the one before, so a gap or a fork shows.

Pure: rows in, a `ProofError` that names the blocks out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date
from itertools import pairwise

from stx_pipelines.chains.days import window
from stx_pipelines.chains.errors import ProofError
from stx_pipelines.chains.ethereum import BalanceChange, Block


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
