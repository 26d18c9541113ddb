"""The stored days, and those that the numbers are based on."""

from __future__ import annotations

from collections import Counter

from stx_pipelines.coverage.model import NEWER
from stx_pipelines.dashboard.charts import Spec, calculated, chart, defined, layer, steps, tooltip
from stx_pipelines.dashboard.facts import Facts
from stx_pipelines.dashboard.parts import NOTHING_YET, Chart, Legend, Section
from stx_pipelines.dashboard.text import count
from stx_pipelines.metrics.options import Basis

STATES = {
    "closed": ("@closed", "complete and final"),
    "closed, not used": ("@unused", "complete, but before a missing day or before the data start: in no number"),
    "open": ("@open", "not final yet"),
    "missing": ("@card", "not fetched yet"),
    "failing": ("@failing", "its proof failed; it will be tried again"),
    "set aside": ("@set-aside", "its proof failed four times; it is tried again once a day"),
    NEWER: ("@failing", "its file was written by a later version of stx-pipelines"),
}
"""The colour and the meaning of each state of a day."""

_SIGNS = {"open": "○", "failing": "!", "set aside": "\u00d7", NEWER: "?"}
_CLOSED = "A day is closed when its transactions equal the chain's own count and none of them can change."


def coverage(facts: Facts) -> Section:
    """Return the calendar, and the days behind the numbers as sentences."""
    rows = facts.rows("coverage")
    return Section(
        id="coverage",
        title="Days behind the numbers",
        lead="Which days are complete, and which of them the numbers use.",
        facts=[("Days wanted", f"{facts.coverage}."), *_basis_facts(facts.measured)],
        charts=[_calendar(facts)] if rows else [],
        empty="" if rows else "No day is wanted and none is stored.",
    )


def _calendar(facts: Facts) -> Chart:
    rows = facts.rows("coverage")
    counts = Counter(row["shown"] for row in rows)
    entries = [
        Legend(name, colour.lstrip("@"), counts[name], meaning)
        for name, (colour, meaning) in STATES.items()
        if counts[name]
    ]
    return Chart(
        id="calendar",
        title="Every day, one square",
        meaning="Numbers use closed days only: final, and equal to the chain's own count of transactions.",
        table="coverage",
        spec=_squares(len({row["date"][:7] for row in rows})),
        alt="Calendar of days. " + ", ".join(f"{entry.count} {entry.name}" for entry in entries),
        is_wide=True,
        legend=entries,
    )


def _squares(months: int) -> Spec:
    """Return a chart with a row per month and a column per day of the month."""
    axis = {"title": None, "orient": "top", "values": [1, 5, 10, 15, 20, 25, 31], "labelAngle": 0}
    month = {"title": None, "labelExpr": "utcFormat(toDate(datum.value + '-01T00:00:00Z'), '%b %Y')"}
    cell = {
        "x": steps("number", range(1, 32), inner=0.12, axis=axis),
        "y": steps("month", inner=0.12, axis=month),
        "tooltip": tooltip(
            ("date", "day"), ("shown", "state"), ("transactions", "transactions", ","), ("proof", "proof")
        ),
    }
    scale = {"domain": list(STATES), "range": [colour for colour, _ in STATES.values()]}
    colour = {"field": "shown", "scale": scale, "legend": None}
    return chart(
        "coverage",
        transform=[
            defined(_CLOSED),
            calculated("slice(datum.date, 0, 7)", "month"),
            calculated("+slice(datum.date, 8)", "number"),
            calculated(f"{_SIGNS}[datum.shown] || ''", "sign"),
        ],
        height=20 * months,
        layer=[
            layer("rect", {**cell, "color": colour}, cornerRadius=2, stroke="@edge", strokeWidth=1),
            layer("text", {**cell, "text": {"field": "sign"}}, fontSize=9, fontWeight="bold", color="@card"),
        ],
    )


def _basis_facts(basis: Basis | None) -> list[tuple[str, str]]:
    if basis is None:
        return [("Days used", "none yet; " + NOTHING_YET[0].lower() + NOTHING_YET[1:])]
    run = f"{count(basis.days, 'complete day')} without a gap, {basis.coverage_start} to {basis.coverage_end}"
    said = [("Days used", run), ("Days left out", _left_out(basis))]
    if basis.uncensored_from and basis.coverage_start and basis.uncensored_from > basis.coverage_start:
        said.append(("Wallets first seen before", f"{basis.uncensored_from} may be older and are marked"))
    if excluded := basis.options.excluded_types:
        said.append(("Not counted as activity", f"transactions of type {', '.join(sorted(excluded))}"))
    return said


def _left_out(basis: Basis) -> str:
    out = (
        (basis.islands, "complete but before a missing day"),
        (basis.open_days, "open"),
        (basis.before_start, "before the data start"),
    )
    return ", ".join(f"{count(days, 'day')} {why}" for days, why in out if days) or "none"
