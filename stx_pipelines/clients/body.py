"""The decompressed body of a response, at most `MOST` bytes."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Iterable, Iterator

MOST = 64 * 1024 * 1024
"""Most bytes of a body, as sent and as decompressed. The largest response known, a raw tenure, has a quarter."""

ENCODING = "gzip"
"""The `Accept-Encoding` of every request."""

PIECE = 1024 * 1024
"""Bytes read or decompressed at a time."""

_UNDERSTOOD = frozenset({"gzip", "x-gzip", "deflate"})
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS


class TooMuch(Exception):
    """The body is larger than `MOST` bytes."""


class Undecodable(Exception):
    """The body cannot be decompressed."""


def whole(pieces: Iterable[bytes], encoding: str, check: Callable[[], None]) -> bytes:
    """Return the decompressed body; `check` is called after each piece. Raises `TooMuch`, `Undecodable`."""
    sent = _bounded(pieces)
    held = io.BytesIO()
    for piece in _bounded(_decompressed(sent)) if encoding.strip().lower() in _UNDERSTOOD else sent:
        check()
        held.write(piece)
    return held.getvalue()


def _bounded(pieces: Iterable[bytes]) -> Iterator[bytes]:
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > MOST:
            raise TooMuch(f"sent more than {MOST // 2**20} MiB")
        yield piece


def _decompressed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    decoder, begun = zlib.decompressobj(_GZIP_OR_ZLIB), False
    try:
        for piece in pieces:
            begun, left = True, piece
            while left:
                if decoder.eof:  # a gzip body may have several members
                    decoder = zlib.decompressobj(_GZIP_OR_ZLIB)
                yield decoder.decompress(left, PIECE)
                left = decoder.unused_data if decoder.eof else decoder.unconsumed_tail
        while rest := decoder.decompress(b"", PIECE):
            yield rest
    except zlib.error:
        raise Undecodable("the answer cannot be decompressed") from None
    if begun and not decoder.eof:
        raise Undecodable("the compressed answer ended too soon")
