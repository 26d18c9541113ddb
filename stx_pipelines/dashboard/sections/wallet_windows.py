"""The section of windows: new wallets in their first days, and active wallets in the last days of the data."""

from __future__ import annotations

from collections.abc import Sequence

from stx_pipelines.dashboard.facts import Facts, Row
from stx_pipelines.dashboard.parts import Panel, Section, Tile, section
from stx_pipelines.dashboard.sections.fee_distribution import fee_histogram
from stx_pipelines.dashboard.sections.value_retention import WORTH, value_wallets
from stx_pipelines.dashboard.text import money, number
from stx_pipelines.metrics.options import FUNNEL_DAYS

_DASH = "—"
"""The sign of a number without data. A 0 is a number with data."""

_TITLE = "First days and last days"
_LONGEST_TILE = 90
_NOT_YET = "not known yet"
_LEAD = (
    "The first days of new wallets, and the last days of all active wallets. The first days are those of the wallets "
    "observed: certainly new, with a window that is over, and first seen in the last {days} days. A dash is a number "
    "that is not known yet."
)


def wallet_windows(facts: Facts) -> Section:
    """Return the section with a row per window, the first days beside the last days, and the histogram of fees."""
    rows, basis = facts.rows("wallet_window_summary"), facts.measured
    if not rows or basis is None:
        return section("windows", _TITLE, "The fees of new wallets in their first days, and of all active wallets.", [])
    return Section(
        id="windows",
        title=_TITLE,
        lead=_LEAD.format(days=basis.options.breakeven_days),
        tiles=_tiles(facts, rows),
        charts=[fee_histogram(facts)],
        panels=[_windows(rows), _first_and_last(rows)],
    )


def _tiles(facts: Facts, rows: Sequence[Row]) -> list[Tile]:
    """Return the fees per wallet of the first days with the value wallets, and of the last days with the network."""
    shown = [row for row in rows if FUNNEL_DAYS <= row["window_days"] <= _LONGEST_TILE]
    return [*map(_first, shown), _value(facts), *map(_last, shown), _network(facts)]


def _first(row: Row) -> Tile:
    fees = (row["mean_fee_stx"], row["median_fee_stx"])
    return _fee_tile(f"First {row['window_days']} days", *fees, row["observed_wallets"])


def _last(row: Row) -> Tile:
    fees = (row["active_mean_fee_stx"], row["active_median_fee_stx"])
    return _fee_tile(f"Last {row['window_days']} days", *fees, row["active_wallets"])


def _fee_tile(name: str, mean: str | None, median: str | None, wallets: int | None) -> Tile:
    note = f"STX of fees per wallet, median {_amount(median)}, {_count(wallets)} wallets"
    return Tile(name, _amount(mean), note if mean is not None else _NOT_YET)


def _value(facts: Facts) -> Tile:
    wallets, others = value_wallets(facts)
    known = wallets + others
    paid = f"{wallets / known:.1%} of {number(known)} paid {WORTH} or more in {FUNNEL_DAYS} days" if known else _NOT_YET
    return Tile("Value wallets", number(wallets) if known else _DASH, paid)


def _network(facts: Facts) -> Tile:
    daily = facts.rows("network_daily")
    fees = daily[-1]["fee_30d_stx"] if daily else None
    return Tile("Network, last 30 days", money(fees, 2) if fees else _DASH, "STX of fees" if fees else _NOT_YET)


def _windows(rows: Sequence[Row]) -> Panel:
    return Panel(
        "New, active, and what new wallets did",
        "New and active wallets are those of the last days of the data. The other numbers are about the first days of "
        "the wallets observed: the share that came back after the first day, and the fees per wallet in exact STX.",
        ("window", "new", "active", "came back", "mean fees", "median fees", "wallets observed"),
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
        "wallet_window_summary",
    )


def _first_and_last(rows: Sequence[Row]) -> Panel:
    return Panel(
        "First days against last days",
        "Fees per wallet in exact STX: what new wallets pay in their first days, and what all active wallets paid in "
        "the last days. A quotient above 1: active wallets paid more in the last days than new wallets in their first.",
        (
            *("window", "first: mean", "median", "wallets"),
            *("last: mean", "median", "wallets", "last / first"),
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
        "wallet_window_summary",
    )


def _count(value: int | None) -> str:
    return _DASH if value is None else number(value)


def _amount(stx: str | None) -> str:
    return _DASH if stx is None else stx


def _share(row: Row) -> str:
    rate = row["retention_rate"]
    return _DASH if rate is None else f"{rate:.1%} ({number(row['retained'])})"
