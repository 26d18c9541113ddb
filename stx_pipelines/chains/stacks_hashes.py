"""The hash function of Stacks, the merkle root of a block's transactions, and addresses as text. Source: SIP-005."""

from __future__ import annotations

import hashlib
from base64 import b32encode
from collections.abc import Sequence
from functools import lru_cache

EMPTY_ROOT = bytes(32)
"""The merkle root of a block without transactions."""

_ADDRESS_BYTES = 24  # the hash of the keys and its checksum
_DIGITS = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", b"0123456789ABCDEFGHJKMNPQRSTVWXYZ")


def digest(content: bytes) -> bytes:
    """Return the SHA-512/256 hash, 32 bytes."""
    return hashlib.new("sha512_256", content).digest()


def merkle_root(tx_ids: Sequence[bytes]) -> bytes:
    """Return the root over these transaction ids, in the order of their block.

    A row of odd length repeats its last item, so the caller must check that the ids are distinct.
    """
    row = [digest(b"\x00" + tx_id) for tx_id in tx_ids]
    if len(row) == 1:
        return digest(b"\x01" + row[0] + row[0])
    while len(row) > 1:
        if len(row) % 2:
            row.append(row[-1])
        row = [digest(b"\x01" + left + right) for left, right in zip(row[::2], row[1::2], strict=True)]
    return row[0] if row else EMPTY_ROOT


@lru_cache(maxsize=10_000)
def address(version: int, key_hash: bytes) -> str:
    """Return the text of an address, from its version (below 32) and the 20 bytes of its keys' hash (c32check)."""
    twice = hashlib.sha256(hashlib.sha256(bytes([version]) + key_hash).digest()).digest()
    payload = key_hash + twice[:4]
    digits = b32encode(b"\x00" + payload).translate(_DIGITS).lstrip(b"0")
    zeros = _ADDRESS_BYTES - len(payload.lstrip(b"\x00"))  # one digit for each leading byte that is zero
    return "S" + chr(b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"[version]) + "0" * zeros + digits.decode()
