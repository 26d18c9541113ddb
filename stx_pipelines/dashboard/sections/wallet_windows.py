"""The first days of new wallets and the last days of active wallets: cards and tables of the section of value."""

from __future__ import annotations

from collections.abc import Sequence

from stx_pipelines.dashboard.facts import Facts, Row
from stx_pipelines.dashboard.parts import Amount, Card, Panel
from stx_pipelines.dashboard.sections.value_retention import value_wallets
from stx_pipelines.dashboard.text import WORTH, exactly, money, number, rounded
from stx_pipelines.metrics.options import FUNNEL_DAYS

_DASH = "—"
"""The sign of a number without data. A 0 is a number with data."""

_LONGEST_CARD = 90
_NOT_YET = "not known yet"
_TABLE = "wallet_window_summary"


def window_cards(facts: Facts) -> list[Card]:
    """Return the fees per wallet of the first days with the value wallets, and of the last days with the network."""
    shown = [row for row in facts.rows(_TABLE) if FUNNEL_DAYS <= row["window_days"] <= _LONGEST_CARD]
    return [*map(_first, shown), _value(facts), *map(_last, shown), _network(facts)] if shown else []


def window_panels(facts: Facts) -> list[Panel]:
    """Return the table with a row per window, and the folded table of first days against last days."""
    rows = facts.rows(_TABLE)
    basis = facts.measured
    return [_windows(rows, basis.options.breakeven_days), _first_and_last(rows)] if rows and basis else []


def _first(row: Row) -> Card:
    fees = (row["mean_fee_stx"], row["median_fee_stx"])
    return _fee_card(f"New: first {row['window_days']} days", *fees, row["observed_wallets"])


def _last(row: Row) -> Card:
    fees = (row["active_mean_fee_stx"], row["active_median_fee_stx"])
    return _fee_card(f"Active: last {row['window_days']} days", *fees, row["active_wallets"])


def _fee_card(name: str, mean: str | None, median: str | None, wallets: int | None) -> Card:
    if mean is None or median is None:
        return Card(name, _DASH, _NOT_YET)
    note = f"STX per wallet, median {rounded(median)}, {number(wallets)} wallets"
    return Card(name, rounded(mean), note, f"exactly {money(mean)} STX, median {money(median)} STX")


def _value(facts: Facts) -> Card:
    wallets, others = value_wallets(facts)
    known = wallets + others
    paid = f"{wallets / known:.1%} of {number(known)} paid {WORTH} in {FUNNEL_DAYS} days" if known else _NOT_YET
    return Card("Value wallets", number(wallets) if known else _DASH, paid)


def _network(facts: Facts) -> Card:
    daily = facts.rows("network_daily")
    fees = daily[-1]["fee_30d_stx"] if daily else None
    if fees is None:
        return Card("Network: last 30 days", _DASH, _NOT_YET)
    return Card("Network: last 30 days", rounded(fees), "STX of fees", f"exactly {money(fees)} STX")


def _windows(rows: Sequence[Row], days: int) -> Panel:
    return Panel(
        "New and active wallets by window",
        "New and active wallets are those of the last days of the data. The other columns are about the first days of "
        f"the wallets observed: certainly new, first seen in the last {days} days, with a window that is over.",
        (
            "window",
            "new wallets",
            "active wallets",
            "came back",
            "mean fees, STX",
            "median fees, STX",
            "wallets observed",
        ),
        [
            (
                f"{row['window_days']} days",
                _count(row["new_wallets"]),
                _count(row["active_wallets"]),
                _share(row),
                _amount(row["mean_fee_stx"]),
                _amount(row["median_fee_stx"]),
                number(row["observed_wallets"]),
            )
            for row in rows
        ],
        _TABLE,
    )


def _first_and_last(rows: Sequence[Row]) -> Panel:
    return Panel(
        "First days against last days",
        "Fees per wallet: what new wallets pay in their first days, and what all active wallets paid in the last days. "
        "A quotient above 1: active wallets paid more in the last days than new wallets in their first.",
        (
            *("window", "first: mean, STX", "first: median, STX", "wallets observed"),
            *("last: mean, STX", "last: median, STX", "active wallets", "last / first"),
        ),
        [
            (
                f"{row['window_days']} days",
                _amount(row["mean_fee_stx"]),
                _amount(row["median_fee_stx"]),
                number(row["observed_wallets"]),
                _amount(row["active_mean_fee_stx"]),
                _amount(row["active_median_fee_stx"]),
                _count(row["active_wallets"]),
                _DASH if row["active_to_first"] is None else f"{row['active_to_first']:.2f}",
            )
            for row in rows
        ],
        _TABLE,
        is_folded=True,
    )


def _count(value: int | None) -> str:
    return _DASH if value is None else number(value)


def _amount(stx: str | None) -> str | Amount:
    return _DASH if stx is None else exactly(stx)


def _share(row: Row) -> str:
    rate = row["retention_rate"]
    return _DASH if rate is None else f"{rate:.1%} ({number(row['retained'])})"
