"""Vega-Lite in few words: the pieces that drawings are made of. They hold no data; `@name` is a colour of the theme.

Not here: any chart. Each is beside the words of its section.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

Spec = dict[str, Any]

WORDED_STEP = 40
"""The height that a horizontal bar takes together with its words."""

BAR_BELOW: Spec = {"size": 14, "yOffset": 8}
WORDS_ABOVE: Spec = {"align": "left", "dx": 3, "dy": -9}
"""The places of a bar and of its words. The words are above the bar, so they never run over its end."""

LINE_COLOURS = ("@one", "@two", "@three", "@four", "@five", "@six")

_DAY = "width * 864e5 / span(domain('x'))"
_BAR_WIDTH = f"{_DAY} * ({_DAY} < 4 ? 1 : 0.85)"
"""The width of a day's bar. Days under 4 pixels have no gap between them: it would blur the bars of a long history."""


def chart(table: str, **parts: Any) -> Spec:
    """A whole drawing of this table, as wide as its place."""
    shape = {"width": "container", "height": 240, "autosize": {"type": "fit-x", "contains": "padding"}}
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        **shape,
        "background": "transparent",
        "data": {"name": table},
        **parts,
    }


def layer(mark: str, encoding: Spec, transform: Sequence[Spec] = (), **style: Any) -> Spec:
    """One kind of mark; `style` is how it looks."""
    reshaped = {"transform": list(transform)} if transform else {}
    return {**reshaped, "mark": {"type": mark, **style}, "encoding": encoding}


def bars(
    table: str,
    field: str,
    meaning: str,
    tip: Sequence[tuple[str, ...]],
    *,
    title: str | None = None,
    axis: Mapping[str, Any] | None = None,
    colour: str = "@one",
    also: Sequence[Spec] = (),
    **encoding: Any,
) -> Spec:
    """A bar per day of a daily table; `also` are further transforms."""
    encoded = {
        "x": by_day(),
        "y": {**amount(field, title), "axis": {"title": title, **(axis or {})}},
        "tooltip": tooltip(("date", "day"), *tip),
        **encoding,
    }
    reshaped = [defined(meaning), older(), at("date"), *also]
    return chart(table, **layer("bar", encoded, reshaped, color=colour, width={"expr": _BAR_WIDTH}))


def calculated(expression: str, name: str) -> Spec:
    """A new field."""
    return {"calculate": expression, "as": name}


def kept(expression: str) -> Spec:
    """Only the rows of which this is true."""
    return {"filter": expression}


def defined(meaning: str) -> Spec:
    """Every mark knows what it means, so that its tooltip can say it."""
    return calculated(json.dumps(meaning), "definition")


def older() -> Spec:
    """Whether a row's wallets may be older than they look, in words."""
    return calculated("datum.is_left_censored ? 'yes' : 'no'", "older")


def at(column: str) -> Spec:
    """The day in this column as a time."""
    return calculated(day_in(column), "at")


def day_in(column: str) -> str:
    """An expression for the day in this column."""
    return f"toDate(datum.{column} + 'T00:00:00Z')"


def tooltip(*fields: tuple[str, ...]) -> list[Spec]:
    """Fields as (name, title) or (name, title, number format), and the definition below them."""
    return [*(_told(*field) for field in fields), _told("definition", "definition")]


def _told(name: str, title: str, form: str | None = None) -> Spec:
    how = {"type": "nominal"} if form is None else {"format": form, "type": "quantitative"}
    return {"field": name, "title": title, **how}


def time(title: str | None = None) -> Spec:
    """The horizontal axis of days; `at` makes its field."""
    label = "utcFormat(datum.value, span(domain('x')) > 370 * 864e5 ? '%b %Y' : '%-d %b')"
    axis = {"title": title, "labelOverlap": True, "grid": False, "labelExpr": label, "tickCount": 6, "labelFlush": True}
    return {"field": "at", "type": "temporal", "scale": {"type": "utc"}, "axis": axis}


def by_day() -> Spec:
    """The same with a place as wide as its day for each day."""
    return {**time(), "timeUnit": {"unit": "yearmonthdate", "utc": True}}


def amount(field: str, title: str | None = None) -> Spec:
    """The vertical axis of a number."""
    return {"field": field, "type": "quantitative", "axis": {"title": title, "tickCount": 5}}


def steps(field: str, domain: Sequence[Any] | None = None, *, inner: float | None = None, **more: Any) -> Spec:
    """An axis of steps, in the order of `domain`; `inner` is the gap between them as a share of a step."""
    limits = {"domain": list(domain)} if domain is not None else {}
    padding = {"paddingInner": inner} if inner is not None else {}
    scale = {"scale": {**limits, **padding}} if limits or padding else {}
    return {"field": field, "type": "ordinal", **scale, **more}


def lines(field: str, names: Sequence[str], legend: Mapping[str, Any], **more: Any) -> Spec:
    """A colour for each of these lines, in their order."""
    scale = {"domain": list(names), "range": list(LINE_COLOURS)}
    return {"field": field, "scale": scale, "legend": dict(legend), **more}
