"""A block's transactions and receipts as nodes send them, and the root hashes that a block's header has of them.

Roots are known for transactions of the types 0 to 4. Source: EIP-2718, 2930, 1559, 4844 and 7702, and the yellow paper.
A response of another shape is a `MalformedAnswer`. This module does no I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import msgspec

from stx_pipelines.chains.errors import MalformedAnswer, malformed
from stx_pipelines.chains.ethereum import WORD, Header, hex_number
from stx_pipelines.chains.ethereum_blocks import parse_header
from stx_pipelines.chains.ethereum_header import Address, Data, Hash
from stx_pipelines.chains.indexed_trie import indexed_root
from stx_pipelines.chains.rlp import items, quantity, string

LEGACY, ACCESS_LIST, DYNAMIC_FEE, BLOB, SET_CODE = range(5)
"""The known types of transactions."""

_KNOWN_TYPES = {LEGACY, ACCESS_LIST, DYNAMIC_FEE, BLOB, SET_CODE}
_NO_ADDRESS = "80"
_T = TypeVar("_T")


class Transaction(NamedTuple):
    """A transaction of a block. Prices are Wei per unit of gas; `to` is None if it creates a contract.

    `most` and `tip` are the highest price and the highest priority fee; for older types, both are the price.
    """

    hash: str
    kind: int
    sender: str
    to: str | None
    value: int
    most: int
    tip: int


class Body(NamedTuple):
    """A block's header and its transactions. `root` is computed from them; None if it cannot be computed."""

    header: Header
    transactions: tuple[Transaction, ...]
    root: str | None


class Receipt(NamedTuple):
    """The receipt of a transaction.

    `succeeded` is None before the Byzantium fork. `price` is the effective gas price; None if the node does not send
    it. `blob_wei` is the fee for blobs. `cumulative` is the gas of the block up to this transaction.
    """

    hash: str
    succeeded: bool | None
    gas_used: int
    cumulative: int
    price: int | None
    blob_wei: int


class Receipts(NamedTuple):
    """The receipts of a block, in the order of its transactions. `root` is as in `Body`."""

    receipts: tuple[Receipt, ...]
    root: str | None


class _AccessEntry(msgspec.Struct, rename="camel", gc=False):
    address: Address
    storage_keys: list[Hash]


class _Authorization(msgspec.Struct, rename="camel", gc=False):
    chain_id: str
    address: Address
    nonce: str
    r: str
    s: str
    y_parity: str | None = None
    v: str | None = None


class _Transaction(msgspec.Struct, rename="camel", gc=False, kw_only=True):
    hash: Hash
    sender: Address = msgspec.field(name="from")
    to: Address | None = None
    nonce: str
    gas: str
    value: str
    input: Data | None = None
    data: Data | None = None
    kind: str | None = msgspec.field(name="type", default=None)
    gas_price: str | None = None
    max_fee_per_gas: str | None = None
    max_priority_fee_per_gas: str | None = None
    max_fee_per_blob_gas: str | None = None
    blob_versioned_hashes: list[Hash] | None = None
    access_list: list[_AccessEntry] | None = None
    authorization_list: list[_Authorization] | None = None
    chain_id: str | None = None
    y_parity: str | None = None
    v: str | None = None
    r: str | None = None
    s: str | None = None


class _Body(msgspec.Struct, gc=False):
    transactions: list[_Transaction]


class _Log(msgspec.Struct, gc=False):
    address: Address
    topics: list[Hash]
    data: Data


class _Receipt(msgspec.Struct, rename="camel", gc=False, kw_only=True):
    transaction_hash: Hash
    gas_used: str
    cumulative_gas_used: str
    logs_bloom: Data
    logs: list[_Log]
    kind: str | None = msgspec.field(name="type", default=None)
    status: str | None = None
    root: Hash | None = None
    effective_gas_price: str | None = None
    blob_gas_used: str | None = None
    blob_gas_price: str | None = None


_body = msgspec.json.Decoder(_Body).decode
_receipts = msgspec.json.Decoder(list[_Receipt]).decode
_receipt = msgspec.json.Decoder(_Receipt).decode


def parse_body(raw: bytes | msgspec.Raw) -> Body:
    """Return the block in a response with whole transactions. Raises `MalformedAnswer`."""
    header = parse_header(raw)
    try:
        found = _body(raw).transactions
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise malformed("the response has no whole transactions", error) from error
    return Body(header, tuple(map(_read, found)), _root(found, _encoded))


