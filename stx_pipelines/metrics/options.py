"""Options of the wallet metrics, the days that the metrics read, and the fingerprint of both. Pure: no file access.

A result is stale if its fingerprint differs from the present fingerprint. This module holds no formulas: they are SQL
in the folder `sql`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import msgspec

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.days import DAY, days_between

DEFINITIONS_VERSION = 7
"""Version of the formulas, part of every fingerprint. If a formula changes, raise it to make all results stale."""

ACTIVE_TRANSACTIONS = 3
"""Smallest number of transactions in its first 30 days with which a wallet counts in `active_30d`."""

VALUE_USTX = 1_000_000
"""Smallest sum of fees in its first 30 days, in microSTX, with which a wallet counts in `active_and_value_30d`."""

FUNNEL_DAYS = 30
"""Number of days, from its first day on, in which a wallet's transactions and fees count for the funnel."""


OLD_DAYS = 180
"""Age of a wallet, in days since its first day, from which it counts in `active_30d_older`."""


@dataclass(frozen=True, kw_only=True)
class MetricOptions:
    """Options that users may choose. Windows and other lengths are in days.

    `minimum_cohort` is the smallest number of wallets with which a cohort has a payback. `target_cpa_ustx` is the
    target cost of one new wallet in microSTX, `target_cpa_cents` that in cents of a US dollar, if there is one.
    Transactions of `excluded_types` do not count as activity, but they count
    for `first_seen`. `left_censor_days` is the number of days at the start of the coverage whose new wallets may be
    older. `breakeven_days` is the number of days at the end of the coverage whose cohorts count for the breakeven CPA.
    Days before `data_start` are not read. Raises `ValueError` for values from which no metric can be computed.
    """

    windows: tuple[int, ...] = (15, 30, 60, 90, 180)
    trailing_windows: tuple[int, ...] = (30, 60, 90)
    minimum_cohort: int = 3
    target_cpa_ustx: int = 5_000_000
    target_cpa_cents: int | None = None
    excluded_types: frozenset[str] = frozenset()
    left_censor_days: int = 30
    breakeven_days: int = 180
    data_start: date | None = None

    def __post_init__(self) -> None:
        """Raise `ValueError` for values from which no metric can be computed."""
        for name, windows in (("windows", self.windows), ("trailing_windows", self.trailing_windows)):
            rising = all(shorter < longer for shorter, longer in pairwise((0, *windows)))
            if not windows or not rising:
                raise ValueError(
                    f"{name} are {windows}: they must be whole days above 0, each longer than the one before"
                )
        for name, lowest in (
            ("minimum_cohort", 1),
            ("target_cpa_ustx", 1),
            ("left_censor_days", 0),
            ("breakeven_days", 1),
        ):
            if getattr(self, name) < lowest:
                raise ValueError(f"{name} is {getattr(self, name)}: it must be at least {lowest}")

    @property
    def horizon(self) -> int:
        """The number of days for which survival is observed. It is the longest window."""
        return self.windows[-1]

    @property
    def bands(self) -> list[tuple[int, int]]:
        """Every window H as the pair `(L, H)`. L is the next shorter window, or 0 for the shortest."""
        return list(pairwise((0, *self.windows)))


@dataclass(frozen=True, kw_only=True)
class Covered:
    """The range of days that the metrics read, and the days left out. `start` and `end` are None if no day is closed.

    `islands` are closed days that a missing or open day separates from the range. `before_start` are closed days
    before `data_start`. `open_days` are stored days that are not closed. `uncensored_from` is the first day whose new
    wallets are not left-censored.
    """

    start: date | None
    end: date | None
    uncensored_from: date | None
    islands: tuple[date, ...]
    open_days: tuple[date, ...]
    before_start: tuple[date, ...]

    @property
    def days(self) -> list[date]:
        """Every covered day, oldest first."""
        return days_between(self.start, self.end) if self.start and self.end else []


class Basis(msgspec.Struct, frozen=True, kw_only=True):
    """The days and options that a result was computed from. The metadata of the result's file holds its basis.

    `transactions` is the number of rows read. `islands`, `open_days` and `before_start` are the numbers of days left
    out for these reasons (see `Covered`).
    """

    fingerprint: str
    coverage_start: date | None
    coverage_end: date | None
    uncensored_from: date | None
    days: int
    transactions: int
    islands: int
    open_days: int
    before_start: int
    options: MetricOptions


