"""The histogram of fees per wallet. It is a part of the section of value."""

from __future__ import annotations

from collections.abc import Sequence

from stx_pipelines.dashboard.charts import Spec, calculated, chart, defined, kept, layer, steps, tooltip
from stx_pipelines.dashboard.facts import Facts, Row, stx
from stx_pipelines.dashboard.parts import Chart, Choice
from stx_pipelines.dashboard.text import money, number
from stx_pipelines.metrics.options import FUNNEL_DAYS

_MEANING = "Wallets observed, by the fees that they paid in their first days."


def fee_histogram(facts: Facts) -> Chart:
    """Return the chart with a bar per range of fees, for one window at a time."""
    rows = facts.rows("wallet_fee_histogram")
    meanings = {row["window_days"]: _meaning(row) for row in rows}
    first = min(meanings, key=lambda window: abs(window - FUNNEL_DAYS), default=FUNNEL_DAYS)
    return Chart(
        id="fee-histogram",
        title="Fees per wallet, how they are spread",
        meaning=meanings.get(first, _MEANING),
        table="wallet_fee_histogram",
        spec=_bars(_drawn(rows), first) if rows else None,
        alt="Histogram of fees per wallet. " + _largest([row for row in rows if row["window_days"] == first]),
        note="A bar counts wallets from the amount below it to the next amount. Each range is about twice the last.",
        empty="" if rows else "There is no wallet yet that is certainly new and whose first window is over.",
        is_wide=True,
        switch="In their first",
        choices=[Choice(window, f"{window} days", meanings[window]) for window in sorted(meanings)],
        choice=first if rows else None,
    )


def _meaning(row: Row) -> str:
    wallets = f"{number(row['observed_wallets'])} wallets observed"
    return f"The {wallets}, by the fees that they paid in their first {row['window_days']} days."


def _largest(rows: Sequence[Row]) -> str:
    if not rows:
        return ""
    top = max(rows, key=lambda row: row["wallets"])
    end = f"below {_stx(top['to_ustx'])}" if top["to_ustx"] else "more"
    return (
        f"Most wallets, {number(top['wallets'])} of {number(top['observed_wallets'])}, paid from "
        f"{_stx(top['from_ustx'])} to {end} STX in their first {top['window_days']} days"
    )


def _stx(ustx: int) -> str:
    return money(stx(ustx))


def _drawn(rows: Sequence[Row]) -> list[int]:
    """Return the ranges to draw: all from the first to the last that has a wallet in any window."""
    used = [row["from_ustx"] for row in rows if row["wallets"]]
    return sorted({row["from_ustx"] for row in rows if min(used) <= row["from_ustx"] <= max(used)})


def _bars(drawn: Sequence[int], window: int) -> Spec:
    """Return a chart with a bar per range. The axis shows where each range begins."""
    names = {0: "0", 1: "above 0"}
    label = f"{names}[datum.value] || format(datum.value / 1e6, '~f')"
    title = "fees per wallet in STX, from"
    axis = {"title": title, "labelExpr": label, "labelAngle": 0, "labelOverlap": True, "grid": False}
    tip = tooltip(
        ("range", "fees in STX"), ("wallets", "wallets", ","), ("observed_wallets", "of wallets", ","),
        ("wallet_share", "share", ".2%"), ("fees", "their fees in STX"),
    )  # fmt: skip
    end = "isValid(datum.to_ustx) ? ' to below ' + format(datum.to_ustx / 1e6, '~f') : ' and more'"
    y = {"field": "wallets", "type": "quantitative", "axis": {"title": "wallets", "tickCount": 5, "tickMinStep": 1}}
    return chart(
        "wallet_fee_histogram",
        params=[{"name": "choice", "value": window}],
        transform=[
            defined("Wallets observed, by the sum of the fees that they paid in their first days."),
            kept("datum.window_days === choice"),
            kept(f"datum.from_ustx >= {drawn[0]} && datum.from_ustx <= {drawn[-1]}"),
            calculated(f"datum.to_ustx === 1 ? '0' : format(datum.from_ustx / 1e6, '~f') + ({end})", "range"),
            calculated("format(datum.fee_ustx / 1e6, ',.6f')", "fees"),
        ],
        **layer(
            "bar",
            {"x": steps("from_ustx", drawn, inner=0.08, axis=axis), "y": y, "tooltip": tip},
            color="@bar",
            cornerRadiusEnd=3,
        ),
    )
