"""The response of a server, the errors without a response, and the pause that a header demands.

This module does not import an HTTP library.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import NamedTuple

LATE = "no response in time"
"""The reason of `Broken` when the server was too slow."""


class Answer(NamedTuple):
    """A complete response with its decompressed body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


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


def seconds_from(header: str | None, now: float) -> float | None:
    """Return the pause in seconds that a `retry-after` or `ratelimit-reset` header names, or None if it names none.

    The header may contain seconds, a unix time or an HTTP date. `now` is the present unix time.
    """
    if not header:
        return None
    try:
        number = float(header)
    except ValueError:
        try:
            number = parsedate_to_datetime(header).timestamp()
        except (ValueError, OverflowError):
            return None
    if math.isnan(number):
        return None
    a_unix_time = number > 1e9
    return max(0.0, number - now if a_unix_time else number)
