"""What a computation uses of earlier ones, and what it keeps for later ones. Pure: no file access."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from stx_pipelines.metrics.settled import Settled, Settling, Summed


class Reuse(NamedTuple):
    """The days that a computation does not read, and those that it settles or sums for later ones.

    `settled` and `summed` are days of earlier computations, `settles` and `sums` days of this one. There are no sums
    without settled rows. All four are None if all days are read and nothing is kept.
    """

    settled: Settled | None = None
    summed: Summed | None = None
    settles: Settled | None = None
    sums: Summed | None = None

    @property
    def kept(self) -> Settled | None:
        """The settled rows that the results of this computation contain."""
        return self.settles or self.settled

    def rows_from(self, coverage_start: date | None) -> date | None:
        """Return the first day whose rows are read for accounts and wallets."""
        if self.summed:
            return self.summed.before
        return self.settled.before if self.settled else coverage_start

    def reads(self, day: date) -> bool:
        """Return whether the file of this day is read."""
        if self.settled is None:
            return True
        return day >= min(self.settled.daily_from, self.rows_from(None) or day)


NOTHING = Reuse()


def with_kept(settling: Settling, settled: Settled | None, summed: Summed | None) -> Reuse:
    """Return what a computation of all tables uses of these days, and what it keeps for later ones.

    To settle more days, the totals of all accounts before them are needed, so that summed days are read again.
    """
    possible = settling.possible()
    settles = possible if possible and (settled is None or settled.is_old(possible)) else None
    used = None if settles else summed
    kept = settles or settled
    sums = settling.summable(kept) if kept else None
    return Reuse(settled, used, settles, sums if sums and (used is None or used.is_old(sums)) else None)
