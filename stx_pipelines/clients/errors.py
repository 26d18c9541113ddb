"""What can go wrong with an API, in the words people will read. No HTTP library is needed to speak of it."""

from __future__ import annotations

from datetime import datetime


class ApiError(Exception):
    """The API did not give what was asked. The message is a sentence for people."""


class Unreachable(ApiError):
    """Asked as often as the settings allow, without a usable answer."""


class Behind(Unreachable):
    """The server answers, but its newest block is old: what was asked for comes after it."""


class RateLimited(ApiError):
    """The API wants a longer pause than the settings allow: it may be asked again at `until`."""

    def __init__(self, message: str, until: datetime) -> None:
        super().__init__(message)
        self.until = until


class NotFound(ApiError):
    """404."""


class Gone(ApiError):
    """410: the operator switched this route off."""


class Interrupted(ApiError):
    """The run is being stopped."""


class TooLarge(ApiError):
    """The request, or its answer, is larger than the server or this program takes: ask for less at once."""


class NoState(ApiError):
    """The node no longer has, or never had, the state of a block: an archive node is needed."""
