"""The headers of the made-up Ethereum chain: their fields, their withdrawals, their hashes.

This module makes the fields that a header's hash covers, and the hash. It does not make the chain grow (chain.py) or
write JSON (render.py).
"""

from hashlib import sha256
from typing import NamedTuple

from stx_pipelines.devnet.ethereum.trie import Entry, keccak, list_rlp, number_bytes, root, string_rlp
from stx_pipelines.devnet.ethereum.values import EthereumBlock

EMPTY_UNCLES = "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347"
_NO_WITHDRAWALS = root([])
FUTURE_MEMBER = "futureHash"
"""The name of a made-up field of a future fork. The header's hash covers the field, and no client knows it."""


class Withdrawal(NamedTuple):
    """One withdrawal of stake in a block. `gwei` is the amount."""

    serial: int
    validator: int
    address: str
    gwei: int


def withdrawals_of(number: int, miner: str, parent_hash: str) -> list[Withdrawal]:
    """Return the withdrawals of a block. Every fourth block has three, and the second goes to the fee recipient."""
    someone = f"0x{parent_hash[2:42]}"
    return [
        Withdrawal(
            4 * number + at,
            (number + at) % 1_000_000,
            miner if at == 1 else someone,
            18_000_000 + number % 1_000 + at,
        )
        for at in range(3 if number % 4 == 3 else 0)
    ]


def withdrawals_root(withdrawals: list[Withdrawal]) -> str:
    """Return the root of the trie of these withdrawals, as 0x and 64 hexadecimal digits."""
    if not withdrawals:
        return _NO_WITHDRAWALS
    entries: list[Entry] = []
    for at, (serial, validator, address, gwei) in enumerate(withdrawals):
        fields = [number_bytes(serial), number_bytes(validator), bytes.fromhex(address[2:]), number_bytes(gwei)]
        entries.append((string_rlp(number_bytes(at)).hex(), list_rlp([string_rlp(field) for field in fields])))
    return root(sorted(entries))


def derived(block: EthereumBlock, turn: int) -> str:
    """Return a made-up 32-byte value of the block: its `mix_hash` rotated by `turn` digits.

    A real hash would take longer to compute than the rest of the block.
    """
    digits = (block.mix_hash or block.hash)[2:]
    return f"0x{digits[turn:]}{digits[:turn]}"


def logs_bloom(block: EthereumBlock) -> str:
    """Return a placeholder bloom filter: it does not describe the block's logs."""
    return derived(block, 0) + derived(block, 0)[2:] * 7


def header_hash(block: EthereumBlock, *, has_future_member: bool = False, is_ethereums: bool = True) -> str:
    """Return the hash of the block's header: Keccak-256 as in Ethereum, or SHA-256 without `is_ethereums`.

    With `has_future_member` the hash also covers the made-up field of a future fork.
    """
    content = bytes.fromhex(
        f"a0{block.parent_hash[2:]}a0{_digits(block.sha3_uncles)}94{block.miner[2:]}a0{_digits(block.state_root)}"
        f"a0{_digits(block.transactions_root)}a0{_digits(block.receipts_root)}b90100{logs_bloom(block)[2:]}"
    )
    content += _numbers(block.difficulty, block.number, block.gas_limit, block.gas_used, block.timestamp)
    content += string_rlp(bytes.fromhex(block.extra_data[2:]))
    content += bytes.fromhex(f"a0{_digits(block.mix_hash)}88{_digits(block.nonce)}")
    if block.base_fee_per_gas is not None:
        content += _numbers(block.base_fee_per_gas) + bytes.fromhex(f"a0{_digits(block.withdrawals_root)}")
        content += _numbers(block.blob_gas_used, block.excess_blob_gas)
        content += bytes.fromhex(f"a0{_digits(block.parent_beacon_block_root)}a0{_digits(block.requests_hash)}")
    if has_future_member:
        content += bytes.fromhex(f"a0{_digits(derived(block, 9))}")
    content = list_rlp([content])
    return "0x" + (keccak(content).hex() if is_ethereums else sha256(content).hexdigest())


def _digits(text: str | None) -> str:
    return (text or "")[2:]


def _numbers(*numbers: int | None) -> bytes:
    return b"".join([string_rlp(number_bytes(number or 0)) for number in numbers])
