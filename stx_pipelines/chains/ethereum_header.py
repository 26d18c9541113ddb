"""A block's header as nodes send it, and the hash that its fields give.

The fields of later forks come at the end; each needs those before it. Source: EIP-1559, 4895, 4844, 4788, 7685, 7928,
7843, and the yellow paper. Pure; rows and their meaning belong to `ethereum`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec

from stx_pipelines.chains.rlp import items, keccak, quantity, string
from stx_pipelines.chains.withdrawals import Withdrawal, withdrawals_root

Hash = Annotated[str, msgspec.Meta(pattern=r"\A0x[0-9a-fA-F]{64}\Z")]
Address = Annotated[str, msgspec.Meta(pattern=r"\A0x[0-9a-fA-F]{40}\Z")]
Data = Annotated[str, msgspec.Meta(pattern=r"\A0x(?:[0-9a-fA-F]{2})*\Z")]
_LONG = (66, 66, 66, 66, 66, 66, 18, 514)  # characters of six hashes, the nonce and the bloom filter


class RpcWithdrawal(msgspec.Struct, rename="camel", gc=False):
    """A withdrawal in the response of `eth_getBlockByNumber`."""

    index: str
    validator_index: str
    address: str
    amount: str


class RpcBlock(msgspec.Struct, rename="camel", gc=False, kw_only=True):
    """The members of a block that are read in every form of chain."""

    number: str
    hash: Hash
    parent_hash: Hash
    miner: Address
    timestamp: str
    gas_used: str
    gas_limit: str
    transactions: list[msgspec.Raw]
    size: str
    extra_data: Data
    base_fee_per_gas: str | None = None


class RpcHeader(RpcBlock, rename="camel", gc=False, kw_only=True):
    """A block with all members that its hash covers, as Ethereum has them.

    The form of the members that are only texts here is right where the header has its hash (`header_hash`).
    """

    nonce: str
    sha3_uncles: str
    transactions_root: str
    state_root: str
    receipts_root: str
    logs_bloom: str
    difficulty: str
    mix_hash: str
    withdrawals_root: str | None = None
    withdrawals: list[RpcWithdrawal] | None = None
    blob_gas_used: str | None = None
    excess_blob_gas: str | None = None
    parent_beacon_block_root: str | None = None
    requests_hash: str | None = None
    block_access_list_hash: str | None = None
    slot_number: str | None = None


_NOT_HASHED = {"hash", "size", "totalDifficulty", "uncles", "transactions", "withdrawals", "author", "sealFields"}
_KNOWN = _NOT_HASHED | set(RpcHeader.__struct_encode_fields__)


def header_hash(header: RpcHeader) -> str | None:
    """Return the Keccak-256 hash of the header's fields, as 0x and 64 digits; None for fields of another form."""
    try:
        # Each text of 32 bytes becomes an item of the list where its 0x becomes a0.
        fields = (
            f"{header.parent_hash}{header.sha3_uncles}94{header.miner[2:]}{header.state_root}"
            f"{header.transactions_root}{header.receipts_root}b90100{header.logs_bloom[2:]}"
            f"{_quantity(header.difficulty)}{_quantity(header.number)}{_quantity(header.gas_limit)}"
            f"{_quantity(header.gas_used)}{_quantity(header.timestamp)}{string(header.extra_data[2:].lower())}"
            f"{header.mix_hash}88{header.nonce[2:]}{_later_fields(header)}"
        ).replace("0x", "a0")
        return "0x" + keccak(bytes.fromhex(items(fields))).hex() if _has_right_lengths(header) else None
    except (ValueError, IndexError):
        return None


def _has_right_lengths(header: RpcHeader) -> bool:
    """Return whether no field is longer than it may be: the next one could be shorter, under the same hash."""
    for later in (header.withdrawals_root, header.parent_beacon_block_root, header.requests_hash):
        if later is not None and len(later) != _LONG[0]:
            return False
    return (
        len(header.parent_hash),
        len(header.sha3_uncles),
        len(header.state_root),
        len(header.transactions_root),
        len(header.receipts_root),
        len(header.mix_hash),
        len(header.nonce),
        len(header.logs_bloom),
    ) == _LONG


def _later_fields(header: RpcHeader) -> str:
    """Encode the fields that forks added, as far as the header has them."""
    fields = "" if header.base_fee_per_gas is None else _quantity(header.base_fee_per_gas)
    if header.withdrawals_root is not None:
        fields += header.withdrawals_root
    if header.blob_gas_used is not None:
        fields += _quantity(header.blob_gas_used)
    if header.excess_blob_gas is not None:
        fields += _quantity(header.excess_blob_gas)
    if header.parent_beacon_block_root is not None:
        fields += header.parent_beacon_block_root
    if header.requests_hash is not None:
        fields += header.requests_hash
    if header.block_access_list_hash is not None:
        fields += header.block_access_list_hash
    if header.slot_number is not None:
        fields += _quantity(header.slot_number)
    return fields


def _quantity(text: str) -> str:
    return quantity(text[2:])


def unknown_members(raw: bytes | msgspec.Raw) -> list[str]:
    """Name the members of a block that this version does not know: the hash may cover them."""
    return sorted(set(_members(raw)) - _KNOWN)


_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def root_of(withdrawals: Sequence[RpcWithdrawal]) -> str | None:
    """Return the withdrawals root of these withdrawals; None where they are no hex."""
    try:
        return withdrawals_root(
            [Withdrawal(w.index[2:], w.validator_index[2:], w.address[2:], w.amount[2:]) for w in withdrawals]
        )
    except (ValueError, IndexError):
        return None


def gwei_to(address: str, withdrawals: Sequence[RpcWithdrawal]) -> int:
    """Sum up what was withdrawn to an address in lower case, in Gwei. Raises `ValueError` for what is no hex."""
    return sum(int(w.amount, 16) for w in withdrawals if w.address.lower() == address)