def parse_receipts(raw: bytes | msgspec.Raw) -> Receipts:
    """Return the receipts of a block in the response of `eth_getBlockReceipts`. Raises `MalformedAnswer`."""
    try:
        found = _receipts(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise malformed("the response is not a block's receipts", error) from error
    return _of_block(found)


def joined_receipts(raws: Sequence[bytes]) -> Receipts:
    """Return the receipts of a block from responses of `eth_getTransactionReceipt`. Raises `MalformedAnswer`."""
    return _of_block([_one_receipt(raw) for raw in raws])


def checked_receipt(raw: bytes | msgspec.Raw, name: str) -> bytes:
    """Return the text of one receipt unchanged. Raises `MalformedAnswer` unless it is of the transaction `name`."""
    found = _one_receipt(raw)
    if found.transaction_hash.lower() != name:
        raise MalformedAnswer(f"the receipt of {name} was requested, that of {found.transaction_hash} was returned")
    _read_receipt(found)
    return bytes(raw)


def _one_receipt(raw: bytes | msgspec.Raw) -> _Receipt:
    try:
        return _receipt(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise malformed("the response is not a receipt", error) from error


def _of_block(found: Sequence[_Receipt]) -> Receipts:
    return Receipts(tuple(map(_read_receipt, found)), _root(found, _encoded_receipt))


def _read(of: _Transaction) -> Transaction:
    price = _number(of.gas_price)
    return Transaction(
        hash=of.hash.lower(),
        kind=_number(of.kind),
        sender=of.sender.lower(),
        to=of.to.lower() if of.to else None,
        value=_number(of.value),
        most=_number(of.max_fee_per_gas) if of.max_fee_per_gas else price,
        tip=_number(of.max_priority_fee_per_gas) if of.max_priority_fee_per_gas else price,
    )


def _read_receipt(of: _Receipt) -> Receipt:
    return Receipt(
        hash=of.transaction_hash.lower(),
        succeeded=None if of.status is None else _number(of.status) == 1,
        gas_used=_number(of.gas_used),
        cumulative=_number(of.cumulative_gas_used),
        price=None if of.effective_gas_price is None else _number(of.effective_gas_price),
        blob_wei=_number(of.blob_gas_used) * _number(of.blob_gas_price),
    )


def _number(text: str | None) -> int:
    """Return the number in a text; 0 if it is missing. Raises `MalformedAnswer` for another text."""
    return hex_number(text, WORD) if text is not None else 0


def _root(found: Sequence[msgspec.Struct], encode: Callable[..., str]) -> str | None:
    """Return the root of these values; None if one is of an unknown type or lacks a member."""
    try:
        return indexed_root(list(map(encode, found)))
    except ValueError:
        return None


def _encoded(of: _Transaction) -> str:
    """Return the bytes of a transaction as hex digits. Raises `ValueError` if its type is unknown."""
    kind = _kind(of.kind)
    rest = f"{_quantity(of.gas)}{_address(of.to)}{_quantity(of.value)}{_data(of)}"
    if kind == LEGACY:
        signature = f"{_quantity(of.v)}{_quantity(of.r)}{_quantity(of.s)}"
        return items(f"{_quantity(of.nonce)}{_quantity(of.gas_price)}{rest}{signature}")
    if kind == ACCESS_LIST:
        prices = _quantity(of.gas_price)
    else:
        prices = _quantity(of.max_priority_fee_per_gas) + _quantity(of.max_fee_per_gas)
    further = ""
    if kind == BLOB:
        further = _quantity(of.max_fee_per_blob_gas) + _hashes(of.blob_versioned_hashes)
    elif kind == SET_CODE:
        further = items("".join(map(_authorization, _present(of.authorization_list))))
    access = items("".join(map(_access_entry, of.access_list or ())))
    signature = f"{_quantity(of.y_parity or of.v)}{_quantity(of.r)}{_quantity(of.s)}"
    fields = f"{_quantity(of.chain_id)}{_quantity(of.nonce)}{prices}{rest}{access}{further}{signature}"
    return f"{kind:02x}{items(fields)}"


def _encoded_receipt(of: _Receipt) -> str:
    """Return the bytes of a receipt as hex digits. Raises `ValueError` if its type is unknown."""
    kind = _kind(of.kind)
    status = _quantity(of.status) if of.status is not None else f"a0{_present(of.root)[2:].lower()}"
    logs = items("".join(map(_log, of.logs)))
    fields = f"{status}{_quantity(of.cumulative_gas_used)}{string(of.logs_bloom[2:].lower())}{logs}"
    return items(fields) if kind == LEGACY else f"{kind:02x}{items(fields)}"


def _kind(text: str | None) -> int:
    kind = _number(text)
    if kind not in _KNOWN_TYPES:
        raise ValueError(f"unknown type of transaction: {kind}")
    return kind


def _quantity(text: str | None) -> str:
    return quantity(hex(_number(_present(text))))


def _present(value: _T | None) -> _T:
    if value is None:
        raise ValueError("a member is missing")
    return value


def _address(text: str | None) -> str:
    return f"94{text[2:].lower()}" if text else _NO_ADDRESS


def _data(of: _Transaction) -> str:
    return string(_present(of.data if of.input is None else of.input)[2:].lower())


def _hashes(texts: Sequence[str] | None) -> str:
    return items("".join(f"a0{text[2:].lower()}" for text in _present(texts)))


def _access_entry(of: _AccessEntry) -> str:
    return items(_address(of.address) + _hashes(of.storage_keys))


def _authorization(of: _Authorization) -> str:
    signature = f"{_quantity(of.y_parity or of.v)}{_quantity(of.r)}{_quantity(of.s)}"
    return items(f"{_quantity(of.chain_id)}{_address(of.address)}{_quantity(of.nonce)}{signature}")


def _log(of: _Log) -> str:
    return items(f"{_address(of.address)}{_hashes(of.topics)}{string(of.data[2:].lower())}")
