"""The proof of a day of balances: each block has a row, the balances agree, and they are not of the newest state.

The functions do no I/O. They take rows and raise a `ProofError` that names the blocks. Account proofs are in
`account_proof`.
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
    """Raise `ProofError` unless each block except block 0 has exactly one correct row, in the order of the blocks."""
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
    """Return whether some of these rows name a fee recipient, but no row has a changed balance."""
    return any(change.miner != NOBODY for change in changes) and not any(change.balance_increase for change in changes)


def judge_zeros(changes: Sequence[BalanceChange], *, allowed: bool) -> str:
    """Return a remark about a day on which no balance changed; "" for any other day and for fewer than 100 blocks.

    A node that returns its newest state, or 0, for every block produces such a day, and no single response shows the
    fault. Raises `ProofError` for such a day, unless it is `allowed` or no block names a fee recipient.
    """
    if len(changes) < ENOUGH or any(change.balance_increase for change in changes):
        return ""
    if not looks_stateless(changes):
        return "every increase is zero, and the fee recipient of every block is the zero address"
    if allowed:
        return "every increase is zero, which ETH_ZERO_INCREASES=allow accepts"
    raise ProofError(
        f"none of the {len(changes)} blocks changed the balance of its fee recipient, as if the node answered old "
        "blocks with its newest state, or with 0; use an archive node; on a chain without fees, or whose fees do not "
        "go to the fee recipient, set ETH_ZERO_INCREASES=allow",
        {change.block_number for change in changes},
    )


def doubtful(changes: Sequence[BalanceChange]) -> list[BalanceChange]:
    """Return the changed balances of a day on which most balances are unchanged; an empty list for any other day.

    A node that returns its newest state for old blocks produces such a day, because that state sometimes changes
    between two responses. If these balances are requested again, such a node returns other values. A day with fewer
    than 100 blocks is not judged.
    """
    changed = [change for change in changes if change.balance_increase]
    return changed if len(changes) >= ENOUGH and 2 * len(changed) < len(changes) else []


def oldest_balances(changes: Sequence[BalanceChange]) -> dict[str, int]:
    """Return each fee recipient whose balance changed, with its balance in Wei before its first block of the day.

    Return an empty dict for fewer than 100 blocks or fewer than three such recipients, which are too few to judge.
    """
    moved = {change.miner for change in changes if change.balance_increase}
    if len(changes) < ENOUGH or len(moved) < _ENOUGH_RECIPIENTS:
        return {}
    return {change.miner: change.balance_before for change in reversed(changes) if change.miner in moved}


def refuse_newest_state(oldest: Mapping[str, int], newest: Mapping[str, int]) -> None:
    """Raise `ProofError` if `oldest` has fee recipients and each has the same balance in `oldest` and `newest`."""
    if oldest and oldest == newest:
        raise ProofError(
            f"each of the {len(oldest)} fee recipients whose balance changed had, before its first block of the day, "
            "exactly the balance of the newest block, so the node answers old blocks with its newest state; use an "
            "archive node"
        )


def prove_repeated(changes: Sequence[BalanceChange], balances: Mapping[BalanceKey, int]) -> None:
    """Raise `ProofError` unless `balances`, requested again, agree with the rows. Old balances never change."""
    for change in changes:
        for number, told in (
            (change.block_number - 1, change.balance_before),
            (change.block_number, change.balance_after),
        ):
            if (again := balances[BalanceKey(change.miner, number)]) != told:
                raise ProofError(
                    f"{change.miner} had {told} Wei after block {number}, but {again} Wei when requested again, so "
                    "the node answers old blocks with its newest state; use an archive node",
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
        return "has a row with the hash, fee recipient or time of another block"
    if min(change.balance_before, change.balance_after) < 0:
        return "has a balance below zero"
    if change.balance_after - change.balance_before != change.balance_increase:
        return "has an increase that is not the difference of its balances"
    return None
