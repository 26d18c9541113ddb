"""The transactions and receipts of the made-up Ethereum chain, with their root hashes.

Only a chain whose spec has `bodies` has them. They are made from the block's other fields each time, so nothing is
kept. Only the balances of fee recipients are real: the other senders are made up, and so are all signatures.
This module makes values and their encodings. It does not write JSON (render_bodies.py) or balances (accounts.py).
"""

from collections.abc import Sequence
from hashlib import sha256
from random import Random
from typing import NamedTuple

from stx_pipelines.devnet.ethereum.header import withdrawals_of
from stx_pipelines.devnet.ethereum.trie import Entry, keccak, list_rlp, number_bytes, root, string_rlp
from stx_pipelines.devnet.ethereum.values import EthereumBlock

_PLAIN_GAS = 21_000
_GWEI = 10**9
_SHARE_OF_PAYMENTS = 0.6  # blocks of two transactions or more whose last one pays the proposer
_SHARE_TO_MINER = 0.15
_SHARE_CREATING = 0.1
_SHARE_FAILED = 0.1
_SHARE_OF_DIRECT = 0.3  # blocks in which a contract pays the fee recipient
NO_BLOOM = "0x" + "00" * 256


class MadeTransaction(NamedTuple):
    """A transaction and its result. Amounts are Wei, `tip` and `most` per unit of gas; `to` is "" for a creation."""

    kind: int
    nonce: int
    sender: str
    to: str
    value: int
    gas: int
    gas_used: int
    cumulative: int
    tip: int
    most: int
    data: bytes
    r: int
    s: int
    succeeded: bool
    price: int
    topic: str
    chain_id: int

    @property
    def hash(self) -> str:
        """The hash of the encoded transaction."""
        return "0x" + keccak(encoded(self)).hex()


def made_body(block: EthereumBlock, balance_before: int, chain_id: int) -> list[MadeTransaction]:
    """Return the transactions of a block. `balance_before` is the fee recipient's balance before the block, in Wei."""
    count, rng = block.transaction_count, Random(block.mix_hash)
    base = block.base_fee_per_gas or 0
    payment = _payment(block, balance_before, base, rng)
    others = count - 1 if payment else count
    left = block.gas_used - count * _PLAIN_GAS
    made: list[MadeTransaction] = []
    cumulative = 0
    for index in range(count):
        is_payment = payment > 0 and index == count - 1
        gas = _PLAIN_GAS
        if not is_payment:
            gas += left // others + (left % others if index == 0 else 0)
        cumulative += gas
        one = _transaction(block, index, gas, rng, chain_id)._replace(cumulative=cumulative)
        if is_payment:
            proposer = "0x" + sha256(f"proposer {block.mix_hash}".encode()).hexdigest()[:40]
            one = one._replace(kind=min(one.kind, 2), sender=block.miner, to=proposer, value=payment, succeeded=True)
            one = one._replace(tip=0, most=base, price=base, data=b"", topic="")
        made.append(one)
    return made


def increase_of(block: EthereumBlock, made: Sequence[MadeTransaction]) -> int:
    """Return the change of the fee recipient's balance: the parts, and a payment by a contract in some blocks."""
    base, rng = block.base_fee_per_gas or 0, Random(f"direct {block.mix_hash}")
    wei = sum(one.gas_used * (one.price - base) for one in made)
    wei += sum(one.value for one in made if one.succeeded and one.to == block.miner)
    wei -= sum(one.value * one.succeeded + one.gas_used * one.price for one in made if one.sender == block.miner)
    if block.base_fee_per_gas is not None:
        withdrawals = withdrawals_of(block.number, block.miner, block.parent_hash)
        wei += sum(one.gwei for one in withdrawals if one.address == block.miner) * _GWEI
    return wei + (rng.randrange(10**17) if rng.random() < _SHARE_OF_DIRECT else 0)


def body_roots(made: Sequence[MadeTransaction]) -> tuple[str, str]:
    """Return the roots of the transactions and of the receipts."""
    return _root([encoded(one) for one in made]), _root([_encoded_receipt(one) for one in made])


