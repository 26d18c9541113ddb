"""Who comes back, by the week a wallet began."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date

from stx_pipelines.chains.days import DAY
from stx_pipelines.dashboard.charts import Spec, calculated, chart, day_in, kept, layer, older, steps, tooltip
from stx_pipelines.dashboard.facts import Facts, Row
from stx_pipelines.dashboard.parts import Chart, Choice, Section, section
from stx_pipelines.dashboard.text import long_day, number
from stx_pipelines.metrics.options import MetricOptions

WEEKS_DRAWN = 53

_NAMES = {"cumulative": "at all", "active_band": "in the last stretch", "survival": "still there"}


def retention(facts: Facts) -> Section:
    """The heat map, or when its first cell appears."""
    rows, basis = facts.rows("wallet_retention_weekly"), facts.measured
    charts, empty = [], ""
    if rows and basis is not None:
        if any(row["is_mature"] for row in rows):
            charts = [_heat_map(rows, basis.options)]
        else:
            empty = _too_short(rows[0], basis.options.windows[0])
    lead = "Of the wallets that began in a week, the share that came back later."
    return section("retention", "Retention", lead, charts, empty)


def _too_short(first: Row, window: int) -> str:
    over = date.fromisoformat(first["week_ending"]) + window * DAY
    return (
        f"Too short for retention: the first cell appears when {long_day(over)} is complete, {window} days "
        "after the first week of wallets ended. A number is never shown before its window is over."
    )


def _heat_map(rows: Sequence[Row], options: MetricOptions) -> Chart:
    meanings = _meanings(options)
    weeks = sorted({row["week_ending"] for row in rows})
    marked_to = max((row["week_ending"] for row in rows if row["is_left_censored"]), default="")
    return Chart(
        id="retention-map",
        title="Wallets that came back, by week of their first transaction",
        meaning=meanings["cumulative"],
        table="wallet_retention_weekly",
        spec=_cells(weeks[-WEEKS_DRAWN:], options.windows, meanings, marked_to),
        alt=_newest(rows),
        note=_note(len(weeks), is_marked=bool(marked_to)),
        is_wide=True,
        switch="Came back",
        choices=[Choice(key, f"{name} ({key.replace('_', ' ')})", meanings[key]) for key, name in _NAMES.items()],
        choice="cumulative",
    )


def _meanings(options: MetricOptions) -> dict[str, str]:
    bands = ", ".join(f"{low + 1} to {high}" for low, high in options.bands)
    return {
        "cumulative": "A wallet counts if it has a transaction on at least one of the days 1 to H after its first day.",
        "active_band": "A wallet counts if it has a transaction after the next smaller window and up to day H "
        f"({bands}).",
        "survival": "A wallet counts if it has a transaction on day H or later; every cohort is watched for "
        f"{options.horizon} days.",
    }


def _newest(rows: Sequence[Row]) -> str:
    mature = [row for row in rows if row["is_mature"]]
    best = max(mature, key=lambda row: (row["definition"] == "cumulative", row["week_ending"], row["window_days"]))
    return (
        "Heat map of retention, a row per week and a column per window. "
        f"{best['definition']}, week ending {best['week_ending']}, {best['window_days']} days: "
        f"{number(best['retained'])} of {number(best['cohort_size'])} wallets"
    )


def _note(weeks: int, *, is_marked: bool) -> str:
    marks = " Weeks with * are near the start of the data: their wallets may be older." if is_marked else ""
    drawn = f" Drawn are the newest {WEEKS_DRAWN} weeks." if weeks > WEEKS_DRAWN else ""
    return "Outlined cells are not over yet; nothing is shown before it is measured in full." + marks + drawn


def _cells(weeks: Sequence[str], windows: Sequence[int], meanings: Mapping[str, str], marked_to: str) -> Spec:
    """A row per weekly cohort, a column per window; cells that are not over are outlines.

    Weeks up to `marked_to` get a star: their wallets may be older than they look.
    """
    axes = {"x": _columns(windows), "y": _rows(weeks, marked_to)}
    return chart(
        "wallet_retention_weekly",
        params=[{"name": "choice", "value": "cumulative"}],
        transform=[
            kept("datum.definition === choice"),
            calculated(f"{json.dumps(meanings)}[choice]", "definition"),
            older(),
            kept(f"datum.week_ending >= '{weeks[0]}'"),
            calculated("datum.window_days + ' days'", "window"),
            calculated("datum.is_mature ? format(datum.rate, '.1%') : 'not over yet'", "share"),
        ],
        height=22 * len(weeks),
        layer=[*_shares({**axes, "tooltip": _tip()}), _sizes(axes, windows[0])],
    )


def _columns(windows: Sequence[int]) -> Spec:
    short = "width < 460 ? replace(datum.label, 'ays', '') : datum.label"
    axis = {"title": None, "orient": "top", "labelAngle": 0, "labelExpr": short, "labelOverlap": False}
    return steps("window", ["wallets", *(f"{window} days" for window in windows)], inner=0.04, axis=axis)


def _rows(weeks: Sequence[str], marked_to: str) -> Spec:
    label = f"utcFormat({day_in('value')}, '%-d %b %y') + (datum.value <= '{marked_to}' ? ' *' : '')"
    title = {"title": "week ending", "titleAngle": 0, "titleAlign": "right", "titleX": -7, "titleY": -8}
    return steps("week_ending", weeks, inner=0.08, axis={**title, "labelExpr": label})


def _tip() -> list[Spec]:
    return tooltip(
        ("week_ending", "week ending"),
        ("window", "window"),
        ("share", "came back"),
        ("retained", "wallets back", ","),
        ("cohort_size", "of wallets", ","),
        ("cohort_days", "days with new wallets"),
        ("older", "may be older"),
    )


def _shares(place: Spec) -> list[Spec]:
    """Colours and percentages of what is over, outlines of what is not."""
    scale = {"domain": [0, 1], "range": ["@low", "@high"]}
    colour = {"field": "rate", "type": "quantitative", "legend": None, "scale": scale}
    text = {"text": {"field": "rate", "format": ".0%"}, "color": {"value": "@ink"}}
    over, running = [kept("datum.is_mature")], [kept("!datum.is_mature")]
    outline = {"fill": "transparent", "stroke": "@edge", "strokeDash": [2, 3], "strokeWidth": 1}
    return [
        layer("rect", {**place, "color": colour}, over, cornerRadius=2),
        layer("rect", place, running, cornerRadius=2, **outline),
        layer("text", {**place, **text}, over, fontSize=11),
    ]


def _sizes(axes: Spec, window: int) -> Spec:
    """The number of wallets, once per week."""
    once = [kept(f"datum.window_days === {window}"), calculated("'wallets'", "window")]
    return layer("text", {**axes, "text": {"field": "cohort_size", "format": ","}}, once, fontSize=11, color="@soft")
