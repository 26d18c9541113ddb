"""Parsers of an Ethereum node's blocks: `eth_getBlockByNumber` without the bodies of transactions.

A response of another shape is a `MalformedAnswer`, never a wrong row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from stx_pipelines.chains.days import LAST_SECOND
from stx_pipelines.chains.errors import MalformedAnswer, malformed
from stx_pipelines.chains.ethereum import HEX, LONGEST, WORD, Block, Header, hex_number
from stx_pipelines.chains.ethereum_header import (
    RpcBlock,
    RpcHeader,
    columns_of,
    gwei_to,
    header_hash,
    header_hashes,
    is_plain,
    root_of,
    unknown_members,
    with_author_as_miner,
    with_plain_numbers,
)

_header = msgspec.json.Decoder(RpcHeader).decode
_block = msgspec.json.Decoder(RpcBlock).decode


def parse_block(raw: bytes | msgspec.Raw) -> Block:
    """Return the block in a response without the bodies of transactions. Raises `MalformedAnswer`."""
    return parse_header(raw).block


def parse_header(raw: bytes | msgspec.Raw) -> Header:
    """Return the block in a response without the bodies of transactions, with its header hashed.

    Raises `MalformedAnswer`.
    """
    try:
        of = _header(raw)
        found = _read_header(raw, of)
        if (found.is_hashed and not found.has_wrong_withdrawals) or is_plain(of):
            return found
        plain = with_plain_numbers(of)
        return found if plain == of else _read_header(raw, plain)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass  # the chain's headers may have other fields; the members that all chains have are enough
    try:
        if renamed := with_author_as_miner(raw):
            return parse_header(renamed)
        return Header(_read_block(_block(raw)), None, tuple(unknown_members(raw)))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise malformed("the response is not a block", error) from error


def usual_headers(blocks: Sequence[RpcHeader]) -> list[Header]:
    """Return these blocks with their headers hashed, as `parse_header` does, but several times faster.

    Raises `MalformedAnswer` unless all are usual blocks of one fork: only their hash and withdrawals need a check.
    """
    columns = columns_of(blocks)
    try:
        hashes = header_hashes(columns)
    except (ValueError, IndexError) as error:
        raise MalformedAnswer(f"headers cannot be hashed: {error}") from error
    if hashes != [block.hash for block in blocks]:
        raise MalformedAnswer("a header does not have its hash")
    # The hashes show that the fields are hex digits, so their form is not checked again.
    values = {name: _READERS.get(name, _lowered)(texts) for name, texts in columns.items()}
    values["hash"] = hashes
    values["transaction_count"] = [len(block.transactions) for block in blocks]
    values["size"] = [None if block.size is None else hex_number(block.size) for block in blocks]
    values["withdrawals_gwei"] = list(map(_withdrawn, blocks, values["miner"]))
    rows = map(Block._make, zip(*map(values.__getitem__, Block._fields), strict=True))
    return list(map(Header, rows, hashes))


def _withdrawn(of: RpcHeader, miner: str) -> int | None:
    """Return the withdrawals to the fee recipient in Gwei. Raises `MalformedAnswer` if they do not have their root."""
    if _has_their_root(of):
        return _gwei(of, miner)
    if of.withdrawals:
        raise MalformedAnswer("withdrawals do not have their root")
    return None


def _lowered(texts: Sequence[str | None]) -> Sequence[str | None]:
    return texts if texts[0] is None else [text.lower() for text in texts if text is not None]


def _numbers_below(limit: int) -> Callable[[Sequence[str | None]], Sequence[int | None]]:
    """Return a function that reads numbers of usual headers. It raises `MalformedAnswer` for a number from `limit` on.

    Either all texts of a column are None or none is.
    """

    def read(texts: Sequence[str | None]) -> Sequence[int | None]:
        numbers = [int(text, 16) for text in texts if text is not None]
        if max(numbers, default=0) >= limit:
            raise MalformedAnswer("a number is too large")
        return numbers or [None] * len(texts)

    return read


_integers = _numbers_below(LONGEST)
_READERS: dict[str, Callable[[Sequence[Any]], Sequence[Any]]] = {
    "number": _integers,
    "timestamp": _numbers_below(LAST_SECOND),
    "gas_used": _integers,
    "gas_limit": _integers,
    "base_fee_per_gas": _integers,
    "difficulty": _integers,
    "blob_gas_used": _integers,
    "excess_blob_gas": _integers,
}
"""The readers of the fields that are numbers in a row."""


def _has_their_root(of: RpcHeader) -> bool:
    return of.withdrawals is not None and root_of(of.withdrawals) == _lower(of.withdrawals_root)


def _gwei(of: RpcHeader, miner: str) -> int | None:
    return _if_it_fits(gwei_to(miner, of.withdrawals or ()))


def _read_block(of: RpcBlock) -> Block:
    fee = of.base_fee_per_gas
    return Block(
        number=hex_number(of.number),
        hash=of.hash.lower(),
        parent_hash=of.parent_hash.lower(),
        miner=of.miner.lower(),
        timestamp=hex_number(of.timestamp, LAST_SECOND),
        gas_used=hex_number(of.gas_used),
        gas_limit=_if_it_fits(hex_number(of.gas_limit, WORD)),
        base_fee_per_gas=None if fee is None else hex_number(fee),
        transaction_count=len(of.transactions),
        size=None if of.size is None else hex_number(of.size),
        extra_data=_lower(of.extra_data),
    )


def _read_header(raw: bytes | msgspec.Raw, of: RpcHeader) -> Header:
    plain, computed, fits = _read_block(_block(raw)), header_hash(of), _has_their_root(of)
    later = (
        of.nonce.lower(),
        of.sha3_uncles.lower(),
        of.transactions_root.lower(),
        of.state_root.lower(),
        of.receipts_root.lower(),
        _perhaps(of.difficulty),
        of.mix_hash.lower(),
        _lower(of.withdrawals_root),
        _perhaps(of.blob_gas_used),
        _perhaps(of.excess_blob_gas),
        _lower(of.parent_beacon_block_root),
        _lower(of.requests_hash),
        _gwei(of, plain.miner) if fits else None,
    )
    if computed == plain.hash:
        # On OP chains the list is empty and the root covers other data, so the withdrawals cannot be checked.
        return Header(Block._make((*plain[:_FIRST_FIELDS], *later)), computed, (), bool(of.withdrawals) and not fits)
    sound = [value if isinstance(value, int) or _is_hex(value) else None for value in later]
    return Header(Block._make((*plain[:_FIRST_FIELDS], *sound)), computed, tuple(unknown_members(raw)))


_FIRST_FIELDS = Block._fields.index("nonce")
_HASH_OR_NONCE = re.compile(r"0x(?:[0-9a-f]{64}|[0-9a-f]{16})")


def _is_hex(text: str | None) -> bool:
    return text is not None and _HASH_OR_NONCE.fullmatch(text) is not None


def _lower(text: str | None) -> str | None:
    return None if text is None else text.lower()


def _perhaps(text: str | None) -> int | None:
    """Return the number in a text; None if it is missing, is not a number or does not fit into a table."""
    return None if text is None or not HEX.fullmatch(text) else _if_it_fits(int(text, 16))


def _if_it_fits(number: int) -> int | None:
    return number if number < LONGEST else None
