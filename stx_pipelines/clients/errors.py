"""Errors of requests to an API. This module does not import an HTTP library."""

from __future__ import annotations

from datetime import datetime


class ApiError(Exception):
    """The API did not send a usable response. The message is one sentence for the user."""


class Unreachable(ApiError):
    """The server sent no usable response in as many attempts as the settings allow."""


class Behind(Unreachable):
    """The requested data is newer than the server's newest block, and that block is old."""


class Lagging(Unreachable):
    """A response without a block that the server has named: one of its backends is behind the others."""


class Moving(ApiError):
    """The chain kept changing while its data was read. A later run may succeed."""


class RateLimited(ApiError):
    """The API demands a longer pause than the settings allow. It accepts requests again at `until`."""

    def __init__(self, message: str, until: datetime) -> None:
        super().__init__(message)
        self.until = until


class Denied(ApiError):
    """The server responded with HTTP 401 or 403, which concerns all requests."""


class Changed(ApiError):
    """The API has changed: a route gives responses of another shape again and again. A retry does not help."""


class NotFound(ApiError):
    """The API itself responded with HTTP 404."""


class Gone(ApiError):
    """The API itself responded with HTTP 410, because its operator has switched this route off."""


class Interrupted(ApiError):
    """The run was stopped."""


class TooLarge(ApiError):
    """The request or its response is too large for the server or for this program. A smaller request may succeed."""


class NoHistory(ApiError):
    """The node no longer has an old block."""


class NoState(ApiError):
    """The node does not have the state of a block. An archive node has the states of all blocks."""
