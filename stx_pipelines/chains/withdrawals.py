"""The withdrawals root of a block (EIP-4895): the root hash of a trie of the withdrawals, by their positions."""

from __future__ import annotations

from collections.abc import Sequence

from stx_pipelines.chains.indexed_trie import indexed_root
from stx_pipelines.chains.rlp import items, quantity

Withdrawal = tuple[str, str, str, str]
"""A serial number, a validator's number, an address, and an amount in Gwei. All are 0x and hex digits."""

_ADDRESS = 42  # characters


def withdrawals_root(withdrawals: Sequence[Withdrawal]) -> str:
    """Return the withdrawals root, as 0x and 64 digits, of a block with these withdrawals.

    Raises `ValueError` or `IndexError` if a field has another form.
    """
    return indexed_root([_encoded(*each) for each in withdrawals])


def _encoded(serial: str, validator: str, address: str, gwei: str) -> str:
    if not serial[:2] == validator[:2] == address[:2] == gwei[:2] == "0x" or len(address) != _ADDRESS:
        raise ValueError("not a withdrawal")
    return items(f"{quantity(serial)}{quantity(validator)}94{address[2:]}{quantity(gwei)}")
