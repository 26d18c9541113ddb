"""Vega-Lite specifications: how a table is drawn. They hold no data; `@name` is a colour of the theme."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

Spec = dict[str, Any]

THEMES: Mapping[str, Mapping[str, str]] = {
    "light": {
        "page": "#f6f7f9", "card": "#ffffff", "ink": "#1b2430", "soft": "#566273", "line": "#dde2e8",
        "accent": "#1f6f8b", "accent-ink": "#ffffff", "pale": "#dcebf0", "faint": "#eef1f4",
        "one": "#1f6f8b", "two": "#c8792b", "three": "#6a5aa8", "four": "#4c9a6a", "five": "#b8506b", "six": "#8b8f98",
        "closed": "#2f7f9c", "unused": "#a9c8d4", "open": "#e2b13c", "failing": "#d9772b", "set-aside": "#b3261e",
        "low": "#eaf5f8", "high": "#4aa3c0", "bar": "#9cc7d6", "warn": "#fff4da", "edge": "#b4bfca",
    },
    "dark": {
        "page": "#11161d", "card": "#1a212b", "ink": "#e8edf3", "soft": "#a3b0bf", "line": "#323d4a",
        "accent": "#6cc0db", "accent-ink": "#0d1a20", "pale": "#23414d", "faint": "#222b36",
        "one": "#6cc0db", "two": "#eaa35b", "three": "#ae9ff0", "four": "#7fce9e", "five": "#ec8ba4", "six": "#9aa3b0",
        "closed": "#4fa6c4", "unused": "#2f5564", "open": "#e8c25f", "failing": "#ef9350", "set-aside": "#f0766d",
        "low": "#1d2b35", "high": "#26738f", "bar": "#2c6479", "warn": "#3a3219", "edge": "#4d5b6b",
    },
}  # fmt: skip
"""Colours by name, of the page and its charts alike. Text on a chart keeps a contrast of 4.5 to what is behind it."""

STATES = {
    "closed": ("@closed", "complete and final"),
    "closed, not used": ("@unused", "complete, but behind a hole or before the data start: no number rests on it"),
    "open": ("@open", "not over or not final yet"),
    "missing": ("@card", "not fetched yet"),
    "failing": ("@failing", "its proof failed; it is tried again"),
    "set aside": ("@set-aside", "its proof failed too often; it waits for its daily try"),
}
"""What a day can be, with its colour and its meaning."""

WEEKS_DRAWN = 53

_DAY = "toDate(datum.{0} + 'T00:00:00Z')"


def calendar(months: int) -> Spec:
    """A row per month and a column per day of the month, so that no day can hide."""
    month = "utcFormat(toDate(datum.value + '-01T00:00:00Z'), '%b %Y')"
    cell = {
        "x": {
            "field": "number", "type": "ordinal", "scale": {"domain": list(range(1, 32)), "paddingInner": 0.12},
            "axis": {"title": None, "orient": "top", "values": [1, 5, 10, 15, 20, 25, 31], "labelAngle": 0},
        },
        "y": {
            "field": "month", "type": "ordinal", "scale": {"paddingInner": 0.12},
            "axis": {"title": None, "labelExpr": month},
        },
        "tooltip": _tip(
            ("date", "day"), ("shown", "state"), ("transactions", "transactions", ","), ("proof", "proof"),
        ),
    }  # fmt: skip
    scale = {"domain": list(STATES), "range": [colour for colour, _ in STATES.values()]}
    signs = "{'open': '○', 'failing': '!', 'set aside': '\u00d7'}[datum.shown] || ''"
    return _chart(
        "coverage",
        transform=[
            _what("A day is closed when its transactions equal the chain's own count and nothing of it can change."),
            {"calculate": "slice(datum.date, 0, 7)", "as": "month"},
            {"calculate": "+slice(datum.date, 8)", "as": "number"},
            {"calculate": signs, "as": "sign"},
        ],
        height=20 * months,
        layer=[
            {
                "mark": {"type": "rect", "cornerRadius": 2, "stroke": "@edge", "strokeWidth": 1},
                "encoding": {**cell, "color": {"field": "shown", "scale": scale, "legend": None}},
            },
            {
                "mark": {"type": "text", "fontSize": 9, "fontWeight": "bold", "color": "@card"},
                "encoding": {**cell, "text": {"field": "sign"}},
            },
        ],
    )


def active_wallets() -> Spec:
    """Distinct wallets of 1, 7 and 30 days as three lines, one pointer for all."""
    fields = {"active_wallets": "1 day", "active_7d": "7 days", "active_30d": "30 days"}
    x = _time()
    pointed = {"type": "point", "fields": ["date"], "on": "pointerover", "clear": "pointerout"}
    pointer = {"name": "pointer", "select": pointed}
    return _chart(
        "wallets_daily",
        transform=[
            _what("Distinct wallets that sent a transaction on the day, and in the 7 and 30 days that end with it."),
            {"calculate": _DAY.format("date"), "as": "at"},
        ],
        layer=[
            {
                "transform": [
                    {"fold": list(fields), "as": ["span", "wallets"]},
                    {"calculate": f"{json.dumps(fields)}[datum.span]", "as": "span"},
                    {"filter": "isValid(datum.wallets)"},
                ],
                "mark": {"type": "line", "strokeWidth": 2},
                "encoding": {
                    "x": x,
                    "y": _amount("wallets"),
                    "color": {
                        "field": "span",
                        "sort": list(fields.values()),
                        "scale": {"domain": list(fields.values()), "range": ["@one", "@two", "@three"]},
                        "legend": {"title": "distinct wallets in", "symbolType": "stroke", "symbolStrokeWidth": 3},
                    },
                },
            },
            {
                "params": [pointer],
                "mark": {"type": "rect", "color": "@soft"},
                "encoding": {
                    "x": {**x, "timeUnit": {"unit": "yearmonthdate", "utc": True}},
                    "opacity": {"condition": {"param": "pointer", "empty": False, "value": 0.5}, "value": 0},
                    "tooltip": _tip(
                        ("date", "day"), *((name, f"active, {span}", ",") for name, span in fields.items()),
                        ("rolling_mean_7d", "mean of 7 days", ",.1f"), ("rolling_mean_30d", "mean of 30 days", ",.1f"),
                    ),
                },
            },
        ],
    )  # fmt: skip


def new_wallets() -> Spec:
    """A bar per day; days whose wallets may be older are paler."""
    return _bars(
        "wallets_daily",
        "new_wallets",
        "Wallets whose first transaction is on this day. Paler: near the start of the data, they may be older.",
        [("new_wallets", "new wallets", ","), ("older", "may be older")],
        color={"condition": {"test": "datum.is_left_censored", "value": "@bar"}, "value": "@one"},
    )


def retention(weeks: Sequence[str], windows: Sequence[int], meanings: Mapping[str, str], marked_to: str) -> Spec:
    """A row per weekly cohort, a column per window; cells that are not over are outlines.

    Weeks up to `marked_to` get a star: their wallets may be older than they look.
    """
    label = f"utcFormat({_DAY.format('value')}, '%-d %b %y') + (datum.value <= '{marked_to}' ? ' *' : '')"
    names = [f"{window} days" for window in windows]
    y = {
        "field": "week_ending", "type": "ordinal", "scale": {"domain": list(weeks), "paddingInner": 0.08},
        "axis": {"title": "week ending", "titleAngle": 0, "titleAlign": "right", "titleX": -7, "titleY": -8,
                 "labelExpr": label},
    }  # fmt: skip
    short = "width < 460 ? replace(datum.label, 'ays', '') : datum.label"
    axis = {"title": None, "orient": "top", "labelAngle": 0, "labelExpr": short, "labelOverlap": False}
    x = {
        "field": "window",
        "type": "ordinal",
        "axis": axis,
        "scale": {"domain": ["wallets", *names], "paddingInner": 0.04},
    }
    tip = _tip(
        ("week_ending", "week ending"), ("window", "window"), ("share", "came back"), ("retained", "wallets back", ","),
        ("cohort_size", "of wallets", ","), ("cohort_days", "days with new wallets"),
        ("older", "may be older"),
    )  # fmt: skip
    place = {"x": x, "y": y, "tooltip": tip}
    return _chart(
        "wallet_retention_weekly",
        params=[{"name": "choice", "value": "cumulative"}],
        transform=[
            {"filter": "datum.definition === choice"},
            {"calculate": f"{json.dumps(meanings)}[choice]", "as": "definition"},
            _older(),
            {"filter": f"datum.week_ending >= '{weeks[0]}'"},
            {"calculate": "datum.window_days + ' days'", "as": "window"},
            {"calculate": "datum.is_mature ? format(datum.rate, '.1%') : 'not over yet'", "as": "share"},
        ],
        height=22 * len(weeks),
        layer=[
            {
                "transform": [{"filter": "datum.is_mature"}],
                "mark": {"type": "rect", "cornerRadius": 2},
                "encoding": {
                    **place,
                    "color": {
                        "field": "rate", "type": "quantitative", "legend": None,
                        "scale": {"domain": [0, 1], "range": ["@low", "@high"]},
                    },
                },
            },
            {
                "transform": [{"filter": "!datum.is_mature"}],
                "mark": {"type": "rect", "cornerRadius": 2, "fill": "transparent", "stroke": "@edge",
                         "strokeDash": [2, 3], "strokeWidth": 1},
                "encoding": place,
            },
            {
                "transform": [{"filter": "datum.is_mature"}],
                "mark": {"type": "text", "fontSize": 11},
                "encoding": {
                    **place,
                    "text": {"field": "rate", "format": ".0%"},
                    "color": {"value": "@ink"},
                },
            },
            {
                "transform": [
                    {"filter": f"datum.window_days === {windows[0]}"},
                    {"calculate": "'wallets'", "as": "window"},
                ],
                "mark": {"type": "text", "fontSize": 11, "color": "@soft"},
                "encoding": {"x": x, "y": y, "text": {"field": "cohort_size", "format": ","}},
            },
        ],
    )  # fmt: skip


def fees_by_window(windows: int, target_ustx: int) -> Spec:
    """A bar per window, with its exact amount written on it."""
    y = {"field": "window", "type": "ordinal", "sort": {"field": "window_days", "op": "min"}, "axis": {"title": None}}
    share = f"format(datum.fee_ustx / datum.wallets / {target_ustx}, '.1%')"
    words = f"datum.breakeven_cpa_stx + ' STX, ' + {share} + ' of target'"
    amount = {"field": "stx", "type": "quantitative", "axis": {"title": "STX per wallet", "grid": True}}
    return _chart(
        "wallet_value_breakeven",
        transform=[
            _what("Fees of the wallets' first days, all wallets together, divided by the wallets: what one may cost."),
            {"filter": "datum.is_mature"},
            {"calculate": "toNumber(datum.breakeven_cpa_stx)", "as": "stx"},
            {"calculate": "'first ' + datum.window_days + ' days'", "as": "window"},
            {"calculate": words, "as": "words"},
        ],
        height=34 * windows,
        layer=[
            {
                "mark": {"type": "bar", "color": "@bar", "cornerRadiusEnd": 3},
                "encoding": {
                    "x": amount, "y": y,
                    "tooltip": _tip(
                        ("window", "window"), ("breakeven_cpa_stx", "STX per wallet"), ("wallets", "wallets", ","),
                        ("cohorts", "cohorts", ","), ("first_cohort", "first cohort"), ("last_cohort", "last cohort"),
                    ),
                },
            },
            {
                "mark": {"type": "text", "align": "left", "dx": 6, "color": "@ink"},
                "encoding": {"x": {"datum": 0}, "y": y, "text": {"field": "words"}},
            },
        ],
    )  # fmt: skip


def payback(windows: Sequence[int], *, target_in_sight: bool) -> Spec:
    """A line per window over the weekly cohorts; the target is drawn once a cohort comes near it."""
    names = [f"{window} days" for window in windows]
    target: list[Spec] = [
        {
            "data": {"values": [{"target": 1}]},
            "mark": {"type": "rule", "color": "@failing", "strokeDash": [4, 3]},
            "encoding": {"y": {"field": "target", "type": "quantitative"}},
        }
    ]
    return _chart(
        "value_weekly",
        transform=[
            _what("Fees per wallet of the week's new wallets in their first days, divided by the target per wallet."),
            {"filter": "isValid(datum.payback)"},
            _older(),
            {"calculate": _DAY.format("week_ending"), "as": "at"},
            {"calculate": "datum.window_days + ' days'", "as": "window"},
        ],
        layer=[
            {
                "mark": {"type": "line", "strokeWidth": 2, "point": {"size": 28, "filled": True}},
                "encoding": {
                    "x": _time("week ending"),
                    "y": {**_amount("payback", "payback"), "axis": {"title": "of the target", "format": "~%"}},
                    "color": {
                        "field": "window",
                        "scale": {"domain": names, "range": ["@one", "@two", "@three", "@four", "@five", "@six"]},
                        "legend": {"title": "in the first"},
                    },
                    "tooltip": _tip(
                        ("week_ending", "week ending"), ("window", "first days"), ("payback", "payback", ".2%"),
                        ("fee_per_wallet_stx", "STX per wallet"), ("wallets", "wallets", ","),
                        ("older", "may be older"),
                    ),
                },
            },
            *(target if target_in_sight else []),
        ],
    )  # fmt: skip


def funnel(window: int) -> Spec:
    """Three bars, each part of the one above, with its name and counts written on it."""
    y = {"field": "order", "type": "ordinal", "axis": None, "scale": {"paddingInner": 0.18}}
    share = {"type": "quantitative", "scale": {"domain": [0, 1]}, "axis": None}
    tip = _tip(
        ("stage", "stage"), ("wallets", "wallets", ","), ("cohort_size", "of wallets", ","), ("rate", "share", ".2%"),
        ("first_cohort", "first cohort"), ("last_cohort", "last cohort"),
    )  # fmt: skip
    words = "datum.stage + ': ' + format(datum.wallets, ',') + ' (' + format(datum.rate, '.1%') + ')'"
    return _chart(
        "funnel_stages",
        params=[{"name": "choice", "value": window}],
        transform=[
            {"filter": "datum.window_days === choice"},
            {"calculate": words, "as": "words"},
            {"calculate": "datum.meaning", "as": "definition"},
        ],
        height=138,
        layer=[
            {
                "mark": {"type": "bar", "color": "@faint", "cornerRadius": 4},
                "encoding": {"x": {**share, "datum": 1}, "y": y, "tooltip": tip},
            },
            {
                "mark": {"type": "bar", "color": "@bar", "cornerRadius": 4},
                "encoding": {"x": {**share, "field": "rate"}, "y": y, "tooltip": tip},
            },
            {
                "mark": {"type": "text", "align": "left", "dx": 10, "color": "@ink", "fontSize": 13},
                "encoding": {"x": {**share, "datum": 0}, "y": y, "text": {"field": "words"}, "tooltip": tip},
            },
        ],
    )


def transactions_by_type(types: Sequence[str]) -> Spec:
    """Stacked bars per day, the most frequent type at the bottom."""
    colours = ["@one", "@two", "@three", "@four", "@five", "@six"]
    spec = _bars(
        "network_types",
        "transactions",
        "Canonical, successful transactions of the day by type; a day is that of its burn block (UTC).",
        [("type", "type"), ("transactions", "transactions", ",")],
        color={
            "field": "type", "sort": list(types), "legend": {"title": None},
            "scale": {"domain": list(types), "range": [colours[n % len(colours)] for n in range(len(types))]},
        },
        order={"field": "rank"},
    )  # fmt: skip
    spec["transform"] += [
        {"calculate": "replace(datum.tx_type, /_/g, ' ')", "as": "type"},
        {"calculate": f"indexof({json.dumps(list(types))}, datum.type)", "as": "rank"},
    ]
    return spec


def fees() -> Spec:
    """A bar per day."""
    spec = _bars(
        "network_daily",
        "stx",
        "Fees of the day's successful transactions, in STX. The amount here is exact.",
        [("fee_stx", "fees in STX"), ("transactions", "transactions", ",")],
        title="STX",
    )
    spec["transform"].append({"calculate": "toNumber(datum.fee_stx)", "as": "stx"})
    return spec


def failures() -> Spec:
    """The share of a day's transactions that failed."""
    return _bars(
        "network_daily",
        "failed_share",
        "Canonical transactions that did not succeed, of all that landed on the day.",
        [("failed_share", "failed", ".2%"), ("failed", "failed", ","), ("landed", "of landed", ",")],
        title="failed",
        axis={"format": "~%"},
        colour="@five",
    )


