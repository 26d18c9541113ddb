"""The chart of value wallets: whether wallets that pay fees come back more often. It is a part of retention."""

from __future__ import annotations

import json
from collections.abc import Sequence

from stx_pipelines.dashboard.charts import (
    Spec,
    calculated,
    chart,
    defined,
    kept,
    layer,
    lines,
    shapes,
    steps,
    tooltip,
)
from stx_pipelines.dashboard.facts import Facts, Row
from stx_pipelines.dashboard.parts import Chart, Choice, Panel
from stx_pipelines.dashboard.text import FUNDED, WORTH, number
from stx_pipelines.metrics.options import FUNNEL_DAYS, MetricOptions

NAMES = {"cumulative": "in the window", "active_band": "late in the window", "survival": "after the window"}
_SEGMENTS = {"value": "value wallets", "non_value": "other wallets"}
_TITLE = "Value wallets and others that came back"
_WORTH = f"Value wallets paid at least {WORTH} of fees in their first {FUNNEL_DAYS} days."


def value_retention(facts: Facts) -> Chart | None:
    """Return the chart of the retention of value wallets and of the others, or None before the first results."""
    rows, basis = facts.rows("wallet_retention_by_value"), facts.measured
    if basis is None or not rows:
        return None
    known = [row for row in rows if row["wallets"]]
    return _lines(known, basis.options) if known else _nothing_yet()


def _nothing_yet() -> Chart:
    return Chart(
        id="value-retention",
        title=_TITLE,
        meaning=_WORTH,
        table="wallet_retention_by_value",
        empty=f"No wallet is certainly new and has its first {FUNNEL_DAYS} days behind it yet.",
        is_wide=True,
    )


def segment_panels(facts: Facts) -> list[Panel]:
    """Return the table of the retention of all, funded, value and other wallets, if any balance is known."""
    known = [
        row
        for row in facts.rows("wallet_retention_by_segment")
        if row["definition"] == "cumulative" and row["known_wallets"]
    ]
    cells = {(row["window_days"], row["segment"]): row for row in known}
    segments = {"all": "all", "funded": "funded", **_SEGMENTS}
    rows = [
        (f"{window} days", *(_back(cells.get((window, segment))) for segment in segments))
        for window in sorted({row["window_days"] for row in known})
    ]
    meaning = (
        "Share of the wallets with a transaction on a later day of the window, from day 1 to its last day, and its two "
        f"counts. Only wallets count whose balance is known. {FUNDED} {_WORTH}"
    )
    panel = Panel("Retention by balance", meaning, ("window", *segments.values()), rows, "wallet_retention_by_segment")
    return [panel] if rows else []


def _back(row: Row | None) -> str:
    if row is None:
        return "—"
    return f"{row['rate']:.1%} ({number(row['retained'])} of {number(row['known_wallets'])})"


def value_wallets(facts: Facts) -> tuple[int, int]:
    """Return the number of value wallets and of other wallets whose first 30 days are over."""
    cells = [row for row in facts.rows("wallet_retention_by_value") if row["definition"] == "cumulative"]
    shortest = min((row["window_days"] for row in cells), default=0)
    found = {row["segment"]: row["wallets"] for row in cells if row["window_days"] == shortest}
    return found.get("value", 0), found.get("non_value", 0)


def _lines(known: Sequence[Row], options: MetricOptions) -> Chart:
    meanings = _meanings(options)
    present = [name for name in NAMES if any(row["definition"] == name for row in known)]
    return Chart(
        id="value-retention",
        title=_TITLE,
        meaning=meanings[present[0]],
        table="wallet_retention_by_value",
        spec=_points(meanings, present[0], options.windows),
        alt=_said(known, present[0]),
        note=f"{_absent(known)}{_WORTH} Only wallets count whose window and first {FUNNEL_DAYS} days are over. "
        "A wallet that comes back more often in these days also pays more fees.",
        is_wide=True,
        switch="Came back",
        choices=[Choice(name, f"{NAMES[name]} ({name.replace('_', ' ')})", meanings[name]) for name in present],
        choice=present[0],
    )


def _absent(known: Sequence[Row]) -> str:
    """Return a sentence that names the segments without a wallet, or an empty text."""
    absent = [name for segment, name in _SEGMENTS.items() if all(row["segment"] != segment for row in known)]
    return f"There are no {' and no '.join(absent)} yet. " if absent else ""


def _meanings(options: MetricOptions) -> dict[str, str]:
    bands = ", ".join(f"{low + 1} to {high}" for low, high in options.bands)
    return {
        "active_band": "Share of the wallets with a transaction after the next smaller window and up to day H "
        f"({bands}).",
        "cumulative": "Share of the wallets with a transaction on at least one of the days 1 to H after the first day.",
        "survival": f"Share of the wallets with a transaction on day H or later, within {options.horizon} days.",
    }


def _said(known: Sequence[Row], definition: str) -> str:
    cells = [row for row in known if row["definition"] == definition]
    longest = max(row["window_days"] for row in cells)
    counts = "; ".join(
        f"{_SEGMENTS[row['segment']]} {number(row['retained'])} of {number(row['wallets'])}"
        for row in cells
        if row["window_days"] == longest
    )
    return f"Lines of retention of value wallets and of other wallets. {longest} days: {counts}"


def _points(meanings: dict[str, str], definition: str, windows: Sequence[int]) -> Spec:
    """Return a chart with a line per segment. The share and the number of wallets are written at each point."""
    names = list(_SEGMENTS.values())
    place = {
        "x": steps("window", [f"{window} days" for window in windows], axis={"title": None, "labelAngle": 0}),
        "y": {"field": "rate", "type": "quantitative", "axis": {"title": "came back", "format": "~%", "tickCount": 5}},
    }
    tip = tooltip(
        ("window", "window"), ("who", "wallets"), ("rate", "came back", ".2%"), ("retained", "wallets back", ","),
        ("wallets", "of wallets", ","), ("first_cohort", "first cohort"), ("last_cohort", "last cohort"),
    )  # fmt: skip
    legend = {"title": None, "offset": 24}
    line = {**place, **lines("who", names, legend)}
    point = {**place, "color": line["color"], **shapes("who", names, legend), "tooltip": tip}
    text = {"expr": "format(datum.rate, '.1%') + (width < 560 ? '' : ' of ' + format(datum.wallets, ','))"}
    words: Spec = {"text": text, "dy": {"expr": "datum.segment === 'value' ? -14 : 16"}, "fontSize": 11}
    return chart(
        "wallet_retention_by_value",
        params=[{"name": "choice", "value": definition}],
        transform=[
            kept("datum.definition === choice && datum.wallets > 0"),
            defined(_WORTH),
            calculated(f"{json.dumps(meanings)}[choice]", "definition"),
            calculated("datum.window_days + ' days'", "window"),
            calculated(f"{json.dumps(_SEGMENTS)}[datum.segment]", "who"),
        ],
        layer=[
            layer("line", line, strokeWidth=2),
            layer("point", point, filled=True, size=70, opacity=1),
            layer("text", place, **words, stroke="@card", strokeWidth=5, strokeJoin="round"),
            layer("text", place, **words, color="@ink"),
        ],
    )
