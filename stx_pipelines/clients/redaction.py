"""What of a server's address may be shown. An RPC address often holds its key: in the path, the query or as a user."""

from __future__ import annotations

from urllib.parse import parse_qsl, quote, unquote, urlsplit

_SHORTEST_SECRET = 4  # "v3" or "eth" in a path is no secret, and hiding it would mangle the words of a message


def public_name(url: str) -> str:
    """Scheme, host and port of an address."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def secrets_of(url: str) -> list[str]:
    """What in this address must not be told, in every spelling a server may repeat; the longest first."""
    parts = urlsplit(url)
    plain = [unquote(part) for part in [*parts.path.split("/"), parts.username or "", parts.password or ""]]
    plain += [value for _, value in parse_qsl(parts.query)]
    pieces = {url, parts.path, parts.query, *parts.path.split("/"), *plain, *(quote(part, safe="") for part in plain)}
    return sorted((piece for piece in pieces if len(piece) >= _SHORTEST_SECRET), key=len, reverse=True)
