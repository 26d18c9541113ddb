"""The response of a server, who wrote it, and the errors without a response.

This module does not import an HTTP library.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

LATE = "no response in time"
"""The reason of `Broken` when the server was too slow."""


class Answer(NamedTuple):
    """A complete response with its decompressed body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")

    @property
    def is_of_the_api(self) -> bool:
        """Whether an API wrote this refusal: it is a JSON object with an error or a message.

        Otherwise something in front of the API wrote it, such as a proxy or a page that checks for robots.
        """
        said = _refusal(self.body)
        return bool(said and (said.error or said.message))

    @property
    def words(self) -> str:
        """The message of the API in this refusal; the whole text if it has none."""
        said = _refusal(self.body)
        return said.message if said and isinstance(said.message, str) and said.message else self.text


class _Refusal(msgspec.Struct):
    error: object = None
    message: object = None


_refusal_in = msgspec.json.Decoder(_Refusal).decode


def _refusal(body: bytes) -> _Refusal | None:
    try:
        return _refusal_in(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


class Limits(NamedTuple):
    """The limits of an exchange in seconds: `wait` for each wait for the server, `whole` for the whole exchange.

    `stop` ends the exchange early.
    """

    wait: float
    whole: float
    stop: threading.Event | None = None


class Broken(Exception):
    """The response did not arrive whole. The message says why. `slow` is true if it took too long."""

    def __init__(self, message: str, *, slow: bool = False) -> None:
        super().__init__(message)
        self.slow = slow


class NoAddress(Exception):
    """No request can be sent to this address. The message says why."""
