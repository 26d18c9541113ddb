"""Functions that keep secrets in a server's address out of messages and logs.

The address of an RPC server often contains a key in its path, its query or its user name.
"""

from __future__ import annotations

import logging
from urllib.parse import parse_qsl, quote, unquote, urlsplit

_SHORTEST_SECRET = 4  # shorter parts, such as "v3" or "eth" in a path, are not secret


def public_name(url: str) -> str:
    """Return the scheme, host and port of an address."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def hide_paths_from_the_log() -> None:
    """Keep urllib3 from logging the paths of requests. It logs them at level DEBUG and for malformed headers."""
    logging.getLogger("urllib3").setLevel(logging.ERROR)


def secrets_of(url: str) -> list[str]:
    """Return the parts of an address that must not be shown, longest first.

    Each part is given as written, decoded and encoded, because a server may repeat it in any of these forms.
    """
    parts = urlsplit(url)
    plain = [unquote(part) for part in [*parts.path.split("/"), parts.username or "", parts.password or ""]]
    plain += [value for _, value in parse_qsl(parts.query)]
    pieces = {url, parts.path, parts.query, *parts.path.split("/"), *plain, *(quote(part, safe="") for part in plain)}
    return sorted((piece for piece in pieces if len(piece) >= _SHORTEST_SECRET), key=len, reverse=True)
