"""Errors in the data of a chain. Errors of requests are in `clients/errors.py`."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec


class MalformedAnswer(Exception):
    """A response that is not JSON, has another shape, or contains impossible values."""


class OtherShape(MalformedAnswer):
    """A response that is JSON of another shape: a field is missing, or a value is of another type."""


class BeyondTables(MalformedAnswer):
    """A value that is possible, and too large for every table."""


def malformed(sentence: str, error: Exception) -> MalformedAnswer:
    """Return the error of a response that a decoder refused with `error`."""
    return (OtherShape if isinstance(error, msgspec.ValidationError) else MalformedAnswer)(f"{sentence}: {error}")


class ProofError(Exception):
    """Rows do not agree with their proof. `heights` are of the blocks to read again (for Stacks, of burn blocks)."""

    def __init__(self, message: str, heights: Iterable[int] = ()) -> None:
        super().__init__(message)
        self.heights = frozenset(heights)
