"""Functions that read and decompress the body of a response, up to `MOST` bytes."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Iterable, Iterator

MOST = 64 * 1024 * 1024
"""The limit of a body in bytes, as sent and as decompressed: 64 MiB.

The largest known response is a raw tenure, which is a quarter of this size.
"""

ENCODING = "gzip"
"""The `Accept-Encoding` header of every request."""

PIECE = 1024 * 1024
"""The number of bytes read or decompressed at a time."""

_UNDERSTOOD = frozenset({"gzip", "x-gzip", "deflate"})
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS


class TooMuch(Exception):
    """The body is larger than `MOST` bytes."""


class Undecodable(Exception):
    """The body cannot be decompressed."""


def whole(pieces: Iterable[bytes], encoding: str, check: Callable[[], None]) -> bytes:
    """Return the decompressed body. `encoding` is the response's `Content-Encoding` header.

    `check` is called after each piece and may raise an error. Raises `TooMuch` and `Undecodable`.
    """
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
                if decoder.eof:  # a gzip body may have several members, one after another
                    decoder = zlib.decompressobj(_GZIP_OR_ZLIB)
                yield decoder.decompress(left, PIECE)
                left = decoder.unused_data if decoder.eof else decoder.unconsumed_tail
        while rest := decoder.decompress(b"", PIECE):
            yield rest
    except zlib.error:
        raise Undecodable("the response cannot be decompressed") from None
    if begun and not decoder.eof:
        raise Undecodable("the compressed response ended too soon")
