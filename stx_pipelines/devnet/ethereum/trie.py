"""RLP, Keccak-256 and tries of the made-up Ethereum chain.

The package has another implementation, which the devnet tests. This one must therefore be independent of it.
This module encodes bytes and nodes. It does not encode accounts or headers (state.py, header.py).
"""

from collections.abc import Iterator, Sequence
from itertools import groupby

from _pysha3 import keccak_256

Entry = tuple[str, bytes]
"""The hex digits of a key, or its remaining digits below a node, and the value."""


def keccak(data: bytes) -> bytes:
    """Return the Keccak-256 hash, 32 bytes."""
    digest: bytes = keccak_256(data).digest()
    return digest


def number_bytes(number: int) -> bytes:
    """Return the big-endian bytes of a number without leading zeros."""
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def string_rlp(data: bytes) -> bytes:
    """Return the RLP of a byte string."""
    if len(data) == 1 and data[0] < 0x80:
        return data
    return _with_length(0x80, data)


def list_rlp(encoded: Sequence[bytes]) -> bytes:
    """Return the RLP of a list whose items are already encoded."""
    return _with_length(0xC0, b"".join(encoded))


def _with_length(kind: int, data: bytes) -> bytes:
    if len(data) < 56:
        return bytes((kind + len(data),)) + data
    size = number_bytes(len(data))
    return bytes((kind + 55 + len(size),)) + size + data


def node(entries: Sequence[Entry]) -> bytes:
    """Return the RLP of the node above these entries, which must be sorted. Without entries it is the empty node."""
    if not entries:
        return b"\x80"
    if len(entries) == 1:
        [(path, value)] = entries
        return list_rlp([_path(path, 2), string_rlp(value)])
    shared = _shared(entries)
    if shared:
        return list_rlp([_path(shared, 0), named(node(_below(entries, len(shared))))])
    return branch({digit: named(node(_below(group, 1))) for digit, group in _groups(entries)})


def branch(below: dict[str, bytes]) -> bytes:
    """Return the RLP of a branch node. `below` has the reference to each lower node by its digit."""
    return list_rlp([below.get(digit, b"\x80") for digit in "0123456789abcdef"] + [b"\x80"])


def named(content: bytes) -> bytes:
    """Return the reference to a node in the node above: its hash, or the node itself if it is shorter than a hash."""
    return content if len(content) < 32 else b"\xa0" + keccak(content)


def proof(entries: Sequence[Entry], path: str) -> Iterator[bytes]:
    """Yield the nodes from the root down to a key, or down to the node that shows that the key is missing."""
    if not entries:
        return
    yield node(entries)
    shared = _shared(entries)
    if len(entries) == 1 or not path.startswith(shared):
        return
    path, entries = path[len(shared) :], _below(entries, len(shared))
    if shared:
        yield node(entries)
    yield from proof(_below([each for each in entries if each[0][0] == path[0]], 1), path[1:])


def root(entries: Sequence[Entry]) -> str:
    """Return the hash of the top node above these entries, as 0x and 64 digits."""
    return "0x" + keccak(node(entries)).hex()


def _shared(entries: Sequence[Entry]) -> str:
    """Return the digits with which all keys of the entries begin."""
    first, last = entries[0][0], entries[-1][0]
    length = 0
    while length < len(first) and first[length] == last[length]:
        length += 1
    return first[:length]


def _below(entries: Sequence[Entry], digits: int) -> list[Entry]:
    return [(path[digits:], value) for path, value in entries]


def _groups(entries: Sequence[Entry]) -> Iterator[tuple[str, list[Entry]]]:
    for digit, group in groupby(entries, lambda entry: entry[0][0]):
        yield digit, list(group)


def _path(digits: str, kind: int) -> bytes:
    odd = len(digits) % 2
    return string_rlp(bytes.fromhex(f"{kind + odd}{'' if odd else '0'}{digits}"))
