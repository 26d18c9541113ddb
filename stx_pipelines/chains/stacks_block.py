"""Raw Stacks blocks: their headers, the hashes that name them, and their transactions. Source: SIP-021, SIP-005.

The hash of a block covers its header without the signers' signatures, and the header has the merkle root of the
transactions. The id of a block (its index block hash) is the hash of the block hash and the consensus hash.
"""

from __future__ import annotations

from struct import Struct, error
from typing import NamedTuple

from stx_pipelines.chains.stacks_hashes import digest
from stx_pipelines.chains.stacks_transaction import CannotBeRead, CutShort, SignedTx, read_transaction

NEWEST_VERSION = 1
"""The newest version of block headers that can be read."""

_SHADOW = 0x80  # set in the version of a block that was added without signatures
_HEADER = Struct(">BQQ20s32s32s32sQ")
_SIGNATURE = 65
_COUNT = Struct(">I")
_BITS = Struct(">HI")
_MARKER = Struct(">IB")
_MOST_SIGNERS = 4_000
_MOST_BITS = 4_000
_MOST_TRANSACTIONS = 65_536
_HEIGHT, _TO_CONSENSUS_HASH = Struct(">Q"), 16


class RawBlock(NamedTuple):
    """A block from its bytes. Hashes are 0x and lower-case hex digits, the time is in unix seconds.

    `parent_id` and `index_block_hash` are ids of blocks. `markers` are the indices of transactions that the block
    marks as problematic; None if the header's version has no markers. `transactions` is empty if `unread` says why they
    cannot be read.
    """

    version: int
    height: int
    timestamp: int
    consensus_hash: str
    parent_id: str
    block_hash: str
    index_block_hash: str
    tx_merkle_root: bytes
    markers: tuple[int, ...] | None
    tx_count: int
    transactions: tuple[SignedTx, ...] = ()
    unread: str | None = None


class Split(NamedTuple):
    """The whole blocks at the beginning of some bytes, newest first, and the number of bytes after them."""

    blocks: list[RawBlock]
    left_over: int


def split_blocks(raw: bytes) -> Split:
    """Return the blocks in the bytes of a tenure.

    Raises `CannotBeRead` if the first block has an unknown version, and `CutShort` if it is not whole.
    """
    blocks: list[RawBlock] = []
    at = 0
    while at < len(raw):
        try:
            header, after_header = _read_header(raw, at)
            block, end = _with_transactions(raw, header, after_header)
        except CannotBeRead:
            if not blocks:
                raise
            break
        blocks.append(block)
        at = end
    return Split(blocks, len(raw) - at)


def _read_header(raw: bytes, at: int) -> tuple[RawBlock, int]:
    """Return the block without its transactions, and the position of the first transaction."""
    version = raw[at]
    if version & ~_SHADOW > NEWEST_VERSION:
        raise CannotBeRead(f"the block header has version {version & ~_SHADOW}")
    try:
        return _read_known_header(raw, at)
    except (IndexError, error) as cut:
        raise CutShort("a block header ends too early") from cut


def _read_known_header(raw: bytes, start: int) -> tuple[RawBlock, int]:
    version, height, _, consensus_hash, parent, root, _, timestamp = _HEADER.unpack_from(raw, start)
    signers = start + _HEADER.size + _SIGNATURE
    after_signers = signers + _COUNT.size + _SIGNATURE * _count(raw, signers, _MOST_SIGNERS)
    bits, size = _BITS.unpack_from(raw, after_signers)
    if bits > _MOST_BITS or size != (bits + 7) // 8:
        raise CannotBeRead(f"a block header has {bits} bits in {size} bytes")
    at = after_signers + _BITS.size + size
    markers = None
    if version & ~_SHADOW:
        count = _count(raw, at, _MOST_TRANSACTIONS)
        at += _COUNT.size
        markers = tuple(_MARKER.unpack_from(raw, at + number * _MARKER.size)[0] for number in range(count))
        at += count * _MARKER.size
    tx_count = _count(raw, at, _MOST_TRANSACTIONS)
    block_hash = digest(raw[start:signers] + raw[after_signers:at])
    block = RawBlock(
        version,
        height,
        timestamp,
        "0x" + consensus_hash.hex(),
        "0x" + parent.hex(),
        "0x" + block_hash.hex(),
        "0x" + digest(block_hash + consensus_hash).hex(),
        root,
        markers,
        tx_count,
    )
    return block, at + _COUNT.size


def _count(raw: bytes, at: int, most: int) -> int:
    [count] = _COUNT.unpack_from(raw, at)
    if count > most:
        raise CannotBeRead(f"a block has a list of {count:,} items, which is more than {most:,}")
    return int(count)


def _with_transactions(raw: bytes, block: RawBlock, at: int) -> tuple[RawBlock, int]:
    """Return the block with its transactions, and the position after them.

    If the transactions cannot be read, the position is that of the block's parent, or the end of the bytes. Raises
    `CutShort` if the bytes end inside a transaction and the parent is not among them.
    """
    found: list[SignedTx] = []
    end = at
    try:
        for _ in range(block.tx_count):
            tx, end = read_transaction(raw, end)
            found.append(tx)
    except CannotBeRead as reason:
        parent = _find_parent(raw, block, at)
        if parent is None and isinstance(reason, CutShort):
            raise
        return block._replace(unread=str(reason)), len(raw) if parent is None else parent
    return block._replace(transactions=tuple(found)), end


def _find_parent(raw: bytes, block: RawBlock, at: int) -> int | None:
    """Return the position of the block's parent, which has the height below and the same consensus hash, or None."""
    height = _HEIGHT.pack(max(0, block.height - 1))
    consensus_hash = bytes.fromhex(block.consensus_hash[2:])
    while (at := raw.find(height, at)) >= 0:
        if raw.startswith(consensus_hash, at + _TO_CONSENSUS_HASH) and _is_parent(raw, at - 1, block):
            return at - 1
        at += 1
    return None


def _is_parent(raw: bytes, at: int, block: RawBlock) -> bool:
    try:
        parent, _ = _read_header(raw, at)
    except CannotBeRead:
        return False
    return parent.index_block_hash == block.parent_id
