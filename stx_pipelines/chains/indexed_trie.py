"""The root hash of a trie whose keys are positions, as those of a block's transactions, receipts and withdrawals."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby

from stx_pipelines.chains.rlp import items, keccak, quantity, string, to_bytes

EMPTY_ROOT = "0x" + keccak(b"\x80").hex()
_EMBEDDED = 64  # hex digits; a shorter node is embedded in the node above it
_USUAL = 64  # tries of more values are not kept


class _Node:
    """A node of the trie without its values. It depends on the number of values only.

    A leaf has the position of its value. `below` is one node for a shared path and 17 for a branch.
    """

    __slots__ = ("below", "path", "position")

    def __init__(self, path: str = "", position: int = -1, below: Sequence[_Node | None] = ()) -> None:
        self.path, self.position, self.below = path, position, below


def indexed_root(values: Sequence[str]) -> str:
    """Return the root hash, as 0x and 64 digits, of the trie of these values. They are hex digits, in their order.

    Raises `ValueError` if a value is not hex digits.
    """
    if not values:
        return EMPTY_ROOT
    encoded = list(map(string, values))
    return "0x" + keccak(to_bytes(_filled(_trie(len(encoded)), encoded))).hex()


def _filled(node: _Node, values: Sequence[str]) -> str:
    """Return the encoding of a node with its values."""
    if not node.below:
        return items(node.path + values[node.position])
    return items(node.path + "".join([_named(_filled(each, values)) if each else "80" for each in node.below]))


def _named(node: str) -> str:
    """Return the reference to a node in the node above: the node itself if it is short, otherwise its hash."""
    return node if len(node) < _EMBEDDED else "a0" + keccak(to_bytes(node)).hex()


def _trie(count: int) -> _Node:
    return _usual_trie(count) if count <= _USUAL else _trie_of(count)


@lru_cache(_USUAL)
def _usual_trie(count: int) -> _Node:
    return _trie_of(count)


def _trie_of(count: int) -> _Node:
    return _above(sorted((quantity(hex(position)), position) for position in range(count)))


def _above(entries: Sequence[tuple[str, int]]) -> _Node:
    """Return the node above these positions, sorted by path. No path is the beginning of another path."""
    first, position = entries[0]
    if len(entries) == 1:
        return _Node(_path(first, is_leaf=True), position)
    last = entries[-1][0]
    shared = 0
    while first[shared] == last[shared]:
        shared += 1
    if shared:
        rest = [(path[shared:], position) for path, position in entries]
        return _Node(_path(first[:shared], is_leaf=False), below=[_above(rest)])
    below: list[_Node | None] = [None] * 17
    for digit, group in groupby(entries, lambda entry: entry[0][0]):
        below[int(digit, 16)] = _above([(path[1:], position) for path, position in group])
    return _Node(below=below)


def _path(digits: str, *, is_leaf: bool) -> str:
    if len(digits) % 2:
        return string(f"{1 + 2 * is_leaf}{digits}")
    return string(f"{2 * is_leaf}0{digits}")
