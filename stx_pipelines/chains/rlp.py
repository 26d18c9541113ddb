"""RLP, Ethereum's encoding of lists of byte strings, and Keccak-256. The encoders work on hex text, which is fastest.

Source: the Ethereum yellow paper, appendix B. Headers and account proofs are in `ethereum_header` and `account_proof`.
"""

from __future__ import annotations

from _pysha3 import keccak_256

Item = bytes | list["Item"]
"""A decoded value: a byte string, or a list of values."""

_SHORT = 55  # bytes; the encoding of a longer payload also holds the number of bytes of its length
_STRING, _LIST = 0x80, 0xC0
_SHORT_STRINGS = [f"{_STRING + length:x}" for length in range(_SHORT + 1)]
_QUANTITIES = ["", "", *(f"{_STRING + (digits + 1) // 2:x}{'0' * (digits % 2)}" for digits in range(2 * _SHORT + 1))]
_SMALL = {"0x0": "80"} | {hex(number): f"{number:02x}" for number in range(1, _STRING)}
"""The encodings of small numbers, which have no length."""

_SHORT_LISTS = [f"{_LIST + length:x}" for length in range(_SHORT + 1)]


class BadRlp(ValueError):
    """Bytes that are not RLP."""


def keccak(data: bytes) -> bytes:
    """Return the 32 bytes of the Keccak-256 hash."""
    digest: bytes = keccak_256(data).digest()
    return digest


def to_bytes(digits: str) -> bytes:
    """Return the bytes of hex digits. Raises `ValueError` for any other text."""
    data = bytes.fromhex(digits)
    if 2 * len(data) != len(digits):  # `fromhex` skips spaces
        raise ValueError("not hex digits")
    return data


def quantity(text: str) -> str:
    """Return the encoding, as hex digits, of a number given as 0x and hex digits without leading zeros.

    0 is encoded as the empty string. The digits are not checked, nor is 0x. Raises `ValueError` or `IndexError` if the
    text cannot be a number below 2^440.
    """
    return _SMALL.get(text) or _QUANTITIES[len(text)] + text[2:]


def string(digits: str) -> str:
    """Return the encoding of a byte string. The argument and the result are hex digits."""
    if len(digits) == 2 and digits < "80":
        return digits
    length = len(digits) // 2
    return (_SHORT_STRINGS[length] if length <= _SHORT else _long(_STRING, length)) + digits


def items(encoded: str) -> str:
    """Return the encoding of a list as hex digits. `encoded` is the joined encodings of its items."""
    length = len(encoded) // 2
    return (_SHORT_LISTS[length] if length <= _SHORT else _long(_LIST, length)) + encoded


def _long(kind: int, length: int) -> str:
    digits = f"{length:x}"
    if len(digits) % 2:
        digits = "0" + digits
    return f"{kind + _SHORT + len(digits) // 2:x}{digits}"


def decode(data: bytes) -> Item:
    """Return the value that the bytes encode. Raises `BadRlp` if they do not encode exactly one value."""
    try:
        value, end = _decode(data, 0)
    except (IndexError, RecursionError) as error:
        raise BadRlp(f"{len(data)} bytes are not RLP") from error
    if end != len(data):
        raise BadRlp(f"only the first {end} of {len(data)} bytes are RLP")
    return value


def _decode(data: bytes, start: int) -> tuple[Item, int]:
    first = data[start]
    if first < _STRING:
        return data[start : start + 1], start + 1
    kind = _LIST if first >= _LIST else _STRING
    begin, length = start + 1, first - kind
    if length > _SHORT:
        begin += length - _SHORT
        length = int.from_bytes(data[start + 1 : begin], "big")
    end = begin + length
    if end > len(data):
        raise BadRlp(f"{len(data)} bytes end within a value")
    return (data[begin:end] if kind == _STRING else _members(data, begin, end)), end


def _members(data: bytes, start: int, end: int) -> list[Item]:
    found: list[Item] = []
    while start < end:
        member, start = _decode(data, start)
        found.append(member)
    if start != end:
        raise BadRlp("a list ends within a value")
    return found