def days(known: Basis) -> list[date]:
    """Return the days that a result was computed from, oldest first."""
    return days_between(known.coverage_start, known.coverage_end) if known.coverage_start and known.coverage_end else []


def basis(
    certificates: Mapping[date, Certificate],
    options: MetricOptions,
    first_day: date | None,
    prices: Mapping[date, Certificate] | None = None,
    balances: Mapping[date, Certificate] | None = None,
) -> Basis:
    """Return the basis that results computed now have. `first_day` is the chain's first day, None if not known.

    `prices` are the certificates of the stored days of prices; None if prices are off. `balances` are
    those of `wallet_balances`, if there are any.
    """
    covered = cover(certificates, options, first_day)
    return Basis(
        fingerprint=fingerprint(certificates, options, first_day, prices, balances or {}),
        coverage_start=covered.start,
        coverage_end=covered.end,
        uncensored_from=covered.uncensored_from,
        days=len(covered.days),
        transactions=sum(certificates[day].published for day in covered.days),
        islands=len(covered.islands),
        open_days=len(covered.open_days),
        before_start=len(covered.before_start),
        options=options,
    )


def cover(certificates: Mapping[date, Certificate], options: MetricOptions, first_day: date | None) -> Covered:
    """Return the range of closed days without a gap that ends with the newest closed day, and the days left out.

    `first_day` is the chain's first day, None if not known. If the range starts with it, no wallet is left-censored.
    """
    final = {day for day, certificate in certificates.items() if certificate.is_closed}
    closed = {day for day in final if options.data_start is None or day >= options.data_start}
    start = end = max(closed, default=None)
    while start is not None and start - DAY in closed:
        start -= DAY
    whole = start is not None and first_day is not None and start <= first_day
    return Covered(
        start=start,
        end=end,
        uncensored_from=start if whole or start is None else start + options.left_censor_days * DAY,
        islands=tuple(sorted(day for day in closed if start is not None and day < start)),
        open_days=tuple(sorted(certificates.keys() - final)),
        before_start=tuple(sorted(final - closed)),
    )


def price_days(prices: Mapping[date, Certificate], start: date | None, end: date | None) -> list[date]:
    """Return the closed days of prices that results of the days `start` to `end` use, oldest first.

    The day before `start` has the prices of the first moments.
    """
    wanted = {day for day, known in prices.items() if known.is_closed}
    return sorted(day for day in wanted if start and end and start - DAY <= day <= end)


def fingerprint(
    certificates: Mapping[date, Certificate],
    options: MetricOptions,
    first_day: date | None,
    prices: Mapping[date, Certificate] | None,
    balances: Mapping[date, Certificate],
) -> str:
    """Return a hash of every closed day's certificate, the options, and the version of the formulas.

    The certificates of the days of prices that the results use are part of it, unless prices are off.
    Without balances of new wallets, the hash is the same as in versions that did not know them.

    Open days do not change the hash, so that results do not become stale whenever an open day is fetched again.
    """
    closed = sorted((day, known.id) for day, known in certificates.items() if known.is_closed)
    content: list[object] = [closed]
    if prices is not None:
        covered = cover(certificates, options, first_day)
        content.append([(day, prices[day].id) for day in price_days(prices, covered.start, covered.end)])
    if known_balances := sorted((day, known.id) for day, known in balances.items() if known.is_closed):
        content.append(["wallet_balances", known_balances])
    return hash_with(options, first_day, content)


def hash_with(options: MetricOptions, first_day: date | None, content: Sequence[object]) -> str:
    """Return a hash of the content, the options, the chain's first day, and the version of the formulas."""
    chosen = {field: getattr(options, field) for field in options.__dataclass_fields__}
    chosen["excluded_types"] = sorted(options.excluded_types)
    encoded = msgspec.json.encode([DEFINITIONS_VERSION, chosen, first_day, *content], order="deterministic")
    return hashlib.sha256(encoded).hexdigest()[:16]
