"""The part of the copy in PostgreSQL that needs no driver: its error, and the files of results to copy.

The copy itself is in `postgres_copy.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from stx_pipelines.store.files import StoreError
from stx_pipelines.store.statements import Described


class NotCopied(StoreError):
    """The copy in PostgreSQL cannot be read or changed now."""


class ResultFile(NamedTuple):
    """The file of a table of the metrics, with the fingerprint of the days that it was computed from."""

    table: str
    columns: list[Described]
    path: Path
    fingerprint: str
