"""Account proofs, which prove the balance of an address against the state root of a block header.

A proof (EIP-1186, `eth_getProof`) lists the nodes of the state trie from its root down to the address. Each node
contains the hash of the next one; the block header contains the hash of the first. Source: the Ethereum yellow paper,
appendix D.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stx_pipelines.chains.rlp import BadRlp, Item, decode, keccak

EMPTY_ROOT = keccak(b"\x80")
"""The root of a trie without entries."""

_BRANCH, _PATH_AND_NEXT = 17, 2  # numbers of items in the two kinds of nodes
_HASH = 32  # bytes; a shorter node is embedded in the node above it
_ACCOUNT = 4  # items of an account: nonce, balance, storage root, code hash
_WORD = 32  # bytes of the longest balance


class BadAccountProof(ValueError):
    """The nodes do not prove the balance or the absence of an address."""


def proved_balance(root: bytes, address: str, nodes: Sequence[bytes]) -> int:
    """Return the balance in Wei of an address (0x and 40 digits) in the state with this root.

    Return 0 if the nodes prove that the state has no such address. Raises `BadAccountProof`.
    """
    if root == EMPTY_ROOT and not nodes:
        return 0
    path = keccak(bytes.fromhex(address[2:])).hex()
    try:
        value = _value_at(root, path, iter(nodes))
        return _balance(value) if value else 0
    except BadRlp as error:
        raise BadAccountProof(f"a node cannot be read: {error}") from error


def _value_at(root: bytes, path: str, nodes: Iterator[bytes]) -> bytes:
    """Follow the path, given as hex digits, from the root down.

    Return the value found there, or b"" if the trie has no entry for the path.
    """
    below: Item = root
    while below:
        node = _resolve(below, nodes)
        if len(node) == _BRANCH:
            if not path:
                raise BadAccountProof("the path ends at a branch node")
            below, path = node[int(path[0], 16)], path[1:]
        elif len(node) == _PATH_AND_NEXT:
            digits, is_leaf = _digits(node[0])
            if is_leaf:
                return _bytes(node[1]) if digits == path else b""
            if not path.startswith(digits):
                return b""
            below, path = node[1], path[len(digits) :]
        else:
            raise BadAccountProof(f"a node has {len(node)} items")
    return b""


def _resolve(named: Item, nodes: Iterator[bytes]) -> list[Item]:
    """Return the items of a node. `named` is the hash of the next node of `nodes`, or an embedded node."""
    if isinstance(named, bytes):
        content = next(nodes, None)
        if content is None:
            raise BadAccountProof("a node is missing")
        if len(named) != _HASH or keccak(content) != named:
            raise BadAccountProof("a node does not have the hash that the node above it or the header contains")
        named = decode(content)
    if isinstance(named, bytes):
        raise BadAccountProof("a node is not a list")
    return named


def _digits(encoded: Item) -> tuple[str, bool]:
    """Decode a part of a path. Return its hex digits, and whether it is the last part."""
    text = _bytes(encoded).hex()
    if not text or text[0] > "3":
        raise BadAccountProof("a node's part of the path cannot be read")
    kind = int(text[0])
    return text[2 - kind % 2 :], kind >= 2


def _balance(value: bytes) -> int:
    account = decode(value)
    if isinstance(account, bytes) or len(account) < _ACCOUNT:
        raise BadAccountProof("the value of the address is not an account")
    balance = _bytes(account[1])
    if len(balance) > _WORD:
        raise BadAccountProof("the balance is longer than 32 bytes")
    return int.from_bytes(balance, "big")


def _bytes(item: Item) -> bytes:
    if isinstance(item, bytes):
        return item
    raise BadAccountProof("a node has a list where bytes are expected")
