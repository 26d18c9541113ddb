"""The proof of a burn block's transactions by the bytes of its Stacks blocks (its tenure).

Each block is named by its hash, commits to the ids of its transactions in their order, and names its parent. The proof
therefore does not depend on the word of the server. It does not show whether a transaction succeeded, and which Bitcoin
block a tenure belongs to.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from stx_pipelines.chains.errors import ProofError
from stx_pipelines.chains.stacks import Tx
from stx_pipelines.chains.stacks_block import RawBlock
from stx_pipelines.chains.stacks_hashes import EMPTY_ROOT, merkle_root
from stx_pipelines.chains.stacks_transaction import SignedTx


class Tenure(NamedTuple):
    """A proved tenure: its consensus hash, the id of the parent of its lowest block, and what was proved.

    `unread` says why the fields of some transactions were not compared; empty if all were. Their ids and order are
    proved in any case.
    """

    consensus_hash: str
    parent_id: str
    lowest_height: int
    blocks: int
    transactions: int
    unread: tuple[str, ...] = ()


class TenureFault(ProofError):
    """Rows that do not agree with the bytes of their blocks."""


def prove_tenure(blocks: Sequence[RawBlock], rows: Sequence[Tx], newest_id: str) -> Tenure:
    """Prove the rows of a burn block by the blocks of its tenure, newest first, and return the tenure.

    `rows` are in chain order and have index block hashes. `newest_id` is that of the newest block. Raises `TenureFault`
    if a block or a row differs. A field that a row lacks (None) is not compared.
    """
    by_height: defaultdict[int, list[Tx]] = defaultdict(list)
    for row in rows:
        by_height[row.block_height].append(row)
    burn_height = rows[0].burn_block_height
    expected = newest_id
    for block in blocks:
        if fault := _chain_fault(block, blocks[0], expected) or _fault(block, by_height.pop(block.height, [])):
            raise TenureFault(f"burn block {burn_height}: Stacks block {block.height} {fault}", {burn_height})
        expected = block.parent_id
    if by_height:
        missing = max(by_height)
        raise TenureFault(
            f"burn block {burn_height}: its transactions were read with Stacks block {missing}, but its tenure ends at "
            f"block {blocks[-1].height}",
            {burn_height},
        )
    return Tenure(
        blocks[0].consensus_hash,
        blocks[-1].parent_id,
        blocks[-1].height,
        len(blocks),
        len(rows),
        tuple(sorted({block.unread for block in blocks if block.unread})),
    )


def prove_links(tenures: Sequence[tuple[Tenure, str | None]], burn_heights: Sequence[int]) -> None:
    """Raise `TenureFault` unless each tenure follows the block below it, and no two have the same consensus hash.

    Each tenure comes with the id of the block below its lowest block in our rows; None if that is not known.
    """
    seen: dict[str, int] = {}
    for (tenure, below), height in zip(tenures, burn_heights, strict=True):
        if below is not None and tenure.parent_id != below:
            raise TenureFault(
                f"burn block {height}: the parent of Stacks block {tenure.lowest_height} is {tenure.parent_id}, but "
                f"block {tenure.lowest_height - 1} was read as {below}",
                {height},
            )
        if other := seen.get(tenure.consensus_hash):
            raise TenureFault(
                f"burn blocks {min(other, height)} and {max(other, height)} have the same consensus hash, so they are "
                "one tenure",
                {other, height},
            )
        seen[tenure.consensus_hash] = height


def _chain_fault(block: RawBlock, newest: RawBlock, expected: str) -> str | None:
    """Return how the block differs from the one that the block above, or the newest row, names; None if it fits."""
    if block.index_block_hash != expected:
        return f"has the id {block.index_block_hash} by its bytes, not {expected}"
    if block.consensus_hash != newest.consensus_hash:
        return f"is of another tenure than block {newest.height}"
    return None


def _fault(block: RawBlock, rows: Sequence[Tx]) -> str | None:
    """Return how the rows of a block differ from its bytes, as the end of a sentence; None if they agree."""
    for row in rows:
        if row.index_block_hash != block.index_block_hash:
            return f"was read with the id {row.index_block_hash}, but its bytes have {block.index_block_hash}"
        if row.block_time != block.timestamp:
            return f"was read with the time {row.block_time}, but its bytes have {block.timestamp}"
    signed = rows if _has_root(block, rows) else [row for row in rows if not _is_operation(row)]
    if not _has_root(block, signed):
        return _wrong_ids(block, [row.tx_id for row in rows])
    if block.unread is None and len(block.transactions) != len(signed):  # the number is not part of the hash
        return f"lists {len(block.transactions)} transactions, but its merkle root is of {len(signed)}"
    return _wrong_fields(block, signed) or _wrong_markers(block, signed)


def _has_root(block: RawBlock, rows: Sequence[Tx]) -> bool:
    """Return whether the merkle root is that of these rows. Repeated ids may have the same root as distinct ones."""
    ids = [bytes.fromhex(row.tx_id[2:]) for row in rows]
    return len(set(ids)) == len(ids) and merkle_root(ids) == block.tx_merkle_root


def _is_operation(row: Tx) -> bool:
    """Return whether the row may be an operation on Bitcoin. The API adds these to a block, but they are not in it."""
    return (row.nonce, row.fee_ustx, row.sponsor_address) == (0, 0, None) and row.tx_type in _OPERATIONS


def _wrong_ids(block: RawBlock, ids: Sequence[str]) -> str:
    of_block = [tx.tx_id for tx in block.transactions]
    if merkle_root([bytes.fromhex(tx_id[2:]) for tx_id in of_block]) == block.tx_merkle_root != EMPTY_ROOT:
        if missing := [tx_id for tx_id in of_block if tx_id not in set(ids)]:
            return f"has the transaction {missing[0]}, which was not read (of {len(missing)} such transactions)"
        if strange := [tx_id for tx_id in ids if tx_id not in set(of_block)]:
            return f"does not have the transaction {strange[0]}, which was read"
    return f"has other transactions than the {len(ids)} that were read, or another order, by its merkle root"


def _wrong_fields(block: RawBlock, rows: Sequence[Tx]) -> str | None:
    for signed, row in zip(block.transactions, rows, strict=False):  # empty if the transactions cannot be read
        for name, proved in zip(SignedTx._fields, signed, strict=True):
            told = getattr(row, name)
            if told != proved and not (told is None and name not in _NEVER_MISSING):
                return f"has the transaction {row.tx_id} with {name} {proved} by its bytes, but it was read as {told}"
    return None


_OPERATIONS = {"token_transfer", "contract_call"}
_NEVER_MISSING = {"tx_id", "sender_address", "fee_ustx", "tx_type", "sponsor_address"}


def _wrong_markers(block: RawBlock, rows: Sequence[Tx]) -> str | None:
    if block.markers is None:
        return None
    skipped = [at for at, row in enumerate(rows) if row.tx_status == "problematic_skipped"]
    if skipped != list(block.markers):
        return (
            f"marks the transactions at {list(block.markers)} as problematic, but those at {skipped} were read as "
            "problematic_skipped"
        )
    return None