def themed(spec: Spec, theme: str) -> Spec:
    """The specification with a theme's colours, as the page's script does it; for pictures elsewhere."""
    text = json.dumps(spec)
    for name, colour in THEMES[theme].items():
        text = text.replace(f'"@{name}"', f'"{colour}"')
    found: Spec = json.loads(text)
    return found


def _chart(table: str, **parts: Any) -> Spec:
    shape = {"width": "container", "height": 240, "autosize": {"type": "fit-x", "contains": "padding"}}
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        **shape,
        "background": "transparent",
        "data": {"name": table},
        **parts,
    }


def _bars(
    table: str,
    field: str,
    meaning: str,
    tip: Sequence[tuple[str, ...]],
    *,
    title: str | None = None,
    axis: Mapping[str, Any] | None = None,
    colour: str = "@one",
    **encoding: Any,
) -> Spec:
    return _chart(
        table,
        transform=[_what(meaning), _older(), {"calculate": _DAY.format("date"), "as": "at"}],
        mark={"type": "bar", "color": colour, "binSpacing": 0},
        encoding={
            "x": {**_time(), "timeUnit": {"unit": "yearmonthdate", "utc": True}},
            "y": {**_amount(field, title), "axis": {"title": title, **(axis or {})}},
            "tooltip": _tip(("date", "day"), *tip),
            **encoding,
        },
    )


def _what(meaning: str) -> Spec:
    """Every mark knows what it means, so that its tooltip can say it."""
    return {"calculate": json.dumps(meaning), "as": "definition"}


def _older() -> Spec:
    """Whether a row's wallets may be older than they look, in words."""
    return {"calculate": "datum.is_left_censored ? 'yes' : 'no'", "as": "older"}


def _tip(*fields: tuple[str, ...]) -> list[Spec]:
    shown = [
        {
            "field": name,
            "title": title,
            **({"format": rest[0], "type": "quantitative"} if rest else {"type": "nominal"}),
        }
        for name, title, *rest in fields
    ]
    return [*shown, {"field": "definition", "title": "definition", "type": "nominal"}]


def _time(title: str | None = None) -> Spec:
    label = "utcFormat(datum.value, span(domain('x')) > 370 * 864e5 ? '%b %Y' : '%-d %b')"
    axis = {"title": title, "labelOverlap": True, "grid": False, "labelExpr": label, "tickCount": 6, "labelFlush": True}
    return {"field": "at", "type": "temporal", "scale": {"type": "utc"}, "axis": axis}


def _amount(field: str, title: str | None = None) -> Spec:
    return {"field": field, "type": "quantitative", "axis": {"title": title, "tickCount": 5}}
