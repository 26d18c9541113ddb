"""The withdrawals root of a block (EIP-4895): the root hash of a trie of the withdrawals, by their positions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import groupby
from typing import NamedTuple

from stx_pipelines.chains.rlp import items, keccak, quantity, string

EMPTY_ROOT = "0x" + keccak(b"\x80").hex()

_EMBEDDED = 64  # hex digits; a shorter node is embedded in the node above it


class Withdrawal(NamedTuple):
    """A withdrawal of stake to an address. The amount is in Gwei. All fields are hex digits without 0x."""

    serial: str
    validator: str
    address: str
    gwei: str


_Entry = tuple[str, str]
"""The rest of a key in the trie, and the value. Both are hex digits."""


def withdrawals_root(withdrawals: Sequence[Withdrawal]) -> str:
    """Return the withdrawals root, as 0x and 64 digits, of a block with these withdrawals.

    Raises `ValueError` or `IndexError` if a field is not hex.
    """
    if not withdrawals:
        return EMPTY_ROOT
    entries = sorted([(quantity(f"{at:x}"), _encoded(*each)) for at, each in enumerate(withdrawals)])
    return "0x" + keccak(bytes.fromhex(_node(entries))).hex()


def _encoded(serial: str, validator: str, address: str, gwei: str) -> str:
    return items(f"{quantity(serial)}{quantity(validator)}94{address}{quantity(gwei)}")


def _node(entries: Sequence[_Entry]) -> str:
    """Return the encoding of the node above these entries, sorted by key. No key is the beginning of another key."""
    first, value = entries[0]
    if len(entries) == 1:
        return items(_path(first, is_leaf=True) + string(value))
    last = entries[-1][0]
    shared = 0
    while first[shared] == last[shared]:
        shared += 1
    if shared:
        rest = [(path[shared:], value) for path, value in entries]
        return items(_path(first[:shared], is_leaf=False) + _named(_node(rest)))
    below = ["80"] * 17
    for digit, group in groupby(entries, lambda entry: entry[0][0]):
        below[int(digit, 16)] = _named(_node([(path[1:], value) for path, value in group]))
    return items("".join(below))


@cache
def _path(digits: str, *, is_leaf: bool) -> str:
    if len(digits) % 2:
        return string(f"{1 + 2 * is_leaf}{digits}")
    return string(f"{2 * is_leaf}0{digits}")


def _named(node: str) -> str:
    """Return the reference to a node in the node above: the node itself if it is short, otherwise its hash."""
    return node if len(node) < _EMBEDDED else "a0" + keccak(bytes.fromhex(node)).hex()
