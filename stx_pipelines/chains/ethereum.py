"""Values of the responses of an Ethereum node: a typed row per block, and what a block did to its fee recipient.

Parsing only, and strict: a response of another shape is a `MalformedAnswer` and never a wrong row. Shapes: Ethereum
JSON-RPC, `eth_getBlockByNumber` without the bodies of transactions, `eth_getBalance` and `eth_getProof`. Proofs:
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
_LONGEST = 2**63  # numbers, times and gas fit a signed word of 64 bits
_WORD = 2**256
_HEX = re.compile(r"0[xX][0-9a-fA-F]{1,64}")  # nodes differ in case, and some pad with zeros
_EVERY_DIGIT = Context(prec=60)  # the usual 28 digits would round


class Block(NamedTuple):
    """A block's header, and how many transactions it has. Hashes and addresses are lower-case hex.

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
    """None also where it needs more than 63 bits."""
    mix_hash: str | None = None
    withdrawals_root: str | None = None
    blob_gas_used: int | None = None
    excess_blob_gas: int | None = None
    parent_beacon_block_root: str | None = None
    requests_hash: str | None = None
    withdrawals_gwei: int | None = None
    """Withdrawals to the fee recipient in Gwei; None where they do not have the withdrawals root."""


class Header(NamedTuple):
    """A block, and what its fields say of its hash.

    `computed` is the hash that the fields give; None where they are not those of Ethereum. `unknown` names members
    that this version does not know, and is looked for only where the hash differs. `has_wrong_withdrawals`: there are
    withdrawals, and they do not have the withdrawals root.
    """

    block: Block
    computed: str | None
    unknown: tuple[str, ...] = ()
    has_wrong_withdrawals: bool = False

    @property
    def is_hashed(self) -> bool:
        """Whether the fields give the block's hash."""
        return self.computed == self.block.hash


class BalanceKey(NamedTuple):
    """The balance of an address after a block."""

    address: str
    number: int


class BalanceChange(NamedTuple):
    """What a block did to its fee recipient's balance. Wei; `block_time` in unix seconds.

    The increase is fees, less what was paid on to the proposer, plus withdrawals and unrelated transfers: it may be
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
    """The part of the increase that was withdrawn from stake, in Gwei; None where it is not known."""


class _AccountProof(msgspec.Struct, rename="camel", gc=False):
    account_proof: list[str]


_header = msgspec.json.Decoder(RpcHeader).decode
_block = msgspec.json.Decoder(RpcBlock).decode
_account_proof = msgspec.json.Decoder(_AccountProof).decode
_text = msgspec.json.Decoder(str).decode


def parse_quantity(raw: bytes | msgspec.Raw) -> int:
    """Read a JSON text that is a quantity, as `"0x1f"`. Raises `MalformedAnswer`, `BeyondTables` from 39 digits on."""
    try:
        number = _number(_text(raw), _WORD)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedAnswer(f"the response is not a quantity: {error}") from error
    if number >= _MOST:
        raise BeyondTables(f"{number}, which has more than the 38 digits that a table keeps")
    return number


def quantities(texts: list[str]) -> list[int]:
    """Read many quantities, given without quotes, as `parse_quantity` does. Raises `MalformedAnswer`."""
    try:
        numbers = [int(text, 16) for text in texts]
    except ValueError as error:
        raise MalformedAnswer(f"not a quantity in hex: {error}") from error
    # All at once what `_number` checks one by one: a day has many thousands of them.
    if list(map(hex, numbers)) != texts or min(numbers, default=0) < 0 or max(numbers, default=0) >= _MOST:
        return [_number(text, _MOST) for text in texts]
    return numbers


def parse_block(raw: bytes | msgspec.Raw) -> Block:
    """Read a block without the bodies of its transactions. Raises `MalformedAnswer`."""
    return parse_header(raw).block


def parse_header(raw: bytes | msgspec.Raw) -> Header:
    """Read a block without the bodies of its transactions, and hash its header. Raises `MalformedAnswer`."""
    try:
        of = _header(raw)
        found = _read_header(raw, of)
        if found.is_hashed and not found.has_wrong_withdrawals:
            return found
        plain = with_plain_numbers(of)
        return found if plain == of else _read_header(raw, plain)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass  # perhaps a chain whose headers have other fields: what all blocks have is enough
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
    plain = _read_block(of)
    fits = of.withdrawals is not None and root_of(of.withdrawals) == _lower(of.withdrawals_root)
    block = plain._replace(
        nonce=of.nonce.lower(),
        sha3_uncles=of.sha3_uncles.lower(),
        transactions_root=of.transactions_root.lower(),
        state_root=of.state_root.lower(),
        receipts_root=of.receipts_root.lower(),
        difficulty=_perhaps(of.difficulty),
        mix_hash=of.mix_hash.lower(),
        withdrawals_root=_lower(of.withdrawals_root),
        blob_gas_used=_perhaps(of.blob_gas_used),
        excess_blob_gas=_perhaps(of.excess_blob_gas),
        parent_beacon_block_root=_lower(of.parent_beacon_block_root),
        requests_hash=_lower(of.requests_hash),
        withdrawals_gwei=gwei_to(plain.miner, of.withdrawals) if fits and of.withdrawals is not None else None,
    )
    computed = header_hash(of)
    unknown = () if computed == block.hash else tuple(unknown_members(raw))
    # An empty list beside another root is a chain whose root covers something else (OP): nothing can be told of it.
    return Header(block, computed, unknown, has_wrong_withdrawals=bool(of.withdrawals) and not fits)


def _lower(text: str | None) -> str | None:
    return None if text is None else text.lower()


def _perhaps(text: str | None) -> int | None:
    """Read a number of a header; None for one that no table can hold, and for what is no number on some chain."""
    return None if text is None or not _HEX.fullmatch(text) else _if_it_fits(int(text, 16))


def _if_it_fits(number: int) -> int | None:
    return number if number < _LONGEST else None


def parse_account_proof(raw: bytes | msgspec.Raw) -> list[bytes]:
    """Read the nodes of an account proof, from the root down. Raises `MalformedAnswer`."""
    try:
        return [bytes.fromhex(node.removeprefix("0x")) for node in _account_proof(raw).account_proof]
    except (ValueError, RecursionError) as error:  # what msgspec raises is a ValueError
        raise MalformedAnswer(f"the response is not an account proof: {error}") from error


def _number(text: str, limit: int = _LONGEST) -> int:
    # int() also takes blanks, underscores, signs and other alphabets' digits.
    number = int(text, 16) if _HEX.fullmatch(text) else limit
    if number >= limit:
        raise MalformedAnswer(f"{text[:100]!r} is not a quantity in hex that is possible here")
    return number


def balance_keys(blocks: Iterable[Block]) -> list[BalanceKey]:
    """List the balances that these blocks need, each once, in their order. Block 0 has no block before it."""
    keys: dict[BalanceKey, None] = {}
    for block in blocks:
        if block.number > 0:
            keys[BalanceKey(block.miner, block.number - 1)] = None
            keys[BalanceKey(block.miner, block.number)] = None
    return list(keys)


def balance_changes(blocks: Iterable[Block], balances: Mapping[BalanceKey, int]) -> list[BalanceChange]:
    """Make one row per block but block 0. Raises `ProofError` for a balance that was not read."""
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
