"""Functions that read the texts of single settings: addresses and headers."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

from pydantic import SecretStr

HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*:[ \t]*([!-~]+(?:[ \t]+[!-~]+)*)")  # RFC 9110, in ASCII
OF_THE_CLIENT = {"accept-encoding", "connection", "content-length", "content-type", "host", "transfer-encoding"}


def is_rpc_address(url: str) -> bool:
    """Return whether a text is an address of an Ethereum node that a client can use."""
    if url.startswith("ipc:///"):
        return url.isprintable() and not url.endswith("/")
    if not re.fullmatch(r"(https?|wss?)://[!-~]+", url) or "#" in url:
        return False
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:  # no such port
        return False


def secret_address(value: SecretStr | None, is_usable: Callable[[str], bool], wanted: str) -> SecretStr | None:
    """Return an address that may hold a secret without spaces around it, None if it is empty.

    Raises `ValueError` with the sentence `wanted` if the address is not usable.
    """
    url = value.get_secret_value().strip() if value else ""
    if url and not is_usable(url):
        raise ValueError(wanted)
    return SecretStr(url) if url else None


def is_postgres_address(url: str) -> bool:
    """Return whether a text is an address of one PostgreSQL server and a database, as its drivers read addresses.

    A percent sign that begins no code is refused, because the error of the driver would show a part of the password.
    """
    if not re.fullmatch(r"postgres(ql)?://(%[0-9A-Fa-f]{2}|[!$&-~])+", url):
        return False
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) or "host=" in parts.query
        return has_host and len(parts.path) > 1 and parts.port != 0
    except ValueError:  # no such port, or several hosts
        return False


def address(url: str) -> str:
    """Return an http or https address without a slash at its end. Raises `ValueError` for another text."""
    if not re.fullmatch(r"https?://[^\s?#@/][^\s?#@]*", url):
        raise ValueError("must be an http or https address without user, query and spaces")
    return url.rstrip("/")


def has_only_a_path(url: str) -> bool:
    """Return whether an address has a host or bucket and a path, and no part that may be a secret."""
    parts = urlsplit(url)
    return bool(parts.netloc) and "@" not in parts.netloc and not parts.query and not parts.fragment


def bucket_address(url: str) -> str:
    """Return the address of a bucket without a slash at its end. Raises `ValueError` for another text."""
    if not re.fullmatch(r"(s3|gs|az)://[!-~]+", url) or not has_only_a_path(url):
        raise ValueError(
            "must begin with s3://, gs:// or az:// and have a bucket and a path only; keys are given in the "
            "environment, as the provider names them"
        )
    return url.rstrip("/")


def header_parts(value: SecretStr | None) -> list[str]:
    """Return the headers in a text, which are separated by semicolons or lines."""
    parts = re.split(r"[;\n]", value.get_secret_value()) if value else []
    return [part.strip() for part in parts if part.strip()]


def origin(url: object) -> tuple[object, ...]:
    """Return the scheme, host and port of an address. For a value that is not an address, return the value."""
    try:
        parts = urlsplit((url.get_secret_value() if isinstance(url, SecretStr) else str(url)).strip())
        return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:  # no such port
        return (url,)
