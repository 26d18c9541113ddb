"""The response of a server, why there is none, and how long a header says to wait. Needs no HTTP library."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import NamedTuple


class Answer(NamedTuple):
    """A whole response."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Limits(NamedTuple):
    """Seconds an exchange may take: each wait for the server, and all of it. `stop` ends it at once."""

    wait: float
    whole: float
    stop: threading.Event | None = None


class Broken(Exception):
    """The response did not arrive whole; the message says why. `slow`: it took too long."""

    def __init__(self, message: str, *, slow: bool = False) -> None:
        super().__init__(message)
        self.slow = slow


class NoAddress(Exception):
    """No request can be sent to this address; the message says why."""


def seconds_from(header: str | None, now: float) -> float | None:
    """Return the pause in seconds that `retry-after` or `ratelimit-reset` names; None where it names none.

    The header holds seconds, a unix time or an HTTP date; `now` is a unix time.
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
