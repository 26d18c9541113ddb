"""The section of growth: new and active wallets per day, and the ages of active wallets."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from stx_pipelines.dashboard.charts import (
    Spec,
    amount,
    at,
    bars,
    by_day,
    calculated,
    chart,
    defined,
    ends,
    kept,
    layer,
    lines,
    time,
    tooltip,
)
from stx_pipelines.dashboard.facts import Facts, Row
from stx_pipelines.dashboard.parts import Chart, Section, section
from stx_pipelines.dashboard.sections.wallet_ages import age_chart, age_panels
from stx_pipelines.dashboard.text import count, number

_ACTIVE = "Distinct wallets that sent a transaction on the day, and in the 7 and 30 days that end with it."
_SPANS = {"active_wallets": "1 day", "active_7d": "7 days", "active_30d": "30 days"}


def growth(facts: Facts) -> Section:
    """Return the section with the charts of active and of new wallets, and of the ages of active wallets."""
    daily = facts.rows("wallets_daily")
    lead = "Wallets that use the chain, and wallets that use it for the first time."
    charts = [_active(daily), _new(daily), age_chart(daily[-1])] if daily else []
    return replace(section("growth", "Growth", lead, charts), panels=age_panels(facts) if daily else [])


def _active(daily: Sequence[Row]) -> Chart:
    last = daily[-1]
    counts = ", ".join(f"{number(last[name])} in {span}" for name, span in _SPANS.items())
    return Chart(
        id="active",
        title="Active wallets",
        meaning=_ACTIVE,
        table="wallets_daily",
        spec=_active_lines(),
        alt=f"Lines of distinct active wallets per day. On {last['date']}: {counts}",
        note=_gaps(last),
    )


def _active_lines() -> Spec:
    """Return a chart with lines for the distinct wallets of 1, 7 and 30 days, and one tooltip per day."""
    names = list(_SPANS.values())
    series = lines("span", names, None, sort=names)
    folded = [
        {"fold": list(_SPANS), "as": ["span", "wallets"]},
        calculated(f"{json.dumps(_SPANS)}[datum.span]", "span"),
        kept("isValid(datum.wallets)"),
    ]
    place = {"x": time(), "y": amount("wallets", "distinct wallets")}
    drawn = layer("line", {**place, **series}, folded, strokeWidth=2)
    label = ends("span", {**place, "color": series["color"]}, "datum.span + ': ' + format(datum.wallets, ',')", folded)
    return chart(
        "wallets_daily",
        transform=[defined(_ACTIVE), at("date")],
        layer=[drawn, label, _pointer()],
    )


def _pointer() -> Spec:
    select = {"type": "point", "fields": ["date"], "on": "pointerover", "clear": "pointerout"}
    encoding = {
        "x": by_day(),
        "opacity": {"condition": {"param": "pointer", "empty": False, "value": 0.5}, "value": 0},
        "tooltip": tooltip(
            ("date", "day"),
            *((name, f"active, {span}", ",") for name, span in _SPANS.items()),
            ("rolling_mean_7d", "mean of 7 days", ",.1f"),
            ("rolling_mean_30d", "mean of 30 days", ",.1f"),
        ),
    }
    return {"params": [{"name": "pointer", "select": select}], **layer("rect", encoding, color="@soft")}


def _gaps(last: Row) -> str:
    missing = [days for days, name in ((7, "active_7d"), (30, "active_30d")) if last[name] is None]
    return f"The line of {missing[0]} days begins once {missing[0]} days are complete." if missing else ""


def _new(daily: Sequence[Row]) -> Chart:
    """Return a chart with a bar per day. A bar is paler if its wallets may not be new."""
    censored = sum(row["is_left_censored"] for row in daily)
    paler = (
        f"The bars of the first {count(censored, 'day')} are paler, because the wallets of these days may not be new."
    )
    return Chart(
        id="new",
        title="New wallets per day",
        meaning="Wallets whose first transaction is on this day.",
        table="wallets_daily",
        spec=bars(
            "wallets_daily",
            "new_wallets",
            "Wallets whose first transaction is on this day. The wallets of paler bars may not be new.",
            [("new_wallets", "new wallets", ","), ("older", "may not be new")],
            title="new wallets",
            color={"condition": {"test": "datum.is_left_censored", "value": "@bar"}, "value": "@single"},
        ),
        alt=f"Bars of new wallets per day. On {daily[-1]['date']}: {number(daily[-1]['new_wallets'])}",
        note=paler if censored else "",
    )
