"""Errors in the data of a chain. Errors of requests are in `clients/errors.py`."""

from __future__ import annotations

from collections.abc import Iterable


class MalformedAnswer(Exception):
    """A response that the API cannot have meant: not JSON, of another shape, or impossible."""


class BeyondTables(MalformedAnswer):
    """A value that is possible, and too large for every table."""


class ProofError(Exception):
    """Rows do not agree with their proof. `heights` are the blocks to read again: burn blocks for Stacks."""

    def __init__(self, message: str, heights: Iterable[int] = ()) -> None:
        super().__init__(message)
        self.heights = frozenset(heights)
