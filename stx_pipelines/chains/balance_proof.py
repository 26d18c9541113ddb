"""The proof of a day of balances: a row for each block, sums that agree, and no sign of a node without old states.

Pure: rows in, a `ProofError` that names the blocks out. Account proofs: `account_proof`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise

from stx_pipelines.chains.errors import ProofError
from stx_pipelines.chains.ethereum import BalanceChange, BalanceKey, Block
from stx_pipelines.chains.ethereum_proof import ENOUGH, NOBODY

_ENOUGH_RECIPIENTS = 3


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
    """Return whether some of these rows name a fee recipient, and none has a changed balance."""
    return any(change.miner != NOBODY for change in changes) and not any(change.balance_increase for change in changes)


def judge_zeros(changes: Sequence[BalanceChange], *, allowed: bool) -> str:
    """Return a remark about a day on which no balance changed; empty for any other day, and for a few blocks.

    A node that answers every block with its newest state, or with 0, gives such a day, and no single response shows
    it: the day is a `ProofError`, unless the user has `allowed` it or no block names a fee recipient.
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
    """List the changed balances of a day that has mostly unchanged ones; none of any other day, and of a few blocks.

    A node that answers with its newest state gives them where that state moved between two responses. Requested once
    more, they are not the same.
    """
    changed = [change for change in changes if change.balance_increase]
    return changed if len(changes) >= ENOUGH and 2 * len(changed) < len(changes) else []


def oldest_balances(changes: Sequence[BalanceChange]) -> dict[str, int]:
    """Return the first balance of the day of each fee recipient that a block made richer or poorer.

    Empty for few blocks, and for fewer than three recipients: nothing follows from so few.
    """
    moved = {change.miner for change in changes if change.balance_increase}
    if len(changes) < ENOUGH or len(moved) < _ENOUGH_RECIPIENTS:
        return {}
    return {change.miner: change.balance_before for change in reversed(changes) if change.miner in moved}


def refuse_newest_state(oldest: Mapping[str, int], newest: Mapping[str, int]) -> None:
    """Raise `ProofError` where every recipient had, before the day's blocks, just what it has at the newest block."""
    if oldest and oldest == newest:
        raise ProofError(
            f"each of the {len(oldest)} fee recipients whose balance changed had before its first block of the day "
            "exactly the balance of the newest block: the node answers old blocks with its newest state; use an "
            "archive node"
        )


def prove_repeated(changes: Sequence[BalanceChange], balances: Mapping[BalanceKey, int]) -> None:
    """Raise `ProofError` unless these balances, requested once more, are the same: an old block's never change."""
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
