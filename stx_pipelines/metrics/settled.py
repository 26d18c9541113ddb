"""Settled rows: rows of result tables that later days do not change. Pure: no file access.

A computation keeps them, with a total per account over all earlier days, so that the next one reads only the days since
then. They are used while the days and options that they were made from are still the same. Otherwise, and if a day
changes what is known about an older wallet, all days are read again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import msgspec

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.days import DAY
from stx_pipelines.metrics.columns import COLUMNS
from stx_pipelines.metrics.options import FUNNEL_DAYS, Covered, MetricOptions, cover, hash_with, price_days

ROLLING = timedelta(29)
"""A row of a day reads so many earlier days at most."""

_BETWEEN = timedelta(28)
_LATE_PRICES = timedelta(7)

SETTLED_ROWS: dict[str, str | None] = {
    "wallets_daily": "date < {before} + {rolling}",
    **dict.fromkeys(("network_daily", "network_types", "contracts_daily", "transfers_daily"), "date < {daily_before}"),
    **dict.fromkeys(("wallet_retention", "wallet_value"), "cohort_date < {before}"),
    **dict.fromkeys(("wallet_retention_weekly", "wallet_value_weekly"), "week_ending < {before}"),
    "wallet_windows": "kind = 'cohort' AND cohort_date < {before}",
    **dict.fromkeys(
        (
            "first_seen_wallets",
            "wallet_retention_by_value",
            "wallet_retention_by_segment",
            "wallet_value_trailing",
            "wallet_value_breakeven",
            "wallet_window_summary",
            "wallet_fee_histogram",
            "wallet_funnel",
            "wallet_funnel_funded",
            "contracts_30d",
        )
    ),
}
"""The SQL condition of each table's settled rows. None: its rows follow from the days read and the settled accounts and
cohorts.

If another table is computed, all days are read.
"""


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """The days before `before` are settled: they are not read again.

    The settled rows were made from the days up to `through`. `fingerprint` is a hash of their certificates and of the
    options.
    """

    before: date
    through: date
    fingerprint: str

    @property
    def daily_before(self) -> date:
        """The first day whose own numbers are not settled. Prices of the newest days may come later than the days."""
        return self.through - _LATE_PRICES

    @property
    def daily_from(self) -> date:
        """The first day that is read for numbers of single days."""
        return self.daily_before - ROLLING

    def condition(self, table: str) -> str | None:
        """Return the SQL condition of the settled rows of this table, None if it has none."""
        rows = SETTLED_ROWS[table]
        before, daily_before = (f"DATE '{day}'" for day in (self.before, self.daily_before))
        return rows and rows.format(before=before, daily_before=daily_before, rolling=ROLLING.days)

    def is_old(self, newer: Settled) -> bool:
        """Return whether so many more days could be settled that reading them again costs more than settling them."""
        return newer.before - self.before >= _BETWEEN


@dataclass(frozen=True, kw_only=True)
class Settling:
    """The stored days and options, to decide which days can be settled and which settled rows can be used.

    The fields are those of `options.basis`.
    """

    certificates: Mapping[date, Certificate]
    options: MetricOptions
    first_day: date | None
    prices: Mapping[date, Certificate] | None
    balances: Mapping[date, Certificate]

    def possible(self) -> Settled | None:
        """Return the days that a computation of all tables can settle, None if there are too few days.

        They end with a Sunday, so that no week is settled in part. All windows of their wallets are over, and no window
        at the end of the coverage begins before the other days.
        """
        covered = cover(self.certificates, self.options, self.first_day)
        if not (covered.start and covered.end):
            return None
        first = covered.end - (self._longest - 1) * DAY
        before = first - first.weekday() * DAY
        return self._from(before, covered.end) if before > covered.start else None

    def holds(self, settled: Settled) -> bool:
        """Return whether these settled rows can still be used."""
        return self._from(settled.before, settled.through) == settled

    @property
    def _longest(self) -> int:
        options = self.options
        daily = (_LATE_PRICES + ROLLING).days + 1
        return max(options.horizon + FUNNEL_DAYS, options.breakeven_days, options.trailing_windows[-1], daily)

    def _from(self, before: date, through: date) -> Settled:
        covered = cover(self.certificates, self.options, self.first_day)
        days = [(day, self.certificates[day].id) for day in covered.days if day <= through]
        tables = [(name, rows, [column.name for column in COLUMNS[name]]) for name, rows in SETTLED_ROWS.items()]
        settled = Settled(before=before, through=through, fingerprint="")
        # The balance of a wallet is in the file of its first day, because it belongs to nonce 0.
        funded = sorted((day, known.id) for day, known in self.balances.items() if known.is_closed and day < before)
        content = [before, through, days, self._priced(covered, settled), funded, tables]
        return msgspec.structs.replace(settled, fingerprint=hash_with(self.options, self.first_day, content))

    def _priced(self, covered: Covered, settled: Settled) -> list[object]:
        """Return the days of prices that settled rows use, and whether there is any: if not, shares are NULL."""
        if self.prices is None:
            return []
        days = price_days(self.prices, covered.start, covered.end)
        # A block time may lie on the next date.
        return [bool(days), [(day, self.prices[day].id) for day in days if day <= settled.daily_before]]
