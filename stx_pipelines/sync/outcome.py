"""The words that all syncs share: a day that is proved, stored or failed, and what stops a whole sync."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Generic, NamedTuple, TypeVar

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.errors import ProofError
from stx_pipelines.clients.errors import ApiError
from stx_pipelines.store.day_files import NewerDayFile

Row = TypeVar("Row")

OnPage = Callable[[int], None]
"""Called after each page or batch with the number of rows kept."""


class WrongChain(ApiError):
    """The server serves another chain than the data folder holds, or one that cannot be identified."""


class ProvedDay(NamedTuple, Generic[Row]):
    """The rows of a day in chain order, and the certificate that says what they rest on."""

    rows: list[Row]
    certificate: Certificate


class StoredDay(NamedTuple):
    """A day whose certified file is in place; `fetched` if this sync read something of it."""

    certificate: Certificate
    fetched: bool


class FailedDay(NamedTuple):
    """A day that could not be proved, or not be read. Nothing of it was published."""

    day: date
    error: ProofError | ApiError | NewerDayFile


Outcome = StoredDay | FailedDay
