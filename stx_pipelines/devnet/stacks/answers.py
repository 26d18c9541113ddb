"""Requests and responses of the Stacks API: headers in the recorded order, recorded error bodies, query parameters.

This module holds the code that all routes share. It does not make the content of a response (routes_*.py) or faults.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from stx_pipelines.devnet.sending import Headers

INT_MAX = 2_147_483_647
_INTEGER = re.compile(r"-?\d+")
_VERSION = "v9.0.2 (main:759c4a58)"
SERVER_VERSION = f"stacks-blockchain-api {_VERSION}"
_OPEN_TO_ALL: Headers = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"X-API-Version"),
]
_API_VERSION = (b"x-api-version", _VERSION.encode())
_JSON = (b"content-type", b"application/json; charset=utf-8")
OCTETS = (b"content-type", b"application/octet-stream")
TEXT = (b"content-type", b"text/plain")
_KEEP_ALIVE: Headers = [(b"connection", b"keep-alive"), (b"keep-alive", b"timeout=72")]
_DEPRECATED = (
    b"warning",
    b'299 - "Deprecated: See https://docs.hiro.so/stacks/api for more information"',
)


class Caching(Enum):
    """The cache-control header of a response.

    `SILENT` leaves out this header and the version, as the real server does where it has not queried its database.
    """

    REVALIDATE = b"public, no-cache, must-revalidate"
    NO_STORE = b"no-store"
    SILENT = b""


@dataclass(frozen=True, slots=True)
class Request:
    """The parts of a request that a route may use."""

    path: str
    argument: str = ""  # the part of the path that names a block or a time
    query: Mapping[str, str] = field(default_factory=dict)
    if_none_match: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """One response, before any fault."""

    status: int
    body: bytes
    etag: str = ""
    caching: Caching = Caching.REVALIDATE
    deprecated: bool = False
    content_type: tuple[bytes, bytes] = _JSON
    extra_headers: tuple[tuple[bytes, bytes], ...] = ()


class RefusedError(Exception):
    """A route's refusal of a request, with the response to send."""

    def __init__(self, answer: Answer) -> None:
        """Refuse with this response."""
        super().__init__(answer.status)
        self.answer = answer


def wire_headers(answer: Answer, keep_alive: bool) -> Headers:
    """Return the headers of a response, in the order of the real server."""
    headers = list(_OPEN_TO_ALL)
    if answer.caching is not Caching.SILENT:
        headers += [_API_VERSION, (b"cache-control", answer.caching.value)]
    if answer.etag and answer.status != 304:
        headers.append((b"etag", f'"{answer.etag}"'.encode()))
    if answer.status != 304:
        headers += _entity_headers(answer)
    headers += answer.extra_headers
    return headers + _KEEP_ALIVE if keep_alive else headers


def _entity_headers(answer: Answer) -> Headers:
    if answer.content_type is OCTETS:
        return [OCTETS]  # without a length, the body is sent in chunks
    length = (b"content-length", str(len(answer.body)).encode())
    if not answer.deprecated:
        return [answer.content_type, length]
    # The real server puts the warning after the length in its own errors, and before it in other responses.
    if answer.status in {400, 500}:
        return [answer.content_type, length, _DEPRECATED]
    return [answer.content_type, _DEPRECATED, length]


def dumps(value: Any) -> bytes:
    """Write compact JSON."""
    return json.dumps(value, separators=(",", ":")).encode()


def bad_request(message: str) -> RefusedError:
    """Make the 400 for a parameter that does not fit its schema."""
    body = {"statusCode": 400, "code": "FST_ERR_VALIDATION", "error": "Bad Request", "message": message}
    return RefusedError(Answer(400, dumps(body), caching=Caching.SILENT))


def not_found(message: str, etag: str = "") -> RefusedError:
    """Make a 404 with a message. It is no-store without an etag, and has the headers of a list with an etag."""
    caching = Caching.REVALIDATE if etag else Caching.NO_STORE
    body = {"statusCode": 404, "error": "Not Found", "message": message}
    return RefusedError(Answer(404, dumps(body), etag, caching))


def no_route(path: str) -> Answer:
    """Make the 404 for an unknown route, such as v3 on an older server."""
    body = {"message": f"Route GET:{path} not found", "error": "Not Found", "statusCode": 404}
    return Answer(404, dumps(body), caching=Caching.SILENT)


def gone() -> Answer:
    """Make the 410 of a server whose operator has switched v1 off."""
    message = "This endpoint has been disabled. See https://docs.hiro.so/stacks/api for more information"
    return Answer(410, dumps({"error": "Gone", "message": message}), caching=Caching.SILENT, deprecated=True)


def out_of_range(value: str, kind: str, etag: str) -> RefusedError:
    """Make the 500 with code 22003 for a number that is too large for PostgreSQL. A retry cannot help."""
    message = f'value "{value}" is out of range for type {kind}'
    body = {"statusCode": 500, "code": "22003", "error": "Internal Server Error", "message": message}
    return RefusedError(Answer(500, dumps(body), etag))


def timed_out(etag: str) -> RefusedError:
    """Make the 500 with code 57014 for a slow query that the database stopped. A retry may help."""
    message = "canceling statement due to statement timeout"
    body = {"statusCode": 500, "code": "57014", "error": "Internal Server Error", "message": message}
    return RefusedError(Answer(500, dumps(body), etag))


def integer(query: Mapping[str, str], name: str, default: int, low: int, high: int | None) -> int:
    """Return a whole number from the query, or the default. Raises the 400 that names the bound it violates."""
    text = query.get(name)
    if text is None:
        return default
    if not _INTEGER.fullmatch(text):
        raise bad_request(f"querystring/{name} must be integer")
    value = int(text)
    if value < low:
        raise bad_request(f"querystring/{name} must be >= {low}")
    if high is not None and value > high:
        raise bad_request(f"querystring/{name} must be <= {high}")
    return value
