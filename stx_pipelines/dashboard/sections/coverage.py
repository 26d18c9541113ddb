"""Which days are here, and which of them the numbers rest on."""

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
    "closed, not used": ("@unused", "complete, but behind a hole or before the data start: no number rests on it"),
    "open": ("@open", "not over or not final yet"),
    "missing": ("@card", "not fetched yet"),
    "failing": ("@failing", "its proof failed; it is tried again"),
    "set aside": ("@set-aside", "its proof failed too often; it waits for its daily try"),
    NEWER: ("@failing", "a later version of stx-pipelines wrote its file; this one cannot read it"),
}
"""What a day can be, with its colour and its meaning."""

_SIGNS = {"open": "○", "failing": "!", "set aside": "\u00d7", NEWER: "?"}
_CLOSED = "A day is closed when its transactions equal the chain's own count and nothing of it can change."


def coverage(facts: Facts) -> Section:
    """The calendar, and the basis in sentences."""
    rows = facts.rows("coverage")
    return Section(
        id="coverage",
        title="What the numbers rest on",
        lead="No number is better than the days behind it, so they come first.",
        facts=[("Days wanted", f"{facts.coverage}."), *_basis_facts(facts.measured)],
        charts=[_calendar(facts)] if rows else [],
        empty="" if rows else "No day is wanted and none is here.",
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
        meaning="Numbers rest on closed days only: over, final, and equal to the chain's own count of transactions.",
        table="coverage",
        spec=_squares(len({row["date"][:7] for row in rows})),
        alt="Calendar of days. " + ", ".join(f"{entry.count} {entry.name}" for entry in entries),
        is_wide=True,
        legend=entries,
    )


def _squares(months: int) -> Spec:
    """A row per month and a column per day of the month, so that no day can hide."""
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
        return [("Numbers rest on", "nothing yet; " + NOTHING_YET[0].lower() + NOTHING_YET[1:])]
    run = f"{count(basis.days, 'complete day')} without a hole, {basis.coverage_start} to {basis.coverage_end}"
    said = [("Numbers rest on", run), ("Days left out", _left_out(basis))]
    if basis.uncensored_from and basis.coverage_start and basis.uncensored_from > basis.coverage_start:
        said.append(("Wallets first seen before", f"{basis.uncensored_from} may be older than that, and are marked"))
    if excluded := basis.options.excluded_types:
        said.append(("No activity", f"transactions of type {', '.join(sorted(excluded))}"))
    return said


def _left_out(basis: Basis) -> str:
    out = (
        (basis.islands, "complete but behind a hole"),
        (basis.open_days, "open"),
        (basis.before_start, "before the data start"),
    )
    return ", ".join(f"{count(days, 'day')} {why}" for days, why in out if days) or "none"
