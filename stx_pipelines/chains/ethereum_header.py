"""A block's header as nodes send it, and the hash computed from its fields.

Later forks added fields at the end. A header with one of these fields also has all fields before it. Source: EIP-1559,
4895, 4844, 4788, 7685, 7928, 7843, and the yellow paper. This module does no I/O. Rows are made in `ethereum`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from operator import attrgetter
from typing import Annotated

import msgspec

from stx_pipelines.chains.rlp import items, keccak, quantity, string, to_bytes
from stx_pipelines.chains.withdrawals import withdrawals_root

Hash = Annotated[str, msgspec.Meta(pattern=r"\A0[xX][0-9a-fA-F]{64}\Z")]
Address = Annotated[str, msgspec.Meta(pattern=r"\A0[xX][0-9a-fA-F]{40}\Z")]
Data = Annotated[str, msgspec.Meta(pattern=r"\A0[xX](?:[0-9a-fA-F]{2})*\Z")]
_LATER = {
    "base_fee_per_gas": False,
    "withdrawals_root": True,
    "blob_gas_used": False,
    "excess_blob_gas": False,
    "parent_beacon_block_root": True,
    "requests_hash": True,
    "block_access_list_hash": True,
    "slot_number": False,
}
"""The fields that forks added, in order, and whether each is a hash."""

_later = attrgetter(*_LATER)
_IS_HASH = tuple(_LATER.values())
_HASH, _ADDRESS, _NONCE, _BLOOM = 66, 42, 18, 514  # characters
_ZERO_X = {"0x"}


class RpcWithdrawal(msgspec.Struct, rename="camel", gc=False):
    """A withdrawal in the response of `eth_getBlockByNumber`. `root_of` checks the form of its texts."""

    index: str
    validator_index: str
    address: str
    amount: str


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
    of_later_forks = _later(header)
    later = tuple(text for text in of_later_forks if text is not None)
    if of_later_forks[: len(later)] != later:
        return None
    try:
        return "0x" + keccak(to_bytes(items(_encoded(header, later) + _encoded_later(later)))).hex()
    except (ValueError, IndexError):
        return None


def _encoded(header: RpcHeader, later: tuple[str, ...]) -> str:
    """Return the joined encodings of the fields of all forks. `later` are the other fields, whose 0x is checked too.

    Raises `ValueError` if a text has no 0x or a wrong length, because it could have the same hash as another text.
    """
    parent, uncles, state = header.parent_hash, header.sha3_uncles, header.state_root
    transactions, receipts, mix = header.transactions_root, header.receipts_root, header.mix_hash
    miner, bloom, nonce, extra = header.miner, header.logs_bloom, header.nonce, header.extra_data
    numbers = (header.difficulty, header.number, header.gas_limit, header.gas_used, header.timestamp)
    hashes = (parent, uncles, state, transactions, receipts, mix)
    if {text[:2] for text in (*hashes, miner, bloom, nonce, extra, *numbers, *later)} != _ZERO_X:
        raise ValueError("not 0x")
    if {len(text) for text in hashes} != {_HASH} or (len(miner), len(bloom), len(nonce)) != (_ADDRESS, _BLOOM, _NONCE):
        raise ValueError("not the length of the field")
    return (
        f"a0{parent[2:]}a0{uncles[2:]}94{miner[2:]}a0{state[2:]}a0{transactions[2:]}a0{receipts[2:]}"
        f"b90100{bloom[2:]}{''.join(map(quantity, numbers))}{string(extra[2:].lower())}a0{mix[2:]}88{nonce[2:]}"
    )


def _encoded_later(texts: tuple[str, ...]) -> str:
    """Return the joined encodings of the fields that forks added. Raises `ValueError` for a hash of wrong length."""
    fields = ""
    for text, is_hash in zip(texts, _IS_HASH, strict=False):
        if not is_hash:
            fields += quantity(text)
        elif len(text) == _HASH:
            fields += "a0" + text[2:]
        else:
            raise ValueError("not a hash")
    return fields


def unknown_members(raw: bytes | msgspec.Raw) -> list[str]:
    """Return the names of a block's members that this version does not know. The block hash may cover them."""
    return sorted(set(_members(raw)) - _KNOWN)


_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def root_of(withdrawals: Sequence[RpcWithdrawal]) -> str | None:
    """Return the withdrawals root of these withdrawals; None if a value is not hex."""
    try:
        return withdrawals_root([(w.index, w.validator_index, w.address, w.amount) for w in withdrawals])
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
