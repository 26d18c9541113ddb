"""The section of retention: wallets that came back, by the week of their first transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

from stx_pipelines.chains.days import DAY
from stx_pipelines.dashboard.charts import Spec, calculated, chart, day_in, kept, layer, older, steps, tooltip
from stx_pipelines.dashboard.facts import Facts, Row, partial_weeks
from stx_pipelines.dashboard.intervals import RULE, SMALL, interval
from stx_pipelines.dashboard.parts import Chart, Choice, Panel, Section, section
from stx_pipelines.dashboard.sections.value_retention import NAMES, segment_panels, value_retention
from stx_pipelines.dashboard.text import long_day, number
from stx_pipelines.metrics.options import Basis, MetricOptions

WEEKS_DRAWN = 53

_OLDER, _PARTIAL = "*", "†"
_SIGN_MEANINGS = {
    _OLDER: f"Weeks with {_OLDER} are near the start of the data, so their wallets may not be new.",
    _PARTIAL: f"Weeks with {_PARTIAL} have days that are not covered. Wallets first seen on these days are missing.",
}


def retention(facts: Facts) -> Section:
    """Return the section with the heat map and the value wallets, or with the day on which the first cell appears."""
    rows, basis = facts.rows("wallet_retention_weekly"), facts.measured
    charts: list[Chart] = []
    panels: list[Panel] = []
    empty = ""
    if rows and basis is not None:
        if any(row["is_mature"] for row in rows):
            charts = [_heat_map(rows, basis), *filter(None, [value_retention(facts)])]
            panels = segment_panels(facts)
        else:
            empty = _too_short(rows[0], basis.options.windows[0])
    lead = "The share of each week's new wallets that came back later."
    return replace(section("retention", "Retention", lead, charts, empty), panels=panels)


def _too_short(first: Row, window: int) -> str:
    over = date.fromisoformat(first["week_ending"]) + window * DAY
    return (
        f"The data are too short for retention. The first cell appears when {long_day(over)} is complete, {window} "
        "days after the first week of new wallets ended. A number is never shown before its window is over."
    )


def _heat_map(rows: Sequence[Row], basis: Basis) -> Chart:
    meanings = _meanings(basis.options)
    weeks = sorted({row["week_ending"] for row in rows})
    signs = _signs(weeks[-WEEKS_DRAWN:], rows, basis)
    return Chart(
        id="retention-map",
        title="Wallets that came back, by week of their first transaction",
        meaning=meanings["cumulative"],
        table="wallet_retention_weekly",
        spec=_cells(signs, basis.options.windows, meanings),
        alt=_newest(rows),
        note=_note(len(weeks), "".join(signs.values()), is_small=any(row["cohort_size"] < SMALL for row in rows)),
        is_wide=True,
        switch="Came back",
        choices=[Choice(key, f"{name} ({key.replace('_', ' ')})", meanings[key]) for key, name in NAMES.items()],
        choice="cumulative",
    )


def _meanings(options: MetricOptions) -> dict[str, str]:
    bands = ", ".join(f"{low + 1} to {high}" for low, high in options.bands)
    return {
        "cumulative": "A wallet counts if it has a transaction on at least one of the days 1 to H after its first day.",
        "active_band": "A wallet counts if it has a transaction after the next smaller window and up to day H "
        f"({bands}).",
        "survival": f"A wallet counts if it has a transaction on day H or later, within {options.horizon} days.",
    }


def _newest(rows: Sequence[Row]) -> str:
    mature = [row for row in rows if row["is_mature"]]
    best = max(mature, key=lambda row: (row["definition"] == "cumulative", row["week_ending"], row["window_days"]))
    return (
        "Heat map of retention, a row per week and a column per window. "
        f"{best['definition']}, week ending {best['week_ending']}, {best['window_days']} days: "
        f"{number(best['retained'])} of {number(best['cohort_size'])} wallets"
    )


def _signs(weeks: Sequence[str], rows: Sequence[Row], basis: Basis) -> dict[str, str]:
    """Return the signs that follow the date of each drawn week. Most weeks have no sign."""
    older = {row["week_ending"] for row in rows if row["is_left_censored"]}
    marked = {_OLDER: older, _PARTIAL: set(partial_weeks(weeks, basis))}
    return {week: "".join(f" {sign}" for sign, found in marked.items() if week in found) for week in weeks}


def _note(weeks: int, signs: str, *, is_small: bool) -> str:
    said = [
        "Outlined cells have no number yet, because their windows are not over.",
        *([RULE] if is_small else []),
        *(meaning for sign, meaning in _SIGN_MEANINGS.items() if sign in signs),
        *([f"The newest {WEEKS_DRAWN} weeks are shown."] if weeks > WEEKS_DRAWN else []),
    ]
    return " ".join(said)


def _cells(signs: Mapping[str, str], windows: Sequence[int], meanings: Mapping[str, str]) -> Spec:
    """Return a chart with a row per week of `signs`, a column per window, and outlines for unfinished cells."""
    axes = {"x": _columns(windows), "y": _rows(signs)}
    return chart(
        "wallet_retention_weekly",
        params=[{"name": "choice", "value": "cumulative"}],
        transform=[
            kept("datum.definition === choice"),
            calculated(f"{json.dumps(meanings)}[choice]", "definition"),
            older(),
            kept(f"datum.week_ending >= '{min(signs)}'"),
            calculated("datum.window_days + ' days'", "window"),
            calculated("datum.is_mature ? format(datum.rate, '.1%') : 'not over yet'", "share"),
            calculated(interval("datum.retained", "datum.cohort_size"), "limits"),
            calculated("datum.limits ? datum.limits + '%' : 'not given, because the cohort is large'", "interval"),
        ],
        height=22 * len(signs),
        layer=[*_shares({**axes, "tooltip": _tip()}), _sizes(axes, windows[0])],
    )


def _columns(windows: Sequence[int]) -> Spec:
    short = "width < 460 ? replace(datum.label, 'ays', '') : datum.label"
    axis = {"title": None, "orient": "top", "labelAngle": 0, "labelExpr": short, "labelOverlap": False}
    return steps("window", ["wallets", *(f"{window} days" for window in windows)], inner=0.04, axis=axis)


def _rows(signs: Mapping[str, str]) -> Spec:
    marked = {week: sign for week, sign in signs.items() if sign}
    label = f"utcFormat({day_in('value')}, '%-d %b %y') + ({json.dumps(marked)}[datum.value] || '')"
    title = {"title": "week ending", "titleAngle": 0, "titleAlign": "right", "titleX": -7, "titleY": -8}
    return steps("week_ending", list(signs), inner=0.08, axis={**title, "labelExpr": label})


def _tip() -> list[Spec]:
    return tooltip(
        ("week_ending", "week ending"),
        ("window", "window"),
        ("share", "came back"),
        ("retained", "wallets back", ","),
        ("cohort_size", "of wallets", ","),
        ("interval", "95% interval"),
        ("cohort_days", "days with new wallets"),
        ("older", "may not be new"),
    )


def _shares(place: Spec) -> list[Spec]:
    """Return layers: colour and percentage of finished cells, outlines of unfinished ones."""
    scale = {"domain": [0, 1], "range": ["@low", "@high"]}
    colour = {"field": "rate", "type": "quantitative", "legend": None, "scale": scale}
    text = {"text": {"field": "rate", "format": ".0%"}, "color": {"value": "@ink"}}
    over, running = [kept("datum.is_mature")], [kept("!datum.is_mature")]
    outline = {"fill": "transparent", "stroke": "@edge", "strokeDash": [2, 3], "strokeWidth": 1}
    return [
        layer("rect", {**place, "color": colour}, over, cornerRadius=2),
        layer("rect", place, running, cornerRadius=2, **outline),
        layer("text", {**place, **text}, over, fontSize=11),
        _limits(place),
    ]


def _limits(place: Spec) -> Spec:
    """Return the layer with the interval of each share of a small cohort. Narrow screens have it in the tooltip."""
    shown = [kept("datum.is_mature && datum.limits"), calculated("'(' + datum.limits + ')'", "bounds")]
    encoding = {**place, "text": {"field": "bounds"}, "opacity": {"value": {"expr": "width > 620 ? 1 : 0"}}}
    return layer("text", encoding, shown, color="@ink", fontSize=9, align="left", dx=18)


def _sizes(axes: Spec, window: int) -> Spec:
    """Return the layer with the number of wallets per week."""
    once = [kept(f"datum.window_days === {window}"), calculated("'wallets'", "window")]
    return layer("text", {**axes, "text": {"field": "cohort_size", "format": ","}}, once, fontSize=11, color="@soft")