def encoded(one: MadeTransaction) -> bytes:
    """Return the bytes of a transaction, of which the hash is made."""
    start = [number_bytes(one.nonce)]
    if one.kind > 0:
        start.insert(0, number_bytes(one.chain_id))
    prices = [one.most] if one.kind < 2 else [one.tip, one.most]
    fields = [*start, *map(number_bytes, [*prices, one.gas]), bytes.fromhex(one.to[2:])]
    texts = [string_rlp(field) for field in [*fields, number_bytes(one.value), one.data]]
    signature = [string_rlp(number_bytes(each)) for each in (27 if one.kind == 0 else 1, one.r, one.s)]
    if one.kind == 0:
        return list_rlp([*texts, *signature])
    access = list_rlp([list_rlp([_address(one.sender), list_rlp([string_rlp(bytes.fromhex(one.topic[2:]))])])])
    further = [access if one.topic else list_rlp([])]
    if one.kind == 3:
        further += [string_rlp(number_bytes(1)), list_rlp([string_rlp(blob_hash(one))])]
    if one.kind == 4:
        code = [string_rlp(number_bytes(one.chain_id)), _address(one.to or one.sender), string_rlp(b"")]
        further.append(list_rlp([list_rlp([*code, *signature])]))
    return bytes([one.kind]) + list_rlp([*texts, *further, *signature])


def blob_hash(one: MadeTransaction) -> bytes:
    """Return the made-up hash of the transaction's blob."""
    return b"\1" + sha256(one.sender.encode()).digest()[1:]


def _encoded_receipt(one: MadeTransaction) -> bytes:
    logs = [list_rlp([_address(one.to or one.sender), list_rlp([string_rlp(bytes.fromhex(one.topic[2:]))]), b"\x80"])]
    status = string_rlp(number_bytes(int(one.succeeded)))
    fields = [status, string_rlp(number_bytes(one.cumulative)), string_rlp(bytes.fromhex(NO_BLOOM[2:]))]
    receipt = list_rlp([*fields, list_rlp(logs if one.topic else [])])
    return bytes([one.kind]) + receipt if one.kind else receipt


def _transaction(block: EthereumBlock, index: int, gas: int, rng: Random, chain_id: int) -> MadeTransaction:
    base = block.base_fee_per_gas or 0
    kind = (block.number + index) % (5 if block.base_fee_per_gas is not None else 2)
    tip, digest = rng.randrange(3 * _GWEI), sha256(f"{block.mix_hash}:{index}".encode()).hexdigest()
    sender, to, drawn = "0x" + digest[:40], "0x" + digest[24:], rng.random()
    if drawn < _SHARE_TO_MINER:
        to = block.miner
    elif drawn < _SHARE_TO_MINER + _SHARE_CREATING and kind < 3:
        to = ""
    succeeded = rng.random() >= _SHARE_FAILED
    return MadeTransaction(
        kind=kind,
        nonce=index,
        sender=sender,
        to=to,
        value=rng.randrange(10**17),
        gas=2 * gas,
        gas_used=gas,
        cumulative=0,
        tip=tip,
        # Every other transaction offers less than its tip and the base fee.
        most=base + (tip if index % 2 or kind < 2 else tip // 2),
        data=digest.encode()[: rng.randrange(65)],
        r=rng.getrandbits(255) + 1,
        s=rng.getrandbits(240) + 1,
        succeeded=succeeded,
        price=base + (tip if index % 2 or kind < 2 else tip // 2),
        topic="0x" + digest if succeeded and gas > _PLAIN_GAS else "",
        chain_id=chain_id,
    )


def _payment(block: EthereumBlock, balance_before: int, base: int, rng: Random) -> int:
    """Draw the payment to the proposer in Wei; 0 if the fee recipient cannot pay it or its gas."""
    most = min((balance_before - _PLAIN_GAS * base) // 2, 10**17)
    is_paid = rng.random() < _SHARE_OF_PAYMENTS
    return rng.randrange(1, most) if is_paid and most > 1 and block.transaction_count > 1 else 0


def _address(text: str) -> bytes:
    return string_rlp(bytes.fromhex(text[2:]))


def _root(values: Sequence[bytes]) -> str:
    entries: list[Entry] = [(string_rlp(number_bytes(at)).hex(), value) for at, value in enumerate(values)]
    return root(sorted(entries))
