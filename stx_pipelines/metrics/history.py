"""The stored days that the metrics are computed from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.metrics import options as metrics
from stx_pipelines.metrics.options import Basis, MetricOptions
from stx_pipelines.metrics.reuse import Reuse
from stx_pipelines.metrics.settled import Settling
from stx_pipelines.store.day_files import DayFiles


@dataclass(frozen=True)
class History:
    """The day files of transactions, prices (None if they are off) and balances, and the options.

    `first_day` is the chain's first day, None if not known. Days after `until` are left out, if it is given.
    The certificates are read once, so that all values of one object are of the same days.
    """

    files: DayFiles
    price_files: DayFiles | None
    balance_files: DayFiles
    options: MetricOptions
    first_day: date | None
    until: date | None = None

    @cached_property
    def certificates(self) -> Mapping[date, Certificate]:
        """The certificates of the stored days of transactions."""
        known = self.files.certificates()
        return known if self.until is None else {day: known[day] for day in known if day <= self.until}

    def basis(self) -> Basis:
        """Return the basis that results computed now have."""
        return metrics.basis(self.certificates, self.options, self.first_day, self._prices, self._balances)

    def settling(self) -> Settling:
        """Return what decides which days are settled, and which settled rows can be used."""
        return Settling(
            certificates=self.certificates,
            options=self.options,
            first_day=self.first_day,
            prices=self._prices,
            balances=self._balances,
        )

    def price_paths(self, basis: Basis) -> list[Path]:
        """Return the day files of prices that results of this basis use."""
        if self.price_files is None:
            return []
        days = metrics.price_days(self._prices or {}, basis.coverage_start, basis.coverage_end)
        return [self.price_files.path(day) for day in days]

    def balance_paths(self) -> list[Path]:
        """Return the day files of balances."""
        return [self.balance_files.path(day) for day, known in self._balances.items() if known.is_closed]

    def stated(self, basis: Basis, reuse: Reuse) -> int:
        """Return the number of transactions of the days read, as their certificates state it."""
        known, first = self.certificates, reuse.rows_from(basis.coverage_start)
        return sum(known[day].published for day in metrics.days(basis) if first and day >= first and day in known)

    @cached_property
    def _prices(self) -> Mapping[date, Certificate] | None:
        return self.price_files.certificates() if self.price_files else None

    @cached_property
    def _balances(self) -> Mapping[date, Certificate]:
        return self.balance_files.certificates()
