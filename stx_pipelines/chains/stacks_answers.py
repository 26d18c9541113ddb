"""Parsers of the Stacks API's responses. A response of another shape is a `MalformedAnswer`, never a wrong row.

The values are in `stacks`, the proofs in `stacks_proof`. The shapes are those of stacks-blockchain-api v9
(`/extended/v1`, `v2` and `v3`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from itertools import chain
from sys import intern
from typing import Annotated, TypeVar

import msgspec

from stx_pipelines.chains.days import window
from stx_pipelines.chains.errors import MalformedAnswer, malformed
from stx_pipelines.chains.stacks import (
    ANCHORED,
    MAX_TX_INDEX,
    NAKAMOTO_DAY,
    Block,
    BurnBlock,
    Cursor,
    Hash,
    Natural,
    Page,
    PageMovedError,
    Seconds,
    Tip,
    Tx,
    WindowPage,
)
from stx_pipelines.chains.stacks_payloads import (
    ADDRESSES,
    Call,
    Deployment,
    TransferV1,
    TransferV3,
    are_all,
    contract_of,
    refuse_unless_payloads,
)

_LikeHash = Annotated[str, msgspec.Meta(min_length=66, max_length=66)]  # `refuse_unless_hashes` checks the digits
_HASHES = re.compile(r"(?:0x[0-9a-f]{64})*")
_NUMBER = re.compile(r"[0-9]{1,18}")
_Fee = Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{1,19}\Z")]
_MOST_FEE = 2**63 - 1  # the tables' signed 64-bit columns
_WORDS = re.compile(r"(?:[a-z0-9_-]{1,64}\n)*")  # any type or status, also future ones


class _Status(msgspec.Struct):
    chain_tip: Tip


class _BurnBlocks(msgspec.Struct):
    results: list[BurnBlock]


class _Account(msgspec.Struct, gc=False):
    address: str
    nonce: Natural


class _V3Block(msgspec.Struct, gc=False):
    height: Natural
    hash: _LikeHash
    index_hash: _LikeHash
    time: Seconds | None
    tx_index: Natural


class _BitcoinBlock(msgspec.Struct, gc=False):
    height: Natural
    time: Seconds


class V3Tx(msgspec.Struct, gc=False):
    """A transaction in a list of v3."""

    tx_id: _LikeHash
    sender: _Account | None
    sponsor: _Account | None
    fee_rate: _Fee
    block: _V3Block
    bitcoin_block: _BitcoinBlock
    status: str
    type: str
    token_transfer: TransferV3 | None = None
    contract_call: Call | None = None
    smart_contract: Deployment | None = None


class V3Cursor(msgspec.Struct):
    """The cursors of a page of v3."""

    next: str | None


class _V3Page(msgspec.Struct):
    cursor: V3Cursor
    results: list[V3Tx]


class _V1Tx(msgspec.Struct, gc=False):
    tx_id: Hash
    nonce: Natural | None
    fee_rate: _Fee
    sender_address: str | None
    block_hash: Hash
    block_height: Natural
    block_time: Seconds | None
    burn_block_time: Seconds
    burn_block_height: Natural
    canonical: bool
    tx_index: Natural
    tx_status: str
    tx_type: str
    microblock_sequence: Natural
    sponsor_address: str | None = None
    sponsor_nonce: Natural | None = None
    token_transfer: TransferV1 | None = None
    contract_call: Call | None = None
    smart_contract: Deployment | None = None


class _V1Page(msgspec.Struct):
    total: Natural
    results: list[_V1Tx]


_T = TypeVar("_T")
_NAKAMOTO_START = window(NAKAMOTO_DAY)[0]


def decoder(shape: type[_T]) -> Callable[[bytes], _T]:
    """Return a function that decodes a response of this shape. It raises `MalformedAnswer`."""
    decode = msgspec.json.Decoder(shape).decode

    def parse(body: bytes) -> _T:
        try:
            return decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise malformed("the response is not what the API promises", error) from error

    return parse


parse_block = decoder(Block)
parse_burn_block = decoder(BurnBlock)
_status = decoder(_Status)
_burn_blocks = decoder(_BurnBlocks)
_v3_page = decoder(_V3Page)
_v1_page = decoder(_V1Page)


def parse_tip(body: bytes) -> Tip:
    """Return the chain tip from `/extended`."""
    return _status(body).chain_tip


def parse_burn_blocks(body: bytes) -> list[BurnBlock]:
    """Return a page of burn blocks, newest first. The page's `total` counts Stacks blocks and is ignored."""
    blocks = _burn_blocks(body).results
    heights = [block.burn_block_height for block in blocks]
    if any(newer <= older for newer, older in zip(heights, heights[1:], strict=False)):
        raise MalformedAnswer("the list of burn blocks is not in falling order of height")
    return blocks


def parse_cursor(text: str) -> Cursor:
    """Return `height:microblock_sequence:tx_index` as a cursor. Raises `MalformedAnswer`."""
    parts = text.split(":")
    if len(parts) != 3 or not all(_NUMBER.fullmatch(part) for part in parts):
        raise MalformedAnswer(f"{text[:100]!r} is not a cursor")
    return Cursor(*(int(part) for part in parts))


