"""Results of a sync: proved, stored and failed days, and the error that stops a whole sync."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Generic, NamedTuple, TypeVar

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.errors import ProofError
from stx_pipelines.chains.evidence import Round
from stx_pipelines.clients.errors import ApiError
from stx_pipelines.store.day_files import NewerDayFile

Row = TypeVar("Row")

OnPage = Callable[[int], None]
"""Called after each page or batch with the number of rows kept."""


class WrongChain(ApiError):
    """The server's chain is not the one in the data folder, or cannot be identified."""


class NotNow(ApiError):
    """A day that cannot be read now, though nothing is wrong with it. This is not a failed attempt."""


class ProvedDay(NamedTuple, Generic[Row]):
    """The rows of a day in chain order, the certificate of their proof, and the proof by hashes, if there is one."""

    rows: list[Row]
    certificate: Certificate
    by_hash: Round | None = None


class StoredDay(NamedTuple):
    """A stored day. `fetched` is true if this sync read some of its rows."""

    certificate: Certificate
    fetched: bool


class FailedDay(NamedTuple):
    """A day that could not be read or proved. None of its rows were stored."""

    day: date
    error: ProofError | ApiError | NewerDayFile


Outcome = StoredDay | FailedDay
