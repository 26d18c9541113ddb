"""The root of a block's withdrawals (EIP-4895): a trie over their positions, which the header names."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import groupby
from typing import NamedTuple

from stx_pipelines.chains.rlp import items, keccak, quantity, string

EMPTY_ROOT = "0x" + keccak(b"\x80").hex()

_EMBEDDED = 64  # hex digits; shorter nodes stand within the node above


class Withdrawal(NamedTuple):
    """Stake that a block paid out, in Gwei, to an address. All are hex digits, as nodes send them behind 0x."""

    serial: str
    validator: str
    address: str
    gwei: str


_Entry = tuple[str, str]
"""The rest of a key of a trie, and the value. Both are hex digits."""


def withdrawals_root(withdrawals: Sequence[Withdrawal]) -> str:
    """Return the root, as 0x and 64 digits, that the header of a block with these withdrawals names.

    Raises `ValueError` or `IndexError` for what is no hex.
    """
    if not withdrawals:
        return EMPTY_ROOT
    entries = sorted([(quantity(f"{at:x}"), _encoded(*each)) for at, each in enumerate(withdrawals)])
    return "0x" + keccak(bytes.fromhex(_node(entries))).hex()


def _encoded(serial: str, validator: str, address: str, gwei: str) -> str:
    return items(f"{quantity(serial)}{quantity(validator)}94{address}{quantity(gwei)}")


def _node(entries: Sequence[_Entry]) -> str:
    """Encode the node above these entries, which are in the order of their keys. No key begins another."""
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
    """How the node above names this one: by its hash, or by itself where that is shorter."""
    return node if len(node) < _EMBEDDED else "a0" + keccak(bytes.fromhex(node)).hex()
