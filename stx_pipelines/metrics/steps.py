"""The parts of a long history that are settled one after another, so that memory does not grow with it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from stx_pipelines.chains.certificate import Certificate

STEP_TRANSACTIONS = 20_000_000
"""About the number of transactions that a computation reads when all days are read."""


def step_ends(days: Sequence[date], certificates: Mapping[date, Certificate]) -> list[date]:
    """Return the last day of each part but the last, whose days remain for the computation of the results."""
    ends, read = list[date](), 0
    left = sum(certificates[day].published for day in days)
    for day in days:
        read, left = read + certificates[day].published, left - certificates[day].published
        if read >= STEP_TRANSACTIONS and left >= STEP_TRANSACTIONS // 2:
            ends.append(day)
            read = 0
    return ends
