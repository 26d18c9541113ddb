"""Functions that keep secrets in a server's address out of messages and logs.

The address of an RPC server often contains a key in its path, its query or its user name.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, unquote, urlsplit

IPC = "ipc://"
"""The start of the address of a socket on this machine; its absolute path follows, which is no secret."""

WEBSOCKET = ("ws://", "wss://")
"""The starts of the addresses of servers that are read through WebSocket."""

_SHORTEST_SECRET = 4  # shorter parts, such as "v3" or "eth" in a path, are not secret


def public_name(url: str) -> str:
    """Return the scheme, host and port of an address, or the whole address of a socket on this machine."""
    if url.startswith(IPC):
        return url
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def hide_paths_from_the_log() -> None:
    """Keep urllib3 from logging the paths of requests. It logs them at level DEBUG and for malformed headers."""
    logging.getLogger("urllib3").setLevel(logging.ERROR)


def secrets_in(headers: Mapping[str, str]) -> list[str]:
    """Return the values of headers and their words, such as `Bearer TOKEN` and `TOKEN`, longest first."""
    words = {word for value in headers.values() for word in value.split() if len(word) >= _SHORTEST_SECRET}
    return sorted({*headers.values()} | words, key=len, reverse=True)


def secrets_of(url: str) -> list[str]:
    """Return the parts of an address that must not be shown, longest first.

    Each part is given as written, decoded and encoded, because a server may repeat it in any of these forms.
    """
    parts = urlsplit(url)
    plain = [unquote(part) for part in [*parts.path.split("/"), parts.username or "", parts.password or ""]]
    plain += [value for _, value in parse_qsl(parts.query)]
    pieces = {url, parts.path, parts.query, *parts.path.split("/"), *plain, *(quote(part, safe="") for part in plain)}
    return sorted((piece for piece in pieces if len(piece) >= _SHORTEST_SECRET), key=len, reverse=True)
