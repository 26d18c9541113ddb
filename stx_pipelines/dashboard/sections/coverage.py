"""The section of coverage: a calendar of the days, and the days that the numbers use."""

from __future__ import annotations

from collections import Counter
from datetime import date

from stx_pipelines.coverage.model import NEWER
from stx_pipelines.dashboard.charts import Spec, calculated, chart, defined, layer, steps, tooltip
from stx_pipelines.dashboard.facts import Facts
from stx_pipelines.dashboard.parts import NOTHING_YET, Chart, Legend, Section
from stx_pipelines.dashboard.text import count
from stx_pipelines.metrics.options import Basis

STATES = {
    "closed": ("@closed", "complete and final"),
    "closed, not used": (
        "@unused",
        "complete, but not used in any number, because it lies before a gap (a missing or open day) or before the data "
        "start, or because it was closed after the numbers were computed",
    ),
    "open": ("@open", "not final yet"),
    "missing": ("@card", "not fetched yet"),
    "failing": ("@failing", "the last proof failed; the day will be tried again"),
    "set aside": ("@set-aside", "the proof failed four times; the day is tried again once a day"),
    NEWER: ("@failing", "the day file was written by a later version of stx-pipelines"),
}
"""The colour and the meaning of each state of a day."""

_SIGNS = {"closed, not used": "-", "open": "○", "failing": "!", "set aside": "\u00d7", NEWER: "?"}
_CLOSED = "A day is closed when it has as many transactions as the chain itself counts and all its blocks are final."


def coverage(facts: Facts) -> Section:
    """Return a section with the calendar of days and sentences that say which days the numbers use."""
    rows = facts.rows("coverage")
    return Section(
        id="coverage",
        title="Days behind the numbers",
        short="Days",
        lead="Which days are complete, how they are proved, and which days the numbers use.",
        facts=[("Days wanted", f"{facts.coverage}."), *_proofs(facts), *_basis_facts(facts.measured)],
        charts=[_calendar(facts)] if rows else [],
        empty="" if rows else "No day is wanted, and no day is stored.",
    )


def _calendar(facts: Facts) -> Chart:
    rows = facts.rows("coverage")
    counts = Counter(row["shown"] for row in rows)
    entries = [
        Legend(name, colour.lstrip("@"), counts[name], meaning, _SIGNS.get(name, ""))
        for name, (colour, meaning) in STATES.items()
        if counts[name]
    ]
    return Chart(
        id="calendar",
        title="One square per day",
        meaning="The numbers use only closed days: final days with as many transactions as the chain itself counts.",
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
            layer("text", {**cell, "text": {"field": "sign"}}, fontSize=9, fontWeight="bold", color="@sign"),
        ],
    )


def _proofs(facts: Facts) -> list[tuple[str, str]]:
    return [("How closed days are proved", f"{facts.proofs}.")] if facts.proofs else []


def _basis_facts(basis: Basis | None) -> list[tuple[str, str]]:
    if basis is None:
        return [("Days used", f"none. {NOTHING_YET}")]
    run = f"{count(basis.days, 'complete day')} without a gap, {basis.coverage_start} to {basis.coverage_end}"
    said = [("Days used", run), ("Days left out", _left_out(basis))]
    if basis.uncensored_from and basis.coverage_start and basis.uncensored_from > basis.coverage_start:
        said.append(("Wallets that may not be new", _censored(basis.uncensored_from)))
    if excluded := basis.options.excluded_types:
        said.append(("Not counted as activity", f"transactions of type {', '.join(sorted(excluded))}"))
    return said


def _left_out(basis: Basis) -> str:
    out = (
        (basis.islands, "closed but before a gap (a missing or open day)"),
        (basis.open_days, "open"),
        (basis.before_start, "closed but before the data start"),
    )
    return ", ".join(f"{count(days, 'day')} {why}" for days, why in out if days) or "none"


def _censored(first_new: date) -> str:
    return (
        "wallets whose first transaction (nonce 0) is before the first day used are not counted as new; where nonces "
        f"are not known, wallets first seen before {first_new} may be older, and are marked"
    )
