"""Errors of requests to an API. Their messages are for people. Needs no HTTP library."""

from __future__ import annotations

from datetime import datetime


class ApiError(Exception):
    """The API did not give a usable response. The message is one sentence for people."""


class Unreachable(ApiError):
    """No usable response after as many attempts as the settings allow."""


class Behind(Unreachable):
    """The server's newest block is old, and the data requested comes after it."""


class RateLimited(ApiError):
    """The API demands a longer pause than the settings allow: requests are possible again at `until`."""

    def __init__(self, message: str, until: datetime) -> None:
        super().__init__(message)
        self.until = until


class NotFound(ApiError):
    """HTTP 404."""


class Gone(ApiError):
    """HTTP 410: the server's operator has switched this route off."""


class Interrupted(ApiError):
    """The run was stopped."""


class TooLarge(ApiError):
    """The request or its response is larger than the server or this program accepts: request less at once."""


class NoState(ApiError):
    """The node does not have the state of a block: an archive node is needed."""
