"""What becomes of a day that was asked for. The same words for every dataset."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.errors import ProofError
from stx_pipelines.clients.errors import ApiError
from stx_pipelines.store.day_files import NewerDayFile


class Landed(NamedTuple):
    """A day that is here now; `fetched` if this walk read something of it."""

    certificate: Certificate
    fetched: bool


class FailedDay(NamedTuple):
    """A day that could not be proved, or not be read. Nothing of it was published."""

    day: date
    error: ProofError | ApiError | NewerDayFile


Outcome = Landed | FailedDay
