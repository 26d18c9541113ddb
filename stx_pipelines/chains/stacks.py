"""The values of the Stacks API: one typed row per transaction, and the blocks that prove it.

Parsers are in `stacks_answers`, proofs in `stacks_proof`.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, NamedTuple

import msgspec

from stx_pipelines.chains.days import LAST_SECOND

NAKAMOTO_DAY = date(2024, 10, 29)
"""The first UTC day without microblocks. From then on, a block's transactions are numbered 0..n-1 without a gap."""

ANCHORED = 2_147_483_647
"""The `microblock_sequence` of a transaction that is in the anchored block itself."""

MAX_TX_INDEX = 32_767
"""The largest `tx_index` of a cursor. The API responds to a larger one with HTTP 500 and code 22003."""

PAGE_SIZE = 50
"""The most transactions one page may hold."""

LIST_SIZE = 30
"""The most burn blocks one page of `v2/burn-blocks` may hold."""


class PageMovedError(Exception):
    """The page does not start at its cursor, because of a reorg or because it is the page of another cursor."""


class Tx(msgspec.Struct, frozen=True, gc=False):
    """One transaction as the day file keeps it. Times are unix seconds, `fee_ustx` is the whole fee.

    The garbage collector does not track rows, because it would scan all rows of a day repeatedly.
    """

    tx_id: str
    block_time: int | None
    block_height: int
    sender_address: str | None
    fee_ustx: int
    tx_type: str
    canonical: bool
    tx_status: str
    burn_block_time: int
    burn_block_height: int
    microblock_sequence: int | None
    tx_index: int
    index_block_hash: str | None
    nonce: int | None
    sponsor_address: str | None
    contract_id: str | None = None
    function_name: str | None = None
    recipient_address: str | None = None
    amount_ustx: int | None = None
    sponsor_nonce: int | None = None
    memo: str | None = None
    block_hash: str | None = None
    """The Stacks block's own hash, which its burn block lists. It is not stored."""


class Cursor(NamedTuple):
    """A place in the list of all transactions, newest first. A page starts at its cursor."""

    height: int
    microblock_sequence: int
    tx_index: int

    def __str__(self) -> str:
        return f"{self.height}:{self.microblock_sequence}:{self.tx_index}"

    @classmethod
    def top_of(cls, height: int) -> Cursor:
        """Return the cursor of the newest transaction of the block at `height`."""
        return cls(height, ANCHORED, MAX_TX_INDEX)


class Page(NamedTuple):
    """Transactions, newest first, and the cursor of the next older page (None at the chain's beginning)."""

    rows: list[Tx]
    next: Cursor | None


class WindowPage(NamedTuple):
    """A page of v1: rows of a closed time window, oldest first, and the number of rows in the whole window."""

    rows: list[Tx]
    total: int


Natural = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""An integer that fits the tables' signed 64-bit columns."""

Seconds = Annotated[int, msgspec.Meta(ge=0, le=LAST_SECOND)]
"""Unix seconds."""

Hash = Annotated[str, msgspec.Meta(pattern=r"\A0x[0-9a-f]{64}\Z")]


class Block(msgspec.Struct, frozen=True):
    """A Stacks block, from `v2/blocks`."""

    height: Natural
    hash: Hash
    index_block_hash: Hash
    parent_index_block_hash: Hash
    block_time: Seconds
    burn_block_time: Seconds
    burn_block_height: Natural
    tx_count: Natural


class BurnBlock(msgspec.Struct, frozen=True):
    """A burn (Bitcoin) block that anchors Stacks blocks, from `v2/burn-blocks`.

    `stacks_blocks` are block hashes, newest first. `total_tx_count` counts their transactions of every status.
    """

    burn_block_time: Seconds
    burn_block_hash: Hash
    burn_block_height: Natural
    stacks_blocks: tuple[Hash, ...]
    total_tx_count: Natural


class Tip(msgspec.Struct, frozen=True):
    """The newest Stacks block the API knows."""

    block_height: Natural
    block_hash: Hash
    index_block_hash: Hash
    burn_block_height: Natural
