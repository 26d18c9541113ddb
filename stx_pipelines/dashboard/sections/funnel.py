"""The section of the funnel: new wallets, new wallets that become active, and active wallets that also pay fees."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
from stx_pipelines.dashboard.text import FUNDED, WORTH, long_day, number
from stx_pipelines.metrics.options import ACTIVE_TRANSACTIONS, FUNNEL_DAYS

_Stages = Sequence[tuple[str, str, str]]
"""The column, the name and the meaning of each stage."""

_IS_ACTIVE = f"Of these, wallets with at least {ACTIVE_TRANSACTIONS} transactions in the first {FUNNEL_DAYS} days."
_PAID = f"Of these, wallets that also paid at least {WORTH} of fees in the first {FUNNEL_DAYS} days."

_STAGES: _Stages = (
    ("cohort_size", "New wallets", "Wallets first seen in these days."),
    ("active_30d", "Active", _IS_ACTIVE),
    ("active_and_value_30d", f"Active, and {WORTH} of fees", _PAID),
)
_FUNDED_STAGES: _Stages = (
    ("known_wallets", "New wallets with a known balance", "Wallets first seen in these days whose balance is known."),
    ("funded", "Funded", FUNDED),
    ("funded_and_active_30d", "Funded and active", _IS_ACTIVE),
    ("funded_active_and_value_30d", f"Funded, active, and {WORTH} of fees", _PAID),
)


def funnel(facts: Facts) -> Section:
    """Return the section with the stages, or with the day on which the first funnel will appear."""
    lead = f"New wallets in their first {FUNNEL_DAYS} days. Each stage is part of the one above it."
    rows, funded = facts.rows("funnel_stages"), facts.rows("funded_stages")
    charts = [*([_stages(rows)] if rows else []), *([_funded(funded)] if funded else [])]
    return section("funnel", "Funnel", lead, charts, "" if rows else _too_short(facts))


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


_ACTIVE = f"Active: at least {ACTIVE_TRANSACTIONS} transactions in the first {FUNNEL_DAYS} days of the wallet."


def _stages(rows: Sequence[Row]) -> Chart:
    return _chart("funnel-stages", "From first transaction to value", "wallet_funnel", "funnel_stages", rows, _ACTIVE)


def _funded(rows: Sequence[Row]) -> Chart:
    note = f"Only wallets count whose balance is known. {FUNDED} {_ACTIVE}"
    title = "From first transaction to value, of funded wallets"
    return _chart("funded-stages", title, "wallet_funnel_funded", "funded_stages", rows, note)


def _chart(name: str, title: str, table: str, drawn: str, rows: Sequence[Row], note: str) -> Chart:
    meanings = {row["window_days"]: _meaning(row) for row in rows}
    longest = max(meanings)
    counts = [f"{row['stage']}: {number(row['wallets'])}" for row in rows if row["window_days"] == longest]
    return Chart(
        id=name,
        title=title,
        meaning=meanings[longest],
        table=table,
        spec=_bars(drawn, longest, len(counts)),
        note=note,
        alt="Funnel. " + "; ".join(counts),
        is_wide=True,
        switch="Wallets first seen in",
        choices=[Choice(window, f"{window} days", meanings[window]) for window in sorted(meanings)],
        choice=longest,
    )


def _meaning(row: Row) -> str:
    seen = f"first seen from {row['first_cohort']} to {row['last_cohort']}"
    return f"Wallets {seen}, whose first {FUNNEL_DAYS} days are over."


def _bars(table: str, window: int, stages: int) -> Spec:
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
        table,
        params=[{"name": "choice", "value": window}],
        transform=[
            kept("datum.window_days === choice"),
            calculated(words, "words"),
            calculated("datum.meaning", "definition"),
        ],
        height=WORDED_STEP * stages,
        layer=[
            placed("bar", {"datum": 1}, {}, color="@faint", cornerRadius=4, **BAR_BELOW),
            placed("bar", {"field": "rate"}, {}, color="@bar", cornerRadius=4, **BAR_BELOW),
            placed("text", {"datum": 0}, {"text": {"field": "words"}}, color="@ink", fontSize=13, **WORDS_ABOVE),
        ],
    )


def drawn_stages(facts: Facts) -> Mapping[str, Table]:
    """Return the tables of the funnel charts, with a row per window and stage."""
    tables = (
        ("funnel_stages", "wallet_funnel", _STAGES),
        ("funded_stages", "wallet_funnel_funded", _FUNDED_STAGES),
    )
    return {name: _table(name, facts.rows(source), stages) for name, source, stages in tables}


def _table(name: str, rows: Sequence[Row], stages: _Stages) -> Table:
    first = stages[0][0]
    made = [stage for row in rows if row["is_mature"] and row[first] for stage in _staged(row, stages)]
    return Table(name, tuple(made[0]) if made else (), made)


def _staged(row: Row, stages: _Stages) -> Iterator[Row]:
    size = row[stages[0][0]]
    for order, (column, stage, meaning) in enumerate(stages):
        yield {
            **{name: row[name] for name in ("window_days", "first_cohort", "last_cohort")},
            "cohort_size": size,
            "order": order,
            "stage": stage,
            "meaning": meaning,
            "wallets": row[column],
            "rate": row[column] / size,
        }