def parse_page(body: bytes, asked: Cursor) -> Page:
    """Return a page of `v3/transactions` requested at the cursor `asked`.

    Raises `MalformedAnswer` for an empty page, because callers request only pages that have transactions. Raises it
    also if the rows or the next cursor are not older than `asked`, because rows would then be lost or repeated. Raises
    `PageMovedError` for a page that does not start with the transaction of its cursor.
    """
    page = _v3_page(body)
    if not page.results:
        raise MalformedAnswer(f"the page at {asked} is empty though the chain has transactions there")
    blocks = [tx.block for tx in page.results]
    heights = [asked.height, *(block.height for block in blocks)]
    if any(newer < older for newer, older in zip(heights, heights[1:], strict=False)):
        raise MalformedAnswer(f"the page at {asked} is not in falling order of height")
    named_a_row = asked.tx_index != MAX_TX_INDEX
    if named_a_row and (blocks[0].height, blocks[0].tx_index) != (asked.height, asked.tx_index):
        raise PageMovedError(f"the page at {asked} starts with another transaction")
    following = parse_cursor(page.cursor.next) if page.cursor.next is not None else None
    if following is not None and (following >= asked or following.height > blocks[-1].height):
        raise MalformedAnswer(f"the page at {asked} names {following} as the next older one")
    return Page(v3_rows(page.results), following)


def v3_rows(transactions: Sequence[V3Tx]) -> list[Tx]:
    """Return the rows of a page of v3. Raises `MalformedAnswer`."""
    blocks = [tx.block for tx in transactions]
    refuse_unless_hashes([tx.tx_id for tx in transactions], {b.hash for b in blocks}, {b.index_hash for b in blocks})
    return sound([_v3_row(tx) for tx in transactions])


def refuse_unless_hashes(*names: Collection[str]) -> None:
    """Raise `MalformedAnswer` unless all hashes are hex. The decoder has checked their lengths.

    One check of all hashes of a page takes a tenth of the time.
    """
    if not _HASHES.fullmatch("".join(chain.from_iterable(names))):
        raise MalformedAnswer("the response is not what the API promises: hashes are 64 hexadecimal digits after 0x")


def sound(rows: list[Tx]) -> list[Tx]:
    """Return the rows. Raise `MalformedAnswer` for types, statuses and addresses that are not safe to show."""
    if not are_all(_WORDS, {row.tx_type for row in rows} | {row.tx_status for row in rows}):
        raise MalformedAnswer(
            "the response is not what the API promises: types and statuses are 1 to 64 of a to z, 0 to 9, _ and -"
        )
    addresses = {row.sender_address for row in rows} | {row.sponsor_address for row in rows}
    if not are_all(ADDRESSES, {address for address in addresses if address is not None}):
        raise MalformedAnswer("the response is not what the API promises: a sender or sponsor is not a Stacks address")
    if any(row.fee_ustx > _MOST_FEE for row in rows):
        raise MalformedAnswer(f"the response is not what the API promises: a fee is above {_MOST_FEE}")
    refuse_unless_payloads(rows)
    return rows


def _v3_row(tx: V3Tx) -> Tx:
    transfer, contract = tx.token_transfer, contract_of(tx)
    return Tx(
        tx_id=tx.tx_id,
        block_time=tx.block.time or None,  # 0 is no time
        block_height=tx.block.height,
        sender_address=intern(tx.sender.address) if tx.sender else None,
        fee_ustx=int(tx.fee_rate),
        tx_type=intern(tx.type),  # interned, texts that many rows have are in memory only once
        canonical=True,
        tx_status=intern(tx.status),
        burn_block_time=tx.bitcoin_block.time,
        burn_block_height=tx.bitcoin_block.height,
        # Only the cursor of a page names the microblock, and only of the page's first row.
        microblock_sequence=ANCHORED if tx.bitcoin_block.time >= _NAKAMOTO_START else None,
        tx_index=tx.block.tx_index,
        index_block_hash=intern(tx.block.index_hash),
        nonce=tx.sender.nonce if tx.sender else None,
        sponsor_address=tx.sponsor.address if tx.sponsor else None,
        contract_id=None if contract is None else intern(contract),
        function_name=intern(tx.contract_call.function_name) if tx.contract_call else None,
        recipient_address=transfer.recipient if transfer else None,
        amount_ustx=int(transfer.amount) if transfer else None,
        sponsor_nonce=tx.sponsor.nonce if tx.sponsor else None,
        memo=transfer.memo.hex if transfer and transfer.memo else None,
        block_hash=intern(tx.block.hash),
    )


def parse_window_page(body: bytes) -> WindowPage:
    """Return a page of `v1/tx` over a closed time window. v1 does not report the index block hash.

    Raises `MalformedAnswer` for an empty page, because callers request no page after the window's `total` rows.
    """
    page = _v1_page(body)
    if not page.results:
        raise MalformedAnswer("the page is empty though the chain has transactions there")
    return WindowPage(sound([_v1_row(tx) for tx in page.results]), page.total)


def _v1_row(tx: _V1Tx) -> Tx:
    transfer = tx.token_transfer
    return Tx(
        tx_id=tx.tx_id,
        block_time=tx.block_time or None,  # 0 is no time
        block_height=tx.block_height,
        sender_address=tx.sender_address,
        fee_ustx=int(tx.fee_rate),
        tx_type=tx.tx_type,
        canonical=tx.canonical,
        tx_status=tx.tx_status,
        burn_block_time=tx.burn_block_time,
        burn_block_height=tx.burn_block_height,
        microblock_sequence=tx.microblock_sequence,
        tx_index=tx.tx_index,
        index_block_hash=None,
        nonce=tx.nonce,
        sponsor_address=tx.sponsor_address,
        contract_id=contract_of(tx),
        function_name=tx.contract_call.function_name if tx.contract_call else None,
        recipient_address=transfer.recipient_address if transfer else None,
        amount_ustx=int(transfer.amount) if transfer else None,
        sponsor_nonce=tx.sponsor_nonce,
        memo=transfer.memo if transfer else None,
        block_hash=tx.block_hash,
    )
