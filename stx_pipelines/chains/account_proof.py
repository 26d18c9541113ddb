"""Account proofs: the balance of an address, proved against the state root of a block's header.

A proof (EIP-1186, `eth_getProof`) is the nodes of the state trie from its root down to the address. Each node's hash
is named by the node above, the first one's by the header. Source: the Ethereum yellow paper, appendix D.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stx_pipelines.chains.rlp import BadRlp, Item, decode, keccak

EMPTY_ROOT = keccak(b"\x80")
"""The root of a trie without entries."""

_BRANCH, _PATH_AND_NEXT = 17, 2  # items of a node
_HASH = 32  # bytes; shorter nodes stand within the node above
_ACCOUNT = 4  # nonce, balance, storage root, code hash
_WORD = 32  # bytes of the longest balance


class BadAccountProof(ValueError):
    """Nodes that prove nothing about an address."""


def proved_balance(root: bytes, address: str, nodes: Sequence[bytes]) -> int:
    """Return the balance in Wei of an address (0x and 40 digits) in the state with this root.

    An address that the nodes prove absent has 0. Raises `BadAccountProof`.
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
    """Follow the path, given as hex digits, from the root down. Return b"" where it ends."""
    below: Item = root
    while below:
        node = _resolve(below, nodes)
        if len(node) == _BRANCH:
            if not path:
                raise BadAccountProof("a branch is longer than the path")
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
    """Read the node that has this hash, or that stands here itself."""
    if isinstance(named, bytes):
        content = next(nodes, None)
        if content is None:
            raise BadAccountProof("a node is missing")
        if len(named) != _HASH or keccak(content) != named:
            raise BadAccountProof("a node does not have the hash that the node above, or the header, names")
        named = decode(content)
    if isinstance(named, bytes):
        raise BadAccountProof("a node is no list")
    return named


def _digits(encoded: Item) -> tuple[str, bool]:
    """Decode a part of a path: its hex digits, and whether it is the last one."""
    text = _bytes(encoded).hex()
    if not text or text[0] > "3":
        raise BadAccountProof("a node's part of the path cannot be read")
    kind = int(text[0])
    return text[2 - kind % 2 :], kind >= 2


def _balance(value: bytes) -> int:
    account = decode(value)
    if isinstance(account, bytes) or len(account) < _ACCOUNT:
        raise BadAccountProof("the value of the address is no account")
    balance = _bytes(account[1])
    if len(balance) > _WORD:
        raise BadAccountProof("the balance is longer than 32 bytes")
    return int.from_bytes(balance, "big")


def _bytes(item: Item) -> bytes:
    if isinstance(item, bytes):
        return item
    raise BadAccountProof("a list stands where bytes belong")
