"""The section of the funnel: new wallets, new wallets that become active, and active wallets that also pay fees."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from stx_pipelines.chains.days import DAY
from stx_pipelines.dashboard.charts import (
    BAR_BELOW,
    WORDED_STEP,
    WORDS_ABOVE,
    Spec,
    calculated,
    chart,
    kept,
    layer,
    steps,
    tooltip,
)
from stx_pipelines.dashboard.facts import Facts, Row, Table
from stx_pipelines.dashboard.intervals import interval
from stx_pipelines.dashboard.parts import Chart, Choice, Section, section
from stx_pipelines.dashboard.text import WORTH, long_day, number
from stx_pipelines.metrics.options import ACTIVE_TRANSACTIONS, FUNNEL_DAYS


def funnel(facts: Facts) -> Section:
    """Return the section with the stages, or with the day on which the first funnel will appear."""
    lead = f"New wallets in their first {FUNNEL_DAYS} days. Each stage is part of the one above it."
    rows = facts.rows("funnel_stages")
    return section("funnel", "Funnel", lead, [_stages(rows)] if rows else [], "" if rows else _too_short(facts))


def _too_short(facts: Facts) -> str:
    judged, basis = facts.rows("wallet_funnel"), facts.measured
    if not judged or basis is None or basis.coverage_start is None:
        return ""
    return _first_funnel(basis.coverage_start, judged[0]["window_days"])


def _first_funnel(coverage_start: date, shortest: int) -> str:
    first = coverage_start + (FUNNEL_DAYS + shortest - 1) * DAY
    return (
        "The data are too short for a funnel, or it is not known which wallets are new. The first funnel appears when "
        f"{long_day(first)} is complete, or later if nonces of wallets are not known. A funnel "
        f"needs {shortest} days of wallets that are certainly new, and {FUNNEL_DAYS} days after their first day."
    )


def _stages(rows: Sequence[Row]) -> Chart:
    meanings = {row["window_days"]: _meaning(row) for row in rows}
    longest = max(meanings)
    counts = (f"{row['stage']}: {number(row['wallets'])}" for row in rows if row["window_days"] == longest)
    return Chart(
        id="funnel-stages",
        title="From first transaction to value",
        meaning=meanings[longest],
        table="wallet_funnel",
        spec=_bars(longest),
        note=f"Active: at least {ACTIVE_TRANSACTIONS} transactions in the first {FUNNEL_DAYS} days of the wallet.",
        alt="Funnel. " + "; ".join(counts),
        is_wide=True,
        switch="Wallets first seen in",
        choices=[Choice(window, f"{window} days", meanings[window]) for window in sorted(meanings)],
        choice=longest,
    )


def _meaning(row: Row) -> str:
    seen = f"first seen from {row['first_cohort']} to {row['last_cohort']}"
    return f"Wallets {seen}, whose first {FUNNEL_DAYS} days are over."


def _bars(window: int) -> Spec:
    """Return a chart with a bar per stage. The name and the counts of the stage are above the bar."""
    y = steps("order", inner=0.18, axis=None)
    share = {"type": "quantitative", "scale": {"domain": [0, 1]}, "axis": None}
    tip = tooltip(
        ("stage", "stage"), ("wallets", "wallets", ","), ("cohort_size", "of wallets", ","), ("rate", "share", ".2%"),
        ("first_cohort", "first cohort"), ("last_cohort", "last cohort"),
    )  # fmt: skip
    limits = interval("datum.wallets", "datum.cohort_size")
    words = (
        "datum.stage + ': ' + format(datum.wallets, ',') + ' (' + format(datum.rate, '.1%') + "
        f"(datum.order && {limits} ? ', 95% interval ' + {limits} + '%' : '') + ')'"
    )

    def placed(mark: str, x: Spec, more: Spec, **style: Any) -> Spec:
        return layer(mark, {"x": {**share, **x}, "y": y, **more, "tooltip": tip}, **style)

    return chart(
        "funnel_stages",
        params=[{"name": "choice", "value": window}],
        transform=[
            kept("datum.window_days === choice"),
            calculated(words, "words"),
            calculated("datum.meaning", "definition"),
        ],
        height=WORDED_STEP * len(_named_stages()),
        layer=[
            placed("bar", {"datum": 1}, {}, color="@faint", cornerRadius=4, **BAR_BELOW),
            placed("bar", {"field": "rate"}, {}, color="@bar", cornerRadius=4, **BAR_BELOW),
            placed("text", {"datum": 0}, {"text": {"field": "words"}}, color="@ink", fontSize=13, **WORDS_ABOVE),
        ],
    )


def funnel_stages(rows: Sequence[Row]) -> Table:
    """Return the table of the funnel chart, with a row per window and stage."""
    made = [stage for row in rows if row["is_mature"] and row["cohort_size"] for stage in _staged(row)]
    return Table("funnel_stages", tuple(made[0]) if made else (), made)


def _staged(row: Row) -> Iterator[Row]:
    for order, (column, stage, meaning) in enumerate(_named_stages()):
        yield {
            **{name: row[name] for name in ("window_days", "first_cohort", "last_cohort", "cohort_size")},
            "order": order,
            "stage": stage,
            "meaning": meaning,
            "wallets": row[column],
            "rate": row[column] / row["cohort_size"],
        }


def _named_stages() -> Sequence[tuple[str, str, str]]:
    """Return the column in `wallet_funnel`, the name and the meaning of each stage."""
    activity = f"at least {ACTIVE_TRANSACTIONS} transactions in the first {FUNNEL_DAYS} days"
    paid = f"Of these, wallets that also paid at least {WORTH} of fees in the first {FUNNEL_DAYS} days."
    return (
        ("cohort_size", "New wallets", "Wallets first seen in these days."),
        ("active_30d", "Active", f"Of these, wallets with {activity}."),
        ("active_and_value_30d", f"Active, and {WORTH} of fees", paid),
    )
