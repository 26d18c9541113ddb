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

Hash = Annotated[str, msgspec.Meta(pattern=r"\A0[xX][0-9a-fA-F]{64}\Z")]
Address = Annotated[str, msgspec.Meta(pattern=r"\A0[xX][0-9a-fA-F]{40}\Z")]
Data = Annotated[str, msgspec.Meta(pattern=r"\A0[xX](?:[0-9a-fA-F]{2})*\Z")]
_Nonce = Annotated[str, msgspec.Meta(pattern=r"\A0[xX][0-9a-fA-F]{16}\Z")]
_BLOOM = 514  # characters


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
    size: str | None = None
    extra_data: Data | None = None
    base_fee_per_gas: str | None = None


class RpcHeader(RpcBlock, rename="camel", gc=False, kw_only=True):
    """A block with all members that its hash covers, as Ethereum has them."""

    extra_data: Data
    nonce: _Nonce
    sha3_uncles: Hash
    transactions_root: Hash
    state_root: Hash
    receipts_root: Hash
    logs_bloom: str
    difficulty: str
    mix_hash: Hash
    withdrawals_root: Hash | None = None
    withdrawals: list[RpcWithdrawal] | None = None
    blob_gas_used: str | None = None
    excess_blob_gas: str | None = None
    parent_beacon_block_root: Hash | None = None
    requests_hash: Hash | None = None
    block_access_list_hash: Hash | None = None
    slot_number: str | None = None


_NOT_HASHED = {"hash", "size", "totalDifficulty", "uncles", "transactions", "withdrawals", "author", "sealFields"}
_KNOWN = _NOT_HASHED | set(RpcHeader.__struct_encode_fields__)


def header_hash(header: RpcHeader) -> str | None:
    """Return the Keccak-256 hash of the header's fields, as 0x and 64 digits; None for fields that are no hex."""
    try:
        fields = (
            f"a0{header.parent_hash[2:]}a0{header.sha3_uncles[2:]}94{header.miner[2:]}a0{header.state_root[2:]}"
            f"a0{header.transactions_root[2:]}a0{header.receipts_root[2:]}b90100{header.logs_bloom[2:]}"
            f"{_quantity(header.difficulty)}{_quantity(header.number)}{_quantity(header.gas_limit)}"
            f"{_quantity(header.gas_used)}{_quantity(header.timestamp)}{string(header.extra_data[2:].lower())}"
            f"a0{header.mix_hash[2:]}88{header.nonce[2:]}{_later_fields(header)}"
        )
        return "0x" + keccak(bytes.fromhex(items(fields))).hex() if len(header.logs_bloom) == _BLOOM else None
    except (ValueError, IndexError):
        return None


def _later_fields(header: RpcHeader) -> str:
    """Encode the fields that forks added, as far as the header has them."""
    fields = "" if header.base_fee_per_gas is None else _quantity(header.base_fee_per_gas)
    if header.withdrawals_root is not None:
        fields += f"a0{header.withdrawals_root[2:]}"
    if header.blob_gas_used is not None:
        fields += _quantity(header.blob_gas_used)
    if header.excess_blob_gas is not None:
        fields += _quantity(header.excess_blob_gas)
    if header.parent_beacon_block_root is not None:
        fields += f"a0{header.parent_beacon_block_root[2:]}"
    if header.requests_hash is not None:
        fields += f"a0{header.requests_hash[2:]}"
    if header.block_access_list_hash is not None:
        fields += f"a0{header.block_access_list_hash[2:]}"
    if header.slot_number is not None:
        fields += _quantity(header.slot_number)
    return fields


def _quantity(text: str) -> str:
    return quantity(int(text, 16))


def unknown_members(raw: bytes | msgspec.Raw) -> list[str]:
    """Name the members of a block that this version does not know: the hash may cover them."""
    return sorted(set(_members(raw)) - _KNOWN)


_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def root_of(withdrawals: Sequence[RpcWithdrawal]) -> str | None:
    """Return the withdrawals root of these withdrawals; None where they are no hex."""
    try:
        return withdrawals_root(
            [
                Withdrawal(int(w.index, 16), int(w.validator_index, 16), w.address[2:], int(w.amount, 16))
                for w in withdrawals
            ]
        )
    except (ValueError, IndexError):
        return None


def gwei_to(address: str, withdrawals: Sequence[RpcWithdrawal]) -> int:
    """Sum up what was withdrawn to an address in lower case, in Gwei. Raises `ValueError` for what is no hex."""
    return sum(int(w.amount, 16) for w in withdrawals if w.address.lower() == address)


_NUMBERS = (
    "number",
    "timestamp",
    "gas_used",
    "gas_limit",
    "base_fee_per_gas",
    "difficulty",
    "blob_gas_used",
    "excess_blob_gas",
    "slot_number",
)


def with_plain_numbers(header: RpcHeader) -> RpcHeader:
    """Return the header with its numbers in the usual form: nodes may pad them with zeros. What is no hex is kept."""
    try:
        plain = {name: hex(int(text, 16)) for name in _NUMBERS if (text := getattr(header, name)) is not None}
        withdrawals = header.withdrawals and [
            RpcWithdrawal(
                index=hex(int(w.index, 16)),
                validator_index=hex(int(w.validator_index, 16)),
                address=w.address,
                amount=hex(int(w.amount, 16)),
            )
            for w in header.withdrawals
        ]
    except ValueError:
        return header
    return msgspec.structs.replace(header, withdrawals=withdrawals, **plain)


def with_author_as_miner(raw: bytes | msgspec.Raw) -> bytes | None:
    """Return the block with its `author` as `miner`, as some nodes name it; None where it has a miner or no author."""
    members = _members(raw)
    if bytes(members.get("miner", _NULL)) != b"null" or "author" not in members:
        return None
    return msgspec.json.encode(members | {"miner": members["author"]})


_NULL = msgspec.Raw(b"null")
