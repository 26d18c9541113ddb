"""What can be wrong with what a chain says. Not here: what can go wrong while asking (`clients/errors.py`)."""

from __future__ import annotations

from collections.abc import Iterable


class MalformedAnswer(Exception):
    """An answer that cannot be what the API meant: not JSON, of another shape, or impossible."""


class ProofError(Exception):
    """Rows and proofs do not agree. `heights` are the blocks to read again: burn blocks for Stacks."""

    def __init__(self, message: str, heights: Iterable[int] = ()) -> None:
        super().__init__(message)
        self.heights = frozenset(heights)
