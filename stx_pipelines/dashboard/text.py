"""Pure functions that write the headline and the numbers at the top of the page, and format amounts and days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from stx_pipelines.chains.wallet_balances import FUNDED_USTX
from stx_pipelines.dashboard.facts import Facts, Row, stx
from stx_pipelines.dashboard.parts import Amount, Card
from stx_pipelines.metrics.options import VALUE_USTX

MADE_UP = "Made up."
FRESH_DAYS = 2
"""The age in days of the newest complete day above which the headline says it."""


def headline(facts: Facts) -> str:
    """Return the page's first sentences: the numbers of the covered days, the freshness and the weakest proof.

    `Made up.` comes first if the data are not the Stacks chain's.
    """
    return " ".join(part for part in (MADE_UP if facts.is_made_up else "", summary(facts), freshness(facts)) if part)


def summary(facts: Facts) -> str:
    """Return the wallets and transactions of the covered days."""
    basis = facts.measured
    if basis is None:
        opened = sum(row["state"] == "open" for row in facts.rows("coverage"))
        here = f"{count(opened, 'day')} of the chain {'is' if opened == 1 else 'are'} stored, but not final yet"
        return f"{here if opened else 'No day is stored yet'}. The first numbers appear with the first closed day."
    said = [
        f"From {long_day(basis.coverage_start)} to {long_day(basis.coverage_end)}, {number(facts.wallets)} wallets "
        f"made {number(basis.transactions)} transactions on the Stacks chain."
    ]
    daily = facts.rows("wallets_daily")
    if daily and (active := daily[-1]["active_7d"]) is not None:
        said.append(f"In the last 7 days {number(active)} wallets were active{_compared(daily)}.")
    return " ".join(said)


def freshness(facts: Facts) -> str:
    """Return how many days are complete, to which day, and the weakest of their proofs. Empty without a day."""
    basis = facts.measured
    if basis is None or basis.coverage_end is None:
        return ""
    age = (facts.now.date() - basis.coverage_end).days
    old = f", {count(age, 'day')} ago" if age > FRESH_DAYS else ""
    proved = f", proved {facts.weakest}" if facts.weakest else ""
    return f"{count(basis.days, 'day')} complete to {long_day(basis.coverage_end)}{old}{proved}."


def cards(facts: Facts) -> list[Card]:
    """Return the numbers at the top of the page, or no numbers before the first results."""
    basis, daily, network = facts.measured, facts.rows("wallets_daily"), facts.rows("network_daily")
    if basis is None or not daily or not network:
        return []
    last, fresh = daily[-1], sum(row["new_wallets"] for row in daily[-7:])
    known_new = len(daily) >= 7 and not any(row["is_left_censored"] for row in daily[-7:])
    landed, failed = (sum(row[name] for row in network) for name in ("landed", "failed"))
    paid = sum(row["fee_ustx"] for row in network)
    fee, mean = stx(paid), stx(paid // len(network))
    active = last["active_7d"]
    since = "" if len(network) == basis.days else f" since {_short(network[0]['date'])}"
    return [
        Card("Transactions", number(basis.transactions), f"{number(basis.transactions // basis.days)} a day"),
        Card("Wallets", number(facts.wallets), "with a transaction"),
        Card("Active, 7 days", number(active), f"{number(last['active_wallets'])} on the last day"),
        Card(
            "New, 7 days",
            number(fresh if known_new else None),
            "first seen" if known_new else "too near the start of the data",
        ),
        Card("Fees, STX", rounded(fee), f"{rounded(mean)} a day{since}", f"exactly {money(fee)} STX"),
        Card(
            "Failed",
            f"{failed / landed:.1%}" if landed else number(None),
            f"{number(failed)} of {number(landed)}{since}",
        ),
    ]


def _compared(daily: Sequence[Row]) -> str:
    """Return words that compare the last seven days with the seven days before, or an empty text if not known."""
    if len(daily) < 14 or not (before := daily[-8]["active_7d"]):
        return ""
    change = round(100 * (daily[-1]["active_7d"] - before) / before)
    if not change:
        return ", as many as in the week before"
    return f", {abs(change)}% {'more' if change > 0 else 'fewer'} than in the week before"


def number(value: int | None) -> str:
    """Return a number with thousands separators, or `not known`."""
    return "not known" if value is None else f"{value:,}"


def count(value: int, noun: str) -> str:
    """Return a number with its noun, like `1 day` or `4 days`."""
    return f"{value:,} {noun}" + ("" if value == 1 else "s")


def money(amount: str) -> str:
    """Return an exact amount without trailing zeros."""
    return f"{Decimal(amount):,f}".rstrip("0").rstrip(".")


def rounded(amount: str) -> str:
    """Return an amount of STX or ETH rounded for reading.

    From 1,000 on it is whole, from 1 on it has two places, and below 1 it has three significant digits.
    """
    exact = Decimal(amount)
    if abs(exact) >= 1:
        return f"{exact:,.{0 if abs(exact) >= 1000 else 2}f}"
    places = 2 - exact.adjusted() if exact else 0
    return f"{exact:.{places}f}"


def exactly(exact: str) -> Amount:
    """Return the cell of an amount: rounded for reading, with the exact amount."""
    return Amount(rounded(exact), money(exact))


def long_day(day: date | None) -> str:
    """Return a day like `1 September 2026`."""
    return f"{day.day} {day:%B %Y}" if day else ""


def _short(day: str) -> str:
    return long_day(date.fromisoformat(day))


WORTH = f"{money(stx(VALUE_USTX))} STX"
"""The fees that a value wallet paid at least."""

FUNDED = f"Funded: at least {money(stx(FUNDED_USTX))} STX at the end of the day of the first transaction."
"""The meaning of a funded wallet."""
