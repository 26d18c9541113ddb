"""Parsers of an Ethereum node's blocks: `eth_getBlockByNumber` without the bodies of transactions.

A response of another shape is a `MalformedAnswer`, never a wrong row.
"""

from __future__ import annotations

import re

import msgspec

from stx_pipelines.chains.days import LAST_SECOND
from stx_pipelines.chains.errors import malformed
from stx_pipelines.chains.ethereum import HEX, LONGEST, WORD, Block, Header, hex_number
from stx_pipelines.chains.ethereum_header import (
    RpcBlock,
    RpcHeader,
    gwei_to,
    header_hash,
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
        computed = header_hash(of)
        found = _hashed_header(of, computed) or _read_header(raw, of, computed)
        if (found.is_hashed and not found.has_wrong_withdrawals) or is_plain(of):
            return found
        plain = with_plain_numbers(of)
        return found if plain == of else _read_header(raw, plain, header_hash(plain))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass  # the chain's headers may have other fields; the members that all chains have are enough
    try:
        if renamed := with_author_as_miner(raw):
            return parse_header(renamed)
        return Header(_read_block(_block(raw)), None, tuple(unknown_members(raw)))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise malformed("the response is not a block", error) from error


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


def _hashed_header(of: RpcHeader, computed: str | None) -> Header | None:
    """Return the header if its fields have its hash and its numbers fit into a table, otherwise None.

    The hash shows that all fields but `size` are hex digits, so their form is not checked again.
    """
    if computed is None or computed != of.hash:
        return None
    number, timestamp, gas_used = int(of.number, 16), int(of.timestamp, 16), int(of.gas_used, 16)
    fee, withdrawals = of.base_fee_per_gas, of.withdrawals
    base_fee = None if fee is None else int(fee, 16)
    if max(number, gas_used, base_fee or 0) >= LONGEST or timestamp >= LAST_SECOND:
        return None
    miner = of.miner.lower()
    fits = withdrawals is not None and root_of(withdrawals) == _lower(of.withdrawals_root)
    block = Block(
        number,
        computed,
        of.parent_hash.lower(),
        miner,
        timestamp,
        gas_used,
        _if_it_fits(int(of.gas_limit, 16)),
        base_fee,
        len(of.transactions),
        None if of.size is None else hex_number(of.size),
        of.extra_data.lower(),
        of.nonce.lower(),
        of.sha3_uncles.lower(),
        of.transactions_root.lower(),
        of.state_root.lower(),
        of.receipts_root.lower(),
        _if_it_fits(int(of.difficulty, 16)),
        of.mix_hash.lower(),
        _lower(of.withdrawals_root),
        None if of.blob_gas_used is None else _if_it_fits(int(of.blob_gas_used, 16)),
        None if of.excess_blob_gas is None else _if_it_fits(int(of.excess_blob_gas, 16)),
        _lower(of.parent_beacon_block_root),
        _lower(of.requests_hash),
        _if_it_fits(gwei_to(miner, withdrawals)) if fits and withdrawals is not None else None,
    )
    # On OP chains the list is empty and the root covers other data, so the withdrawals cannot be checked.
    return Header(block, computed, (), bool(withdrawals) and not fits)


def _read_header(raw: bytes | msgspec.Raw, of: RpcHeader, computed: str | None) -> Header:
    plain, withdrawals = _read_block(of), of.withdrawals
    fits = withdrawals is not None and root_of(withdrawals) == _lower(of.withdrawals_root)
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
        _if_it_fits(gwei_to(plain.miner, withdrawals)) if fits and withdrawals is not None else None,
    )
    if computed == plain.hash:
        # On OP chains the list is empty and the root covers other data, so the withdrawals cannot be checked.
        return Header(Block._make((*plain[:_FIRST_FIELDS], *later)), computed, (), bool(withdrawals) and not fits)
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
