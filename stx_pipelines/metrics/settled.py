"""Settled rows: rows of result tables that later days do not change. Pure: no file access.

A computation keeps them, with a total per account over all earlier days, so that the next one reads only the days since
then. It also keeps sums of most of these later days: a total per account, and one row per wallet and day. Then the next
one reads only the last one or two weeks. Both are used while the days and options that they were made from are the
same. Otherwise, and if a day changes what is known about an older wallet, more days are read again, or all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib.metadata import version
from typing import NamedTuple

import msgspec

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.days import DAY
from stx_pipelines.metrics.columns import COLUMNS
from stx_pipelines.metrics.options import FUNNEL_DAYS, Covered, MetricOptions, cover, hash_with, price_days

_ROLLING = timedelta(29)
"""A row of a day reads so many earlier days at most."""

_FILES_VERSION = 2
"""Version of the columns of the kept files that are no result. Raise it if they change, and all days are read again.

All days are also read after an update of the libraries that write the files.
"""

_BETWEEN = timedelta(28)
_BETWEEN_SUMS = timedelta(7)
_RECENT = timedelta(7)
"""The newest days of the coverage. They are read each time, because prices may come later, or a reorg."""


class Growing(NamedTuple):
    """The SQL conditions of the rows that may change if days are added, and their key (see `Changed`)."""

    conditions: tuple[str, ...]
    key: str | None = None


SETTLED_ROWS: dict[str, str | None] = {
    **dict.fromkeys(("wallets_daily", "contracts_daily", "transfers_daily"), "date < {through}"),
    **dict.fromkeys(("network_daily", "network_types"), "date < {through}"),
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

GROWING_ROWS: dict[str, Growing] = {
    "first_seen_wallets": Growing(("last_date > {through}",), "address"),
    "wallet_windows": Growing(
        (
            "kind = 'trailing'",
            # The second condition follows from the third, but DuckDB skips row groups only by a single column.
            "kind = 'cohort' AND cohort_date > {through} - {horizon} AND cohort_date + window_days > {through}",
        )
    ),
}
"""The rows of large tables that may change while days are only added after the day `through`."""


class ReadDays(msgspec.Struct, frozen=True, kw_only=True):
    """The last day of the coverage that a result was computed from, and a hash of the certificates and the options."""

    through: date
    fingerprint: str


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """The days before `before` are settled: they are not read again.

    The settled rows were made from the days up to `through`. Numbers of single days are settled before `through`, some
    of whose moments have prices of the next date. `fingerprint` is a hash of the certificates and of the options.
    """

    before: date
    through: date
    fingerprint: str

    @property
    def daily_from(self) -> date:
        """The first day that is read for numbers of single days."""
        return self.through - _ROLLING

    def condition(self, table: str) -> str | None:
        """Return the SQL condition of the settled rows of this table, None if it has none."""
        rows = SETTLED_ROWS[table]
        return rows and rows.format(before=f"DATE '{self.before}'", through=f"DATE '{self.through}'")

    def is_old(self, newer: Settled) -> bool:
        """Return whether so many more days could be settled that reading them again costs more than settling them."""
        return newer.before - self.before >= _BETWEEN


class Summed(msgspec.Struct, frozen=True, kw_only=True):
    """The days before `before` are summed: one row per account, and one row per wallet and day since `since`.

    `fingerprint` is a hash of their certificates and of the options.
    """

    since: date
    before: date
    fingerprint: str

    def is_old(self, newer: Summed) -> bool:
        """Return whether so many more days could be summed that reading them again costs more than summing them."""
        return newer.before - self.before >= _BETWEEN_SUMS


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

        They end with a Sunday, so that no week is settled in part. All windows of their wallets were over before the
        newest days, and no window at the end of the coverage begins before the other days.
        """
        covered = cover(self.certificates, self.options, self.first_day)
        if not (covered.start and covered.end):
            return None
        through = covered.end - _RECENT
        first = through - (self._longest - 1) * DAY
        before = first - first.weekday() * DAY
        return self._from(before, through) if before > covered.start else None

    def holds(self, settled: Settled) -> bool:
        """Return whether these settled rows can still be used."""
        return self._from(settled.before, settled.through) == settled

    def summable(self, settled: Settled) -> Summed | None:
        """Return the days that a computation with these settled rows can sum, None if there are too few."""
        end = cover(self.certificates, self.options, self.first_day).end
        before = end - _RECENT if end else settled.before
        return self._sums(settled.before, before) if before > settled.before else None

    def holds_sums(self, summed: Summed, settled: Settled) -> bool:
        """Return whether these sums can be used with these settled rows."""
        return summed.since == settled.before and self._sums(summed.since, summed.before) == summed

    def read_days(self, through: date) -> ReadDays:
        """Return the covered days up to this one, to find out later whether days were only added after it."""
        covered = cover(self.certificates, self.options, self.first_day)
        content = ["read", self._ids(covered, through)]
        return ReadDays(through=through, fingerprint=hash_with(self.options, self.first_day, content))

    @property
    def _longest(self) -> int:
        options = self.options
        daily = _ROLLING.days + 1
        return max(options.horizon + FUNNEL_DAYS, options.breakeven_days, options.trailing_windows[-1], daily)

    def _from(self, before: date, through: date) -> Settled:
        covered = cover(self.certificates, self.options, self.first_day)
        days = self._ids(covered, through)
        tables = [(name, rows, [column.name for column in COLUMNS[name]]) for name, rows in SETTLED_ROWS.items()]
        settled = Settled(before=before, through=through, fingerprint="")
        # The balance of a wallet is in the file of its first day, because it belongs to nonce 0.
        funded = sorted((day, known.id) for day, known in self.balances.items() if known.is_closed and day < before)
        content = [*_versions(), before, through, days, self._priced(covered, settled.through), funded, tables]
        return msgspec.structs.replace(settled, fingerprint=hash_with(self.options, self.first_day, content))

    def _sums(self, since: date, before: date) -> Summed:
        covered = cover(self.certificates, self.options, self.first_day)
        days, priced = self._ids(covered, before - DAY), self._priced(covered, before)
        content = [*_versions(), "sums", since, before, days, priced]
        return Summed(since=since, before=before, fingerprint=hash_with(self.options, self.first_day, content))

    def _ids(self, covered: Covered, through: date) -> list[object]:
        return [(day, self.certificates[day].id) for day in covered.days if day <= through]

    def _priced(self, covered: Covered, through: date) -> list[object]:
        """Return the days of prices that kept rows use, and whether there is any: if not, shares are NULL."""
        if self.prices is None:
            return []
        days = price_days(self.prices, covered.start, covered.end)
        # A block time may lie on the next date.
        return [bool(days), [(day, self.prices[day].id) for day in days if day <= through]]


@cache
def _versions() -> tuple[object, ...]:
    return _FILES_VERSION, version("duckdb"), version("pyarrow")
