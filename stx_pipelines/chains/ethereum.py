"""The values of an Ethereum node: a typed row per block, and the change of its fee recipient's balance.

Also the parsers of `eth_getBalance` and `eth_getProof`. A response of another shape is a `MalformedAnswer`, never a
wrong row. Blocks are parsed in `ethereum_blocks`. Proofs are in `ethereum_proof`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Context, Decimal
from typing import NamedTuple

import msgspec

from stx_pipelines.chains.errors import BeyondTables, MalformedAnswer, ProofError, malformed

_MOST = 10**38  # no amount of Wei has 39 digits; tables keep 38
LONGEST = 2**63
"""The limit of numbers, times and gas, which fit a signed integer of 64 bits."""

WORD = 2**256
"""The limit of the numbers that a node may send."""

HEX = re.compile(r"0[xX][0-9a-fA-F]{1,64}")
"""A number as nodes write it. They differ in case, and some pad with zeros."""

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


class Header(msgspec.Struct, frozen=True, gc=False):
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


_account_proof = msgspec.json.Decoder(_AccountProof).decode
_text = msgspec.json.Decoder(str).decode


def parse_quantity(raw: bytes | msgspec.Raw) -> int:
    """Return the number in a JSON text like `"0x1f"`.

    Raises `MalformedAnswer`, and `BeyondTables` for a number of more than 38 decimal digits.
    """
    try:
        number = hex_number(_text(raw), WORD)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise malformed("the response is not a quantity", error) from error
    if number >= _MOST:
        raise BeyondTables(f"{number}, which has more than the 38 digits that a table keeps")
    return number


def quantities(texts: list[str]) -> list[int]:
    """Return the numbers in many texts like `0x1f`, as `parse_quantity` does. Raises `MalformedAnswer`."""
    try:
        numbers = [int(text, 16) for text in texts]
    except ValueError as error:
        raise MalformedAnswer(f"the response has a quantity that is not hex: {error}") from error
    # The checks of `hex_number`, on all numbers at once, because a day has many thousands of them.
    if list(map(hex, numbers)) != texts or min(numbers, default=0) < 0 or max(numbers, default=0) >= _MOST:
        return [hex_number(text, _MOST) for text in texts]
    return numbers


def parse_account_proof(raw: bytes | msgspec.Raw) -> list[bytes]:
    """Return the nodes of an account proof, from the root down. Raises `MalformedAnswer`."""
    try:
        return [bytes.fromhex(node.removeprefix("0x")) for node in _account_proof(raw).account_proof]
    except (ValueError, RecursionError) as error:  # the errors of msgspec are ValueErrors
        raise malformed("the response is not an account proof", error) from error


def hex_number(text: str, limit: int = LONGEST) -> int:
    """Return the number in a text like `0x1f`. Raises `MalformedAnswer` for another text, or from `limit` on."""
    # int() also takes blanks, underscores, signs and other alphabets' digits.
    number = int(text, 16) if HEX.fullmatch(text) else limit
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
