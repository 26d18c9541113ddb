"""Parsers of an Ethereum node's responses: a typed row per block, and the change of its fee recipient's balance.

A response of another shape is a `MalformedAnswer`, never a wrong row. The shapes are those of the Ethereum JSON-RPC:
`eth_getBlockByNumber` without the bodies of transactions, `eth_getBalance` and `eth_getProof`. Proofs are in
`ethereum_proof`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Context, Decimal
from typing import NamedTuple

import msgspec

from stx_pipelines.chains.days import LAST_SECOND
from stx_pipelines.chains.errors import BeyondTables, MalformedAnswer, ProofError
from stx_pipelines.chains.ethereum_header import (
    RpcBlock,
    RpcHeader,
    gwei_to,
    header_hash,
    root_of,
    unknown_members,
    with_author_as_miner,
    with_plain_numbers,
)

_MOST = 10**38  # no amount of Wei has 39 digits; tables keep 38
_LONGEST = 2**63  # numbers, times and gas fit a signed integer of 64 bits
_WORD = 2**256
_HEX = re.compile(r"0[xX][0-9a-fA-F]{1,64}")  # nodes differ in case, and some pad with zeros
_EVERY_DIGIT = Context(prec=60)  # the usual 28 digits would round


class Block(NamedTuple):
    """A block's header and number of transactions. Hashes and addresses are lower-case hex.

    Fields that the block's fork does not have, or that the node does not send, are None.
    """

    number: int
    hash: str
    parent_hash: str
    miner: str
    """The fee recipient: 0x and 40 digits."""
    timestamp: int
    """Unix seconds."""
    gas_used: int
    gas_limit: int | None
    """None where it needs more than 63 bits: development chains without a limit."""
    base_fee_per_gas: int | None
    """Wei; None before the London fork."""
    transaction_count: int
    size: int | None
    """Bytes."""
    extra_data: str | None
    nonce: str | None = None
    sha3_uncles: str | None = None
    transactions_root: str | None = None
    state_root: str | None = None
    receipts_root: str | None = None
    difficulty: int | None = None
    """None if the node does not send it or it needs more than 63 bits."""
    mix_hash: str | None = None
    withdrawals_root: str | None = None
    blob_gas_used: int | None = None
    excess_blob_gas: int | None = None
    parent_beacon_block_root: str | None = None
    requests_hash: str | None = None
    withdrawals_gwei: int | None = None
    """Withdrawals to the fee recipient in Gwei; None if the block's withdrawals do not match its withdrawals root."""


class Header(NamedTuple):
    """A block, and the check of its hash and its withdrawals.

    `computed` is the hash computed from the block's fields; None if the fields are not those of Ethereum. `unknown`
    names the members that this version does not know; it is empty if the computed hash is the block's hash.
    `has_wrong_withdrawals` is true if the block has withdrawals that do not match its withdrawals root.
    """

    block: Block
    computed: str | None
    unknown: tuple[str, ...] = ()
    has_wrong_withdrawals: bool = False

    @property
    def is_hashed(self) -> bool:
        """Whether the hash computed from the fields is the block's hash."""
        return self.computed == self.block.hash


class BalanceKey(NamedTuple):
    """The address of a balance, and the number of the block after which the address has the balance."""

    address: str
    number: int


class BalanceChange(NamedTuple):
    """The change of a fee recipient's balance in a block. Balances are in Wei, `block_time` is in unix seconds.

    The increase is the fees, less the payment to the proposer, plus withdrawals and unrelated transfers. It may be
    negative.
    """

    block_number: int
    block_time: int
    miner: str
    balance_before: int
    balance_after: int
    balance_increase: int
    block_hash: str
    withdrawals_gwei: int | None = None
    """The part of the increase that was withdrawn from stake, in Gwei; None if it is not known."""


class _AccountProof(msgspec.Struct, rename="camel", gc=False):
    account_proof: list[str]


_header = msgspec.json.Decoder(RpcHeader).decode
_block = msgspec.json.Decoder(RpcBlock).decode
_account_proof = msgspec.json.Decoder(_AccountProof).decode
_text = msgspec.json.Decoder(str).decode


