"""What an Ethereum node says, as values: one typed row per block, and what a block did to its miner's balance.

Parsing only: strict, so that an answer of any other shape is a `MalformedAnswer` and never a wrong row. Shapes:
Ethereum JSON-RPC, `eth_getBlockByNumber` without transactions' bodies and `eth_getBalance`. Proofs: `ethereum_proof`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Context, Decimal
from typing import Annotated, NamedTuple

import msgspec

from stx_pipelines.chains.days import LAST_SECOND
from stx_pipelines.chains.errors import MalformedAnswer, ProofError

_MOST = 10**38  # no amount of Wei has 39 digits; tables keep 38
_LONGEST = 2**63  # numbers, times and gas fit a signed word of 64 bits
_EVERY_DIGIT = Context(prec=60)  # the usual 28 digits would round

_Hash = Annotated[str, msgspec.Meta(pattern=r"\A0x[0-9a-fA-F]{64}\Z")]
_Address = Annotated[str, msgspec.Meta(pattern=r"\A0x[0-9a-fA-F]{40}\Z")]
_Data = Annotated[str, msgspec.Meta(pattern=r"\A0x(?:[0-9a-fA-F]{2})*\Z")]


class Block(NamedTuple):
    """A block's header, and how many transactions it has. Hashes and addresses are lower-case hex."""

    number: int
    hash: str
    parent_hash: str
    miner: str
    """Who gets the fees: 0x and 40 digits."""
    timestamp: int
    """Unix seconds."""
    gas_used: int
    gas_limit: int
    base_fee_per_gas: int | None
    """Wei; None before the London fork."""
    transaction_count: int
    size: int
    """Bytes."""
    extra_data: str


class BalanceKey(NamedTuple):
    """What an address has after a block."""

    address: str
    number: int


class BalanceChange(NamedTuple):
    """What a block did to its miner's balance. Wei; `block_time` in unix seconds.

    The increase is fees, less what was paid on to the proposer, plus whatever else was sent: it may be negative.
    """

    block_number: int
    block_time: int
    miner: str
    balance_before: int
    balance_after: int
    balance_increase: int
    block_hash: str


class _Header(msgspec.Struct, rename="camel", gc=False):
    number: str
    hash: _Hash
    parent_hash: _Hash
    miner: _Address
    timestamp: str
    gas_used: str
    gas_limit: str
    transactions: list[msgspec.Raw]
    size: str
    extra_data: _Data
    base_fee_per_gas: str | None = None


_header = msgspec.json.Decoder(_Header).decode
_text = msgspec.json.Decoder(str).decode


def parse_quantity(raw: bytes | msgspec.Raw) -> int:
    """A JSON text that is a quantity, like `"0x1f"`, of at most 38 decimal digits. Raises `MalformedAnswer`."""
    try:
        return _number(_text(raw), _MOST)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedAnswer(f"the answer is not a quantity: {error}") from error


def quantities(texts: list[str]) -> list[int]:
    """What `parse_quantity` gives, of many texts without their quotes. Raises `MalformedAnswer`."""
    try:
        numbers = [int(text, 16) for text in texts]
    except ValueError as error:
        raise MalformedAnswer(f"not a quantity in hex: {error}") from error
    # All at once what `_number` looks at one by one: a node is asked for many thousands.
    if list(map(hex, numbers)) != texts or min(numbers, default=0) < 0 or max(numbers, default=0) >= _MOST:
        raise MalformedAnswer("a quantity in hex is not one that is possible here")
    return numbers


def parse_block(raw: bytes | msgspec.Raw) -> Block:
    """A block without its transactions' bodies. Raises `MalformedAnswer`."""
    try:
        header = _header(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedAnswer(f"the answer is not a block: {error}") from error
    fee = header.base_fee_per_gas
    return Block(
        number=_number(header.number),
        hash=header.hash.lower(),
        parent_hash=header.parent_hash.lower(),
        miner=header.miner.lower(),
        timestamp=_number(header.timestamp, LAST_SECOND),
        gas_used=_number(header.gas_used),
        gas_limit=_number(header.gas_limit),
        base_fee_per_gas=None if fee is None else _number(fee),
        transaction_count=len(header.transactions),
        size=_number(header.size),
        extra_data=header.extra_data.lower(),
    )


def _number(text: str, limit: int = _LONGEST) -> int:
    try:
        number = int(text, 16)
    except ValueError:
        number = -1
    # Written back it must be the same text: int() also takes blanks, underscores, signs and other alphabets' digits.
    if not 0 <= number < limit or hex(number) != text:
        raise MalformedAnswer(f"{text[:100]!r} is not a quantity in hex that is possible here")
    return number


def balance_keys(blocks: Iterable[Block]) -> list[BalanceKey]:
    """What must be read for these blocks, each once, in their order. Block 0 has no block before it."""
    keys: dict[BalanceKey, None] = {}
    for block in blocks:
        if block.number > 0:
            keys[BalanceKey(block.miner, block.number - 1)] = None
            keys[BalanceKey(block.miner, block.number)] = None
    return list(keys)


def balance_changes(blocks: Iterable[Block], balances: Mapping[BalanceKey, int]) -> list[BalanceChange]:
    """One row per block but block 0. Raises `ProofError` for a balance that was not read."""
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
    )


def ether(wei: int) -> Decimal:
    """Wei in ETH, every digit kept."""
    return Decimal(wei).scaleb(-18, _EVERY_DIGIT)
