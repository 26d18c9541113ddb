"""A second computation of the metrics in pandas, for any small history. Not here: claims (test_*.py).

It is written from the definitions in docs/metrics.md, not from the SQL: slow loops over wallets and days, so that each
line can be compared with its definition.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import cached_property
from statistics import median
from typing import Any

import pandas as pd

from stx_pipelines.metrics.options import MetricOptions

Rows = list[tuple[Any, ...]]


@dataclass
class Plain:
    """The metrics of `stored`, one row per transaction: address, day, time, tx_id, fee, tx_type, ok, place.

    Its further columns are nonce, sponsor, sponsor_nonce, contract, recipient and amount.

    `chain_begins` is true if the coverage starts with the chain.
    """

    stored: pd.DataFrame
    start: date
    end: date
    options: MetricOptions
    chain_begins: bool

    @cached_property
    def days(self) -> list[date]:
        return [self.start + timedelta(n) for n in range((self.end - self.start).days + 1)]

    @cached_property
    def shown(self) -> pd.DataFrame:
        return self.stored[self.stored.ok]

    @cached_property
    def active(self) -> pd.DataFrame:
        """The transactions that count as activity, with k."""
        kept = self.shown[~self.shown.tx_type.isin(list(self.options.excluded_types))].copy()
        kept["k"] = [(day - self.first_day[who]).days for who, day in zip(kept.address, kept.day, strict=True)]
        return kept

    @cached_property
    def first_day(self) -> dict[str, date]:
        return dict(self.shown.groupby("address").day.min())

    @cached_property
    def cohorts(self) -> dict[date, list[str]]:
        found: dict[date, list[str]] = {}
        for who, day in sorted(self.first_day.items()):
            if self.is_new[who] is not False:
                found.setdefault(day, []).append(who)
        return dict(sorted(found.items()))

    @cached_property
    def of(self) -> dict[str, list[tuple[int, date, int]]]:
        """The activity of each wallet: k, day, fee."""
        found: dict[str, list[tuple[int, date, int]]] = {who: [] for who in self.first_day}
        for who, k, day, fee in zip(self.active.address, self.active.k, self.active.day, self.active.fee, strict=True):
            found[who].append((int(k), day, int(fee)))
        return found

    @cached_property
    def is_new(self) -> dict[str, bool | None]:
        """Whether each wallet's nonce 0, as sender or sponsor, is in the coverage; None if a nonce is not known."""
        nonces: dict[str, list[float | None]] = {who: [] for who in self.first_day}
        for row in self.stored.itertuples():
            is_operation = row.nonce == 0 == row.fee and row.sponsor is None
            moves = row.place[0] > 1 and not (is_operation and row.tx_type in ("token_transfer", "contract_call"))
            if row.address in nonces:
                nonces[row.address].append(row.nonce if moves else None)
            if row.sponsor in nonces and row.sponsor != row.address:
                nonces[row.sponsor].append(row.sponsor_nonce)
        return {who: True if 0 in mine else None if any(map(pd.isna, mine)) else False for who, mine in nonces.items()}

    def may_be_older(self, who: str) -> bool:
        if self.is_new[who] is not None:
            return not self.is_new[who]
        early = (self.first_day[who] - self.start).days < self.options.left_censor_days
        return early and not self.chain_begins

    def is_censored(self, day: date) -> bool:
        """Return whether a wallet of the day's cohort may be older."""
        return any(map(self.may_be_older, self.cohorts.get(day, [])))

    def is_over(self, day: date, length: int) -> bool:
        return day + timedelta(length) <= self.end

    def first_seen_wallets(self) -> Rows:
        rows = []
        for who, mine in self.shown.groupby("address"):
            earliest = mine.sort_values(["time", "place"]).iloc[0]
            day = mine.day.min()
            marked = self.may_be_older(who)
            known = (who, earliest.time, marked, earliest.tx_id, len(mine), day, self.is_new[who])
            fee = int(mine.fee.sum())
            rows.append((*known, mine.day.nunique(), mine.day.max(), fee, Decimal(fee).scaleb(-6)))
        return sorted(rows)

    def wallets_daily(self) -> Rows:
        daily = {day: set(self.active[self.active.day == day].address) for day in self.days}

        def last(day: date, length: int) -> list[set[str]] | None:
            wanted = [day - timedelta(n) for n in range(length)]
            return [daily[each] for each in wanted] if all(each in daily for each in wanted) else None

        rows: Rows = []
        for day in self.days:
            week, month = last(day, 7), last(day, 30)
            rows.append(
                (
                    day,
                    len(self.cohorts.get(day, [])),
                    self.is_censored(day),
                    len(daily[day]),
                    len(set.union(*week)) if week else None,
                    len(set.union(*month)) if month else None,
                    sum(map(len, week)) / 7 if week else None,
                    sum(map(len, month)) / 30 if month else None,
                )
            )
        return rows

    def network_daily(self) -> Rows:
        rows: Rows = []
        for day in self.days:
            all_of_day, good = self.stored[self.stored.day == day], self.shown[self.shown.day == day]
            failed, fee = len(all_of_day) - len(good), int(good.fee.sum())
            share = failed / len(all_of_day) if len(all_of_day) else None
            rows.append((day, len(good), good.address.nunique(), fee, stx(fee), len(all_of_day), failed, share))
        return rows

    def network_types(self) -> Rows:
        rows: Rows = []
        for (day, tx_type), group in self.stored.groupby(["day", "tx_type"]):
            good, fee = group[group.ok], int(group[group.ok].fee.sum())
            failed = len(group) - len(good)
            rows.append((day, tx_type, len(good), fee, stx(fee), len(group), failed, failed / len(group)))
        return sorted(rows)

    def contracts_daily(self) -> Rows:
        calls = self.stored[self.stored.tx_type == "contract_call"]
        return sorted((*of, *calls_in(group)) for of, group in calls.groupby(["day", "contract"]))

    def contracts_30d(self) -> Rows:
        days = self.days[-30:]
        calls = self.stored[(self.stored.tx_type == "contract_call") & self.stored.day.isin(days)]
        rows = [(days[0], days[-1], of, *calls_in(group)) for of, group in calls.groupby("contract")]
        return sorted(rows, key=lambda row: (-row[3], row[2]))

    def transfers_daily(self) -> Rows:
        rows: Rows = []
        for day in self.days:
            sent = self.shown[(self.shown.day == day) & (self.shown.tx_type == "token_transfer")]
            amount = sum(map(int, sent.amount))
            people = (len(set(sent.address)), len(set(sent.recipient)))
            rows.append((day, len(sent), Decimal(amount), stx(amount), *people))
        return rows

    def came_back(self, who: str, definition: str, longer_than: int, length: int) -> bool:
        ks = [k for k, _, _ in self.of[who]]
        if definition == "cumulative":
            return any(1 <= k <= length for k in ks)
        if definition == "active_band":
            return any(longer_than < k <= length for k in ks)
        return any(length <= k <= self.options.windows[-1] for k in ks)

    def retention_counts(self) -> Iterator[tuple[date, int, str, int, int, int]]:
        for day, wallets in self.cohorts.items():
            for longer_than, length in zip((0, *self.options.windows[:-1]), self.options.windows, strict=True):
                for definition in ("active_band", "cumulative", "survival"):
                    observed = self.options.windows[-1] if definition == "survival" else length
                    back = sum(self.came_back(who, definition, longer_than, length) for who in wallets)
                    yield day, length, definition, len(wallets), back, observed

    def wallet_retention(self) -> Rows:
        rows: Rows = []
        for day, length, definition, size, back, observed in self.retention_counts():
            over = self.is_over(day, observed)
            counts = (back, back / size) if over else (None, None)
            rows.append((day, length, definition, size, *counts, over, self.is_censored(day)))
        return rows

    def wallet_retention_weekly(self) -> Rows:
        weeks: dict[tuple[date, int, str], list[tuple[date, int, int, int]]] = {}
        for day, length, definition, size, back, observed in self.retention_counts():
            weeks.setdefault((sunday_after(day), length, definition), []).append((day, size, back, observed))
        rows: Rows = []
        for (sunday, length, definition), cells in sorted(weeks.items()):
            size, back = sum(cell[1] for cell in cells), sum(cell[2] for cell in cells)
            over = self.is_over(sunday, cells[0][3])
            counts = (back, back / size) if over else (None, None)
            censored = any(self.is_censored(cell[0]) for cell in cells)
            rows.append((sunday, length, definition, len(cells), size, *counts, over, censored))
        return rows

    def fees_within(self, who: str, length: int) -> list[int]:
        return [fee for k, _, fee in self.of[who] if 0 <= k < length]

    def wallet_value(self) -> Rows:
        rows: Rows = []
        for day, wallets in self.cohorts.items():
            for longer_than, length in zip((0, *self.options.windows[:-1]), self.options.windows, strict=True):
                fees = {who: sum(self.fees_within(who, length)) for who in wallets}
                left = [fees[who] for who in wallets if self.came_back(who, "active_band", longer_than, length)]
                count = sum(len(self.fees_within(who, length)) for who in wallets)
                total, small = sum(fees.values()), len(wallets) < self.options.minimum_cohort
                payback = None if small else total / (len(wallets) * self.options.target_cpa_ustx)
                values = (len(left), count, total, sum(left), mean(fees.values()), middle(fees.values()))
                values += (mean(left), middle(left), payback)
                over = self.is_over(day, length)
                shown = values if over else (None,) * len(values)
                rows.append((day, length, len(wallets), *shown, over, small, self.is_censored(day)))
        return rows

    def wallet_value_weekly(self) -> Rows:
        weeks: dict[date, list[str]] = {}
        for day, wallets in self.cohorts.items():
            weeks.setdefault(sunday_after(day), []).extend(wallets)
        rows: Rows = []
        for sunday, wallets in weeks.items():
            censored = any(self.is_censored(self.first_day[who]) for who in wallets)
            for length in self.options.windows:
                if self.is_over(sunday, length):
                    fees = [sum(self.fees_within(who, length)) for who in wallets]
                    enough = len(fees) >= self.options.minimum_cohort
                    payback = sum(fees) / (len(fees) * self.options.target_cpa_ustx) if enough else None
                    rows.append((sunday, length, len(fees), sum(fees), mean(fees), payback, censored))
        return rows

    def trailing(self, length: int) -> dict[str, list[int]] | None:
        """Return the fees of each wallet active in the last `length` days, None if not all of them are covered."""
        first = self.end - timedelta(length - 1)
        if first < self.start:
            return None
        fees = {who: [fee for _, day, fee in mine if day >= first] for who, mine in self.of.items()}
        return {who: mine for who, mine in fees.items() if mine}

    def wallet_value_trailing(self) -> Rows:
        rows: Rows = []
        for length in self.options.trailing_windows:
            fees = self.trailing(length)
            days = (length, self.end - timedelta(length - 1), self.end)
            if fees is None:
                rows.append((*days, None, None, None, None, None, False))
                continue
            sums = [sum(mine) for mine in fees.values()]
            rows.append(
                (*days, len(sums), sum(map(len, fees.values())), sum(sums), mean(sums), middle(sums), True),
            )
        return rows

    def wallet_value_breakeven(self) -> Rows:
        rows: Rows = []
        for length in self.options.windows:
            back_to = self.end - timedelta(self.options.breakeven_days)
            over = [day for day in self.cohorts if day > back_to and self.is_over(day, length)]
            known = {day: [who for who in self.cohorts[day] if not self.may_be_older(who)] for day in over}
            ripe = [day for day in over if known[day]]
            fees = [sum(self.fees_within(who, length)) for day in ripe for who in known[day]]
            ends = (min(ripe), max(ripe)) if ripe else (None, None)
            total = sum(fees) if fees else None
            rows.append((length, *ends, len(ripe), len(fees), total, mean(fees), bool(fees)))
        return rows

    def wallet_windows(self) -> Rows:
        rows: Rows = []
        for who, day in self.first_day.items():
            for longer_than, length in zip((0, *self.options.windows[:-1]), self.options.windows, strict=True):
                if self.is_over(day, length) and self.is_new[who] is not False:
                    fees = self.fees_within(who, length)
                    back = self.came_back(who, "active_band", longer_than, length)
                    counts = (len(fees), sum(fees), stx(sum(fees)))
                    rows.append((who, "cohort", length, day, *counts, back, self.may_be_older(who)))
        for length in self.options.trailing_windows:
            for who, fees in (self.trailing(length) or {}).items():
                day, counts = self.first_day[who], (len(fees), sum(fees), stx(sum(fees)))
                rows.append((who, "trailing", length, day, *counts, True, self.may_be_older(who)))
        return sorted(rows)

    def wallet_funnel(self) -> Rows:
        rows: Rows = []
        for length in self.options.windows:
            last = self.end - timedelta(30)
            wanted = [last - timedelta(n) for n in range(length)]
            if any(day < self.start or self.is_censored(day) for day in wanted):
                rows.append((length, min(wanted), last, None, None, None, None, None, False))
                continue
            fees = [self.fees_within(who, 30) for day in wanted for who in self.cohorts.get(day, [])]
            active = [mine for mine in fees if len(mine) >= 3]
            valued = [mine for mine in active if sum(mine) >= 1_000_000]
            counts = (len(fees), len(active), len(valued))
            rates = (len(active) / len(fees), len(valued) / len(fees)) if fees else (None, None)
            rows.append((length, min(wanted), last, *counts, *rates, True))
        return rows


def calls_in(group: pd.DataFrame) -> tuple[Any, ...]:
    """Return calls, wallets, fees, and all and failed ones of a group of contract calls."""
    good, fee = group[group.ok], sum(map(int, group[group.ok].fee))
    failed = len(group) - len(good)
    return len(good), len(set(good.address)), fee, stx(fee), len(group), failed, failed / len(group)


def sunday_after(day: date) -> date:
    """Return the Sunday that ends the week of this day."""
    return next(each for n in range(7) if (each := day + timedelta(n)).weekday() == 6)


def stx(ustx: int) -> Decimal:
    return Decimal(ustx).scaleb(-6)


def _rounded(ustx: Fraction) -> Decimal:
    exact = Decimal(ustx.numerator) / Decimal(ustx.denominator)
    return exact.quantize(Decimal(1), ROUND_HALF_UP).scaleb(-6)


def mean(fees: Iterable[int]) -> Decimal | None:
    known = list(fees)
    return _rounded(Fraction(sum(known), len(known))) if known else None


def middle(fees: Iterable[int]) -> Decimal | None:
    known = [Fraction(fee) for fee in fees]
    return _rounded(Fraction(median(known))) if known else None