def parse_quantity(raw: bytes | msgspec.Raw) -> int:
    """Return the number in a JSON text like `"0x1f"`.

    Raises `MalformedAnswer`, and `BeyondTables` for a number of more than 38 decimal digits.
    """
    try:
        number = _number(_text(raw), _WORD)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedAnswer(f"the response is not a quantity: {error}") from error
    if number >= _MOST:
        raise BeyondTables(f"{number}, which has more than the 38 digits that a table keeps")
    return number


def quantities(texts: list[str]) -> list[int]:
    """Return the numbers in many texts like `0x1f`, as `parse_quantity` does. Raises `MalformedAnswer`."""
    try:
        numbers = [int(text, 16) for text in texts]
    except ValueError as error:
        raise MalformedAnswer(f"the response has a quantity that is not hex: {error}") from error
    # The checks of `_number`, on all numbers at once, because a day has many thousands of them.
    if list(map(hex, numbers)) != texts or min(numbers, default=0) < 0 or max(numbers, default=0) >= _MOST:
        return [_number(text, _MOST) for text in texts]
    return numbers


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
        if found.is_hashed and not found.has_wrong_withdrawals:
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
        raise MalformedAnswer(f"the response is not a block: {error}") from error


def _read_block(of: RpcBlock) -> Block:
    fee = of.base_fee_per_gas
    return Block(
        number=_number(of.number),
        hash=of.hash.lower(),
        parent_hash=of.parent_hash.lower(),
        miner=of.miner.lower(),
        timestamp=_number(of.timestamp, LAST_SECOND),
        gas_used=_number(of.gas_used),
        gas_limit=_if_it_fits(_number(of.gas_limit, _WORD)),
        base_fee_per_gas=None if fee is None else _number(fee),
        transaction_count=len(of.transactions),
        size=None if of.size is None else _number(of.size),
        extra_data=_lower(of.extra_data),
    )


def _read_header(raw: bytes | msgspec.Raw, of: RpcHeader) -> Header:
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
    computed = header_hash(of)
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
    return None if text is None or not _HEX.fullmatch(text) else _if_it_fits(int(text, 16))


def _if_it_fits(number: int) -> int | None:
    return number if number < _LONGEST else None


def parse_account_proof(raw: bytes | msgspec.Raw) -> list[bytes]:
    """Return the nodes of an account proof, from the root down. Raises `MalformedAnswer`."""
    try:
        return [bytes.fromhex(node.removeprefix("0x")) for node in _account_proof(raw).account_proof]
    except (ValueError, RecursionError) as error:  # the errors of msgspec are ValueErrors
        raise MalformedAnswer(f"the response is not an account proof: {error}") from error


def _number(text: str, limit: int = _LONGEST) -> int:
    # int() also takes blanks, underscores, signs and other alphabets' digits.
    number = int(text, 16) if _HEX.fullmatch(text) else limit
    if number >= limit:
        raise MalformedAnswer(f"{text[:100]!r} is not a possible quantity in hex")
    return number


def balance_keys(blocks: Iterable[Block]) -> list[BalanceKey]:
    """Return the keys of the balances of these blocks, each once, in the order of the blocks. Block 0 needs none."""
    keys: dict[BalanceKey, None] = {}
    for block in blocks:
        if block.number > 0:
            keys[BalanceKey(block.miner, block.number - 1)] = None
            keys[BalanceKey(block.miner, block.number)] = None
    return list(keys)


def balance_changes(blocks: Iterable[Block], balances: Mapping[BalanceKey, int]) -> list[BalanceChange]:
    """Return one row per block, except for block 0. Raises `ProofError` if a balance was not read."""
    return [_change(block, balances) for block in blocks if block.number > 0]


def _change(block: Block, balances: Mapping[BalanceKey, int]) -> BalanceChange:
    try:
        before = balances[BalanceKey(block.miner, block.number - 1)]
        after = balances[BalanceKey(block.miner, block.number)]
    except KeyError as missing:
        address, number = missing.args[0]
        raise ProofError(f"the balance of {address} at block {number} was not read", {block.number}) from None
    return BalanceChange(
        block_number=block.number,
        block_time=block.timestamp,
        miner=block.miner,
        balance_before=before,
        balance_after=after,
        balance_increase=after - before,
        block_hash=block.hash,
        withdrawals_gwei=block.withdrawals_gwei,
    )


def ether(wei: int) -> Decimal:
    """Convert Wei to ETH and keep every digit."""
    return Decimal(wei).scaleb(-18, _EVERY_DIGIT)
