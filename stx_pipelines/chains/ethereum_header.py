"""A block's header as nodes send it, and the hash computed from its fields.

Later forks added fields at the end. A header with one of these fields also has all fields before it. Source: EIP-1559,
4895, 4844, 4788, 7685, 7928, 7843, and the yellow paper. This module does no I/O. Rows are made in `ethereum`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated

import msgspec

from stx_pipelines.chains.rlp import items, keccak, quantity, string
from stx_pipelines.chains.withdrawals import Withdrawal, withdrawals_root

Hash = Annotated[str, msgspec.Meta(pattern=r"\A0[xX][0-9a-fA-F]{64}\Z")]
Address = Annotated[str, msgspec.Meta(pattern=r"\A0[xX][0-9a-fA-F]{40}\Z")]
Data = Annotated[str, msgspec.Meta(pattern=r"\A0[xX](?:[0-9a-fA-F]{2})*\Z")]
_Quantity = Annotated[str, msgspec.Meta(pattern=r"\A0[xX][0-9a-fA-F]{1,64}\Z")]
_LATER = (
    ("base_fee_per_gas", False),
    ("withdrawals_root", True),
    ("blob_gas_used", False),
    ("excess_blob_gas", False),
    ("parent_beacon_block_root", True),
    ("requests_hash", True),
    ("block_access_list_hash", True),
    ("slot_number", False),
)
"""The fields that forks added, in order, and whether each is a hash."""

_LONG = (66, 66, 66, 66, 66, 66, 18, 514)  # characters of six hashes, the nonce and the bloom filter


class RpcWithdrawal(msgspec.Struct, rename="camel", gc=False):
    """A withdrawal in the response of `eth_getBlockByNumber`."""

    index: _Quantity
    validator_index: _Quantity
    address: Address
    amount: _Quantity


class RpcBlock(msgspec.Struct, rename="camel", gc=False, kw_only=True):
    """The members of a block that this package reads on every chain."""

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
    """A block with all members that the block hash covers on Ethereum.

    Members declared as texts are not checked here. They have the right form if the header has its hash (`header_hash`).
    """

    extra_data: Data
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
    """Return the Keccak-256 hash of the header's fields, as 0x and 64 digits.

    Return None if a field is not hex or has the wrong length, or if a later field is there without an earlier one.
    """
    later = _later_fields(header)
    if later is None or not _is_well_formed(header):
        return None
    try:
        fields = (
            f"a0{header.parent_hash[2:]}a0{header.sha3_uncles[2:]}94{header.miner[2:]}a0{header.state_root[2:]}"
            f"a0{header.transactions_root[2:]}a0{header.receipts_root[2:]}b90100{header.logs_bloom[2:]}"
            f"{_quantity(header.difficulty)}{_quantity(header.number)}{_quantity(header.gas_limit)}"
            f"{_quantity(header.gas_used)}{_quantity(header.timestamp)}{string(header.extra_data[2:].lower())}"
            f"a0{header.mix_hash[2:]}88{header.nonce[2:]}{later}"
        )
        return "0x" + keccak(bytes.fromhex(items(fields))).hex()
    except (ValueError, IndexError):
        return None


def _is_well_formed(header: RpcHeader) -> bool:
    """Return whether every field of all forks begins with 0x and has its length.

    Otherwise a longer and a shorter field could have the same hash.
    """
    texts = (
        header.parent_hash,
        header.sha3_uncles,
        header.state_root,
        header.transactions_root,
        header.receipts_root,
        header.mix_hash,
        header.nonce,
        header.logs_bloom,
    )
    return tuple(map(len, texts)) == _LONG and _begin(*texts, header.difficulty)


def _later_fields(header: RpcHeader) -> str | None:
    """Return the encoding of the fields that later forks added; None if they are malformed."""
    fields, has_ended = "", False
    for name, is_hash in _LATER:
        text: str | None = getattr(header, name)
        if text is None:
            has_ended = True
            continue
        if has_ended or not _begin(text) or (is_hash and len(text) != _LONG[0]):
            return None
        fields += f"a0{text[2:]}" if is_hash else _quantity(text)
    return fields


def _begin(*texts: str) -> bool:
    """Return whether all texts begin with 0x."""
    return {text[:2] for text in texts} == {"0x"}


def _quantity(text: str) -> str:
    return quantity(text[2:])


def unknown_members(raw: bytes | msgspec.Raw) -> list[str]:
    """Return the names of a block's members that this version does not know. The block hash may cover them."""
    return sorted(set(_members(raw)) - _KNOWN)


_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def root_of(withdrawals: Sequence[RpcWithdrawal]) -> str | None:
    """Return the withdrawals root of these withdrawals; None if a value is not hex."""
    try:
        return withdrawals_root(
            [Withdrawal(w.index[2:], w.validator_index[2:], w.address[2:], w.amount[2:]) for w in withdrawals]
        )
    except (ValueError, IndexError):
        return None


def gwei_to(address: str, withdrawals: Sequence[RpcWithdrawal]) -> int:
    """Return the sum in Gwei of the withdrawals to `address`, given in lower case.

    Raises `ValueError` if an amount is not hex.
    """
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


def is_plain(header: RpcHeader) -> bool:
    """Return whether `with_plain_numbers` would return the header unchanged, as for nearly every node."""
    texts = "".join(text for name in header.__struct_fields__ if isinstance(text := getattr(header, name), str))
    numbers = " ".join(text for name in _NUMBERS if (text := getattr(header, name)) is not None)
    return not header.withdrawals and texts.lower() == texts and bool(_PLAIN.fullmatch(numbers))


_PLAIN = re.compile(r"(?:0x(?:0|[1-9a-f][0-9a-f]*)(?: |\Z))*")


def with_plain_numbers(header: RpcHeader) -> RpcHeader:
    """Return the header in the usual form: in lower case, and its numbers without leading zeros.

    Return the header unchanged if a number is not hex.
    """
    lower = {name: text.lower() for name in header.__struct_fields__ if isinstance(text := getattr(header, name), str)}
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
    return msgspec.structs.replace(header, withdrawals=withdrawals, **(lower | plain))


def with_author_as_miner(raw: bytes | msgspec.Raw) -> bytes | None:
    """Return the block with its `author` as its `miner`. Return None if the block has a miner or no author."""
    members = _members(raw)
    if bytes(members.get("miner", _NULL)) != b"null" or "author" not in members:
        return None
    return msgspec.json.encode(members | {"miner": members["author"]})


_NULL = msgspec.Raw(b"null")
