"""A second computation in plain Python of the tables and columns that sum up windows and ages.

Like `plain`, it is written from the definitions in docs/metrics.md, not from the SQL. Not here: claims (test_*.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from stx_pipelines_tests.metrics.plain import Plain, Rows, mean, middle, stx

OLD = 180
RANGES = [0, 1, *(step * 10**power for power in range(3, 9) for step in (1, 2, 5) if step * 10**power <= 10**8)]
AGES = ("younger", "older", "age unknown")

WITHOUT_PRICES = (None, None)
"""The values of fee_usd and priced_share if prices are off."""


@dataclass
class PlainSummary(Plain):
    """The metrics of `Plain`, with the tables and columns that sum up windows and ages.

    `funded` says whether a wallet is funded, for the wallets whose balance is known.
    """

    funded: Mapping[str, bool] = field(default_factory=dict)

    def age(self, who: str, day: date) -> str:
        """Return whether the wallet is younger than 180 days on this day. A known old wallet began before the range."""
        if (day - self.first_day[who]).days >= OLD:
            return "older"
        if self.is_new[who] is False and (day - (self.start - timedelta(1))).days >= OLD:
            return "older"
        return "age unknown" if self.may_be_older(who) else "younger"

    def counts_of_ages(self, wallets: Iterable[str], day: date) -> tuple[int, ...]:
        ages = [self.age(who, day) for who in wallets]
        return tuple(map(ages.count, AGES))

    def wallets_daily(self) -> Rows:
        rows: Rows = []
        for row in super().wallets_daily():
            last = [row[0] - timedelta(n) for n in range(30)]
            covered = min(last) >= self.start
            wallets = set(self.active[self.active.day.isin(last)].address)
            rows.append((*row, *(self.counts_of_ages(wallets, row[0]) if covered else (None,) * 3)))
        return rows

    def network_daily(self) -> Rows:
        daily = super().network_daily()
        fees = {row[0]: row[3] for row in daily}
        rows: Rows = []
        for row in daily:
            last = [fees.get(row[0] - timedelta(n)) for n in range(30)]
            total = None if None in last else sum(last)
            rows.append((*row, total, None if total is None else stx(total), *WITHOUT_PRICES, None))
        return rows

    def wallet_value(self) -> Rows:
        return [(*row, *WITHOUT_PRICES, None, None) for row in super().wallet_value()]

    def wallet_value_weekly(self) -> Rows:
        return [(*row, *WITHOUT_PRICES, None, None) for row in super().wallet_value_weekly()]

    def wallet_value_breakeven(self) -> Rows:
        return [(*row, *WITHOUT_PRICES, None) for row in super().wallet_value_breakeven()]

    def wallet_value_trailing(self) -> Rows:
        rows: Rows = []
        for row in super().wallet_value_trailing():
            fees = self.trailing(row[0])
            if fees is None:
                rows.append((*row, *(None,) * 6, *WITHOUT_PRICES, None))
                continue
            paid = [sum(sum(mine) for who, mine in fees.items() if self.age(who, self.end) == age) for age in AGES]
            rows.append((*row, *self.counts_of_ages(fees, self.end), *paid, *WITHOUT_PRICES, None))
        return rows

    def observed(self, length: int) -> list[str]:
        """Return the wallets of the breakeven CPA: certainly new, of the last days, and their window is over."""
        oldest = self.end - timedelta(self.options.breakeven_days - 1)
        found = [who for day, wallets in self.cohorts.items() if day >= oldest for who in wallets]
        return [who for who in found if self.is_over(self.first_day[who], length) and not self.may_be_older(who)]

    def new_in_last(self, length: int) -> int | None:
        wanted = [self.end - timedelta(n) for n in range(length)]
        if min(wanted) < self.start or any(map(self.is_censored, wanted)):
            return None
        return sum(len(self.cohorts.get(day, [])) for day in wanted)

    def wallet_window_summary(self) -> Rows:
        rows: Rows = []
        for length in self.options.windows:
            trailing = self.trailing(length)
            sums = None if trailing is None else [sum(mine) for mine in trailing.values()]
            wallets = self.observed(length)
            fees = [sum(self.fees_within(who, length)) for who in wallets]
            back = sum(self.came_back(who, "cumulative", 0, length) for who in wallets)
            days = [self.first_day[who] for who in wallets]
            quotient = sum(sums) * len(fees) / (sum(fees) * len(sums)) if sums and sum(fees) else None
            rows.append(
                (
                    *(length, self.end - timedelta(length - 1), self.end, self.new_in_last(length)),
                    *((None, None) if sums is None else (len(sums), sum(sums))),
                    *((mean(sums), middle(sums)) if sums else (None, None)),
                    sums is not None,
                    *((min(days), max(days)) if days else (None, None)),
                    len(wallets),
                    *((back, back / len(wallets), sum(fees)) if wallets else (None,) * 3),
                    *(mean(fees), middle(fees), quotient),
                )
            )
        return rows

    def wallet_fee_histogram(self) -> Rows:
        rows: Rows = []
        for length in self.options.windows:
            fees = [sum(self.fees_within(who, length)) for who in self.observed(length)]
            for low, high in zip(RANGES, [*RANGES[1:], None], strict=True):
                mine = [fee for fee in fees if low <= fee and (high is None or fee < high)]
                if fees:
                    rows.append((length, low, high, len(mine), len(fees), len(mine) / len(fees), sum(mine)))
        return rows

    def seasoned(self) -> Iterator[tuple[int, str, dict[str, bool]]]:
        """Yield each window and definition, and whether each wallet whose days are over was active again."""
        known = [who for wallets in self.cohorts.values() for who in wallets if not self.may_be_older(who)]
        for longer_than, length in zip((0, *self.options.windows[:-1]), self.options.windows, strict=True):
            for definition in ("active_band", "cumulative", "survival"):
                observed = self.options.windows[-1] if definition == "survival" else length
                over = [who for who in known if self.is_over(self.first_day[who], max(observed, 30))]
                yield length, definition, {who: self.came_back(who, definition, longer_than, length) for who in over}

    def is_value(self, who: str) -> bool:
        return sum(self.fees_within(who, 30)) >= 10**6

    def cohorts_of(self, wallets: Iterable[str]) -> tuple[date | None, date | None]:
        days = [self.first_day[who] for who in wallets]
        return (min(days), max(days)) if days else (None, None)

    def wallet_retention_by_value(self) -> Rows:
        rows: Rows = []
        for length, definition, back in self.seasoned():
            for segment in ("non_value", "value"):
                mine = [who for who in back if self.is_value(who) == (segment == "value")]
                counts = returned(back, mine)
                rows.append((length, definition, segment, *self.cohorts_of(mine), len(mine), *counts))
        return rows

    def wallet_retention_by_segment(self) -> Rows:
        rows: Rows = []
        for length, definition, back in self.seasoned():
            value = [who for who in back if self.is_value(who)]
            segments = {
                "all": list(back),
                "funded": [who for who in back if self.funded.get(who)],
                "non_value": [who for who in back if who not in value],
                "value": value,
            }
            for segment, mine in segments.items():
                known = [who for who in mine if who in self.funded]
                counts = (len(mine), len(known), *returned(back, known))
                rows.append((length, definition, segment, *self.cohorts_of(known), *counts))
        return rows

    def wallet_funnel_funded(self) -> Rows:
        rows: Rows = []
        for length, first, last, *_, is_mature in self.wallet_funnel():
            wallets = [who for day, mine in self.cohorts.items() if first <= day <= last for who in mine]
            funded = [who for who in wallets if self.funded.get(who)]
            active = [who for who in funded if len(self.fees_within(who, 30)) >= 3]
            stages = (len(funded), len(active), len([who for who in active if self.is_value(who)]))
            known = len([who for who in wallets if who in self.funded])
            rates = [stage / known if known else None for stage in stages]
            counts = (len(wallets), known, *stages, *rates)
            rows.append((length, first, last, *(counts if is_mature else (None,) * 8), is_mature))
        return rows


def returned(back: Mapping[str, bool], wallets: Collection[str]) -> tuple[int | None, float | None]:
    """Return how many of the wallets came back, and their share; None without a wallet."""
    count = sum(back[who] for who in wallets)
    return (count, count / len(wallets)) if wallets else (None, None)
