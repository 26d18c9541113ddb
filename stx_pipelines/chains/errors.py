"""Errors in the data of a chain. Errors of requests are in `clients/errors.py`."""

from __future__ import annotations

from collections.abc import Iterable


class MalformedAnswer(Exception):
    """A response that is not JSON, has another shape, or contains impossible values."""


class BeyondTables(MalformedAnswer):
    """A value that is possible, and too large for every table."""


class ProofError(Exception):
    """Rows do not agree with their proof. `heights` are of the blocks to read again (for Stacks, of burn blocks)."""

    def __init__(self, message: str, heights: Iterable[int] = ()) -> None:
        super().__init__(message)
        self.heights = frozenset(heights)
