"""The proof of a day of Ethereum blocks: each block contains the previous block's hash, and its own hash is correct.

The functions do no I/O. They take rows and raise a `ProofError` that names the blocks. Balances are proved in
`balance_proof`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from itertools import pairwise

from stx_pipelines.chains.days import window
from stx_pipelines.chains.errors import ProofError
from stx_pipelines.chains.ethereum import Block, Header

ENOUGH = 100
"""The number of blocks from which a day can be judged as a whole."""

NOBODY = "0x" + "0" * 40
"""The zero address, which is the fee recipient in blocks of chains without fee recipients."""

HASHED = "every header's fields have its hash"
"""The remark in the certificate of a day whose headers were all hashed."""


def prove_blocks(blocks: Sequence[Block], day: date, before: Block | None, after: Block | None) -> None:
    """Raise `ProofError` unless these are all blocks of the day, each linked to the block before it.

    `before` is the block before the first one; it may be None only if the first one is block 0. `after` is the block
    after the last one; None while the day is open. These two blocks show that the day has no other blocks.
    """
    start, end = window(day)
    for block in blocks:
        if not start <= block.timestamp < end:
            raise ProofError(f"block {block.number} is not of {day}: its time is {block.timestamp}", {block.number})
    if before is not None and before.timestamp >= start:
        raise ProofError(f"block {before.number} before the blocks of {day} is not older than the day", {before.number})
    if after is not None and after.timestamp < end:
        raise ProofError(f"block {after.number} after the blocks of {day} is not newer than the day", {after.number})
    _prove_linked([*([before] if before else []), *blocks, *([after] if after else [])])
    lowest = next(iter([*blocks, *([after] if after else [])]), None)
    if before is None and lowest is not None and lowest.number != 0:
        raise ProofError(f"the block before block {lowest.number} of {day} was not read", {lowest.number})


def _prove_linked(blocks: Iterable[Block]) -> None:
    for lower, upper in pairwise(blocks):
        both = {lower.number, upper.number}
        if upper.number != lower.number + 1:
            raise ProofError(f"block {lower.number} is followed by block {upper.number}", both)
        if upper.parent_hash != lower.hash:
            raise ProofError(f"block {upper.number} does not name block {lower.number} as its parent", both)
        if upper.timestamp < lower.timestamp:
            raise ProofError(f"block {upper.number} is older than block {lower.number}", both)


def judge_headers(headers: Sequence[Header], *, is_like_ethereum: bool) -> str:
    """Return `HASHED` if all headers have the hash of their fields, otherwise a remark why some are only linked.

    Raises `ProofError` if a header has a wrong hash, or withdrawals that do not match its withdrawals root. Some
    headers cannot be hashed and may be only linked: headers with unknown members, block 0, and all headers of a chain
    of which no header was ever hashed. `is_like_ethereum` is true if a header was hashed on another day.
    """
    # Block 0 does not count, because chains that hash other fields may still hash block 0 like Ethereum.
    is_like_ethereum |= any(header.is_hashed for header in headers if header.block.number)
    linked = [header for header in headers if not header.is_hashed]
    for header in linked:
        if is_like_ethereum and header.block.number and not header.unknown:
            raise ProofError(_of_another_hash(header), {header.block.number})
    for header in headers:
        if header.is_hashed and header.has_wrong_withdrawals:
            number = header.block.number
            raise ProofError(f"block {number}: its withdrawals do not have its withdrawals root", {number})
    if not linked:
        return HASHED
    unknown = next((header.unknown for header in linked if header.unknown), ())
    why = f"unknown field {unknown[0]}" if unknown else "this chain hashes other fields than Ethereum"
    return f"headers from block {linked[0].block.number} on are linked, not hashed ({why})"


def _of_another_hash(header: Header) -> str:
    number, told = header.block.number, header.block.hash
    if header.computed is None:
        return f"block {number}: its header lacks a field, or has one of another form; its hash is {told}"
    return f"block {number}: its fields have the hash {header.computed}, but its hash is {told}, so a field is wrong"
