"""A block's header as nodes send it, and the hash computed from its fields.

Later forks added fields at the end. A header with one of these fields also has all fields before it. Source: EIP-1559,
4895, 4844, 4788, 7685, 7928, 7843, and the yellow paper. This module does no I/O. Rows are made in `ethereum`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Annotated, Any

import msgspec

from stx_pipelines.chains.rlp import items, keccak, quantity, string, to_bytes
from stx_pipelines.chains.withdrawals import withdrawals_root

Hash = Annotated[str, msgspec.Meta(pattern=r"\A0[xX][0-9a-fA-F]{64}\Z")]
Address = Annotated[str, msgspec.Meta(pattern=r"\A0[xX][0-9a-fA-F]{40}\Z")]
Data = Annotated[str, msgspec.Meta(pattern=r"\A0[xX](?:[0-9a-fA-F]{2})*\Z")]

Columns = Mapping[str, Sequence[Any]]
"""The texts of some blocks, by the names of their fields. They are None if the blocks do not have a field."""


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

    Texts are not checked here, because that takes as long as reading them. They have the right form if the header has
    its hash (`header_hash`).
    """

    hash: str
    parent_hash: str
    miner: str
    extra_data: str
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


def _hex(start: str, count: int) -> Callable[[Sequence[str]], list[str]]:
    """Return the encoder of texts with `count` digits. The encoding of each begins with `start`."""

    def encode(texts: Sequence[str]) -> list[str]:
        if set(map(len, texts)) != {len("0x") + count}:
            raise ValueError("not the length of the field")
        return [start + text[2:] for text in texts]

    return encode


def _numbers(texts: Sequence[str]) -> list[str]:
    return list(map(quantity, texts))


def _strings(texts: Sequence[str]) -> list[str]:
    return [string(text[2:].lower()) for text in texts]


_hashes = _hex("a0", 64)
_ENCODERS = {
    "parent_hash": _hashes,
    "sha3_uncles": _hashes,
    "miner": _hex("94", 40),
    "state_root": _hashes,
    "transactions_root": _hashes,
    "receipts_root": _hashes,
    "logs_bloom": _hex("b90100", 512),
    "difficulty": _numbers,
    "number": _numbers,
    "gas_limit": _numbers,
    "gas_used": _numbers,
    "timestamp": _numbers,
    "extra_data": _strings,
    "mix_hash": _hashes,
    "nonce": _hex("88", 16),
    "base_fee_per_gas": _numbers,
    "withdrawals_root": _hashes,
    "blob_gas_used": _numbers,
    "excess_blob_gas": _numbers,
    "parent_beacon_block_root": _hashes,
    "requests_hash": _hashes,
    "block_access_list_hash": _hashes,
    "slot_number": _numbers,
}
"""The fields that the hash covers, in their order, and the encoders of their texts."""

_getters = {name: attrgetter(name) for name in _ENCODERS}


def columns_of(headers: Sequence[RpcHeader]) -> Columns:
    """Return the fields that the hash covers."""
    return {name: list(map(getter, headers)) for name, getter in _getters.items()}


def header_hash(header: RpcHeader) -> str | None:
    """Return the Keccak-256 hash of the header's fields, as 0x and 64 digits.

    Return None if a field is not hex or has the wrong length, or if a later field is there without an earlier one.
    """
    try:
        return header_hashes(columns_of([header]))[0]
    except (ValueError, IndexError):
        return None


def header_hashes(columns: Columns) -> list[str]:
    """Return the hashes of headers of one fork. It is several times faster to encode many headers at once.

    Raises `ValueError` or `IndexError` where `header_hash` returns None, and for headers with different fields.
    """
    encoded = [_ENCODERS[name](_checked(columns[name])) for name in _fields_of_all(columns)]
    return ["0x" + keccak(to_bytes(items("".join(fields)))).hex() for fields in zip(*encoded, strict=True)]


def _fields_of_all(columns: Columns) -> list[str]:
    """Return the names of the fields that the headers have. Raises `ValueError` if they are not those of a fork."""
    missing = [columns[name].count(None) for name in _ENCODERS]
    count = missing.count(0)
    if any(missing[:count]) or set(missing[count:]) - {len(columns["number"])}:
        raise ValueError("not the fields of one fork")
    return list(_ENCODERS)[:count]


def _checked(texts: Sequence[str]) -> Sequence[str]:
    """Return the texts. Raises `ValueError` if one does not begin with 0x: it could have the hash of another text."""
    if min(texts) < "0x" or max(texts) >= "0y":  # in the order of texts, all texts between these begin with 0x
        raise ValueError("not 0x")
    return texts


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
