"""Parts of Vega-Lite specifications, without data. `@name` stands for a colour of the theme.

Whole charts are in the files of their sections.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

Spec = dict[str, Any]

WORDED_STEP = 40
"""The height in pixels of a horizontal bar with its label."""

BAR_BELOW: Spec = {"size": 14, "yOffset": 8}
WORDS_ABOVE: Spec = {"align": "left", "dx": 3, "dy": -9}
"""The positions of a bar and of its label. The label is above the bar, so it never crosses the end of the bar."""

SERIES = ("one", "two", "three", "four", "five", "six")
"""The names of the series' colours in `themes`, in order.

The colours are distinct for people with deuteranopia, protanopia and tritanopia.
"""

LINE_COLOURS = tuple(f"@{name}" for name in SERIES)
LINE_DASHES = ((1, 0), (7, 3), (2, 2), (9, 3, 2, 3), (4, 4), (12, 4))
LINE_SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")
FILLS = tuple(f"url(#fill-{name})" for name in SERIES)
"""The colours of the series, and what tells them apart without colour: dashes, the shapes of points, hatches."""

HATCHES = dict(zip(SERIES, ("", "M-1,7 7,-1", "M3,0v6", "M0,3h6", "M-1,-1 7,7", "M0,3h6M3,0v6"), strict=True))
"""The strokes of each hatch, as SVG paths in a square of 6 pixels. template.html makes the fills of them."""

_DAY = "width * 864e5 / span(domain('x'))"
_BAR_WIDTH = f"({_DAY} < 7 ? {_DAY} + 0.5 : {_DAY} * 0.85)"
"""The width of a day's bar. If a day is narrower than 7 pixels, there is no gap between the bars, because a gap
below one pixel would be drawn between some bars only. These bars overlap by half a pixel for the same reason."""

LOW = 150
"""The height in pixels of a wide chart that supports another one."""


def chart(table: str, **parts: Any) -> Spec:
    """Return a chart of the table, as wide as its container. `parts` are further parts of its specification."""
    shape = {"width": "container", "height": 240, "autosize": {"type": "fit-x", "contains": "padding"}}
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        **shape,
        "background": "transparent",
        "data": {"name": table},
        **parts,
    }


def layer(mark: str, encoding: Spec, transform: Sequence[Spec] = (), **style: Any) -> Spec:
    """Return a layer of one kind of mark; `style` holds its visual properties."""
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
    colour: str = "@single",
    also: Sequence[Spec] = (),
    **encoding: Any,
) -> Spec:
    """Return a chart of a daily table with a bar per day, whose height is `field`.

    The tooltip shows the day, the fields of `tip` and the `meaning` of a bar. `also` are further transforms.
    """
    encoded = {
        "x": by_day(),
        "y": {**amount(field, title), "axis": {"title": title, **(axis or {})}},
        "tooltip": tooltip(("date", "day"), *tip),
        **encoding,
    }
    reshaped = [defined(meaning), older(), at("date"), *also]
    return chart(table, **layer("bar", encoded, reshaped, color=colour, width={"expr": _BAR_WIDTH}))


def calculated(expression: str, name: str) -> Spec:
    """Return a transform that adds the field `name`."""
    return {"calculate": expression, "as": name}


def kept(expression: str) -> Spec:
    """Return a transform that keeps the rows for which the expression is true."""
    return {"filter": expression}


def defined(meaning: str) -> Spec:
    """Return a transform that adds the field `definition`, the meaning of a mark for its tooltip."""
    return calculated(json.dumps(meaning), "definition")


def older() -> Spec:
    """Return a transform that adds the field `older`: `yes` if the row's wallets are possibly older
    than they look, else `no`."""
    return calculated("datum.is_left_censored ? 'yes' : 'no'", "older")


def at(column: str) -> Spec:
    """Return a transform that adds the field `at`: the day in the column as a time."""
    return calculated(day_in(column), "at")


def day_in(column: str) -> str:
    """Return an expression for the day in the column as a time, at midnight UTC."""
    return f"toDate(datum.{column} + 'T00:00:00Z')"


def tooltip(*fields: tuple[str, ...]) -> list[Spec]:
    """Return the fields of a tooltip. The definition is added as the last one.

    Each of `fields` is (name, title) or (name, title, number format).
    """
    return [*(_tip_field(*field) for field in fields), _tip_field("definition", "definition")]


def _tip_field(name: str, title: str, form: str | None = None) -> Spec:
    how = {"type": "nominal"} if form is None else {"format": form, "type": "quantitative"}
    return {"field": name, "title": title, **how}


def time(title: str | None = None) -> Spec:
    """Return the horizontal axis of days. The transform `at` makes the field of this axis."""
    label = "utcFormat(datum.value, span(domain('x')) > 370 * 864e5 ? '%b %Y' : '%-d %b')"
    axis = {"title": title, "labelOverlap": True, "grid": False, "labelExpr": label, "tickCount": 6, "labelFlush": True}
    return {"field": "at", "type": "temporal", "scale": {"type": "utc"}, "axis": axis}


def by_day() -> Spec:
    """Return the horizontal axis of days for bars, each as wide as its day."""
    return {**time(), "timeUnit": {"unit": "yearmonthdate", "utc": True}}


def amount(field: str, title: str | None = None) -> Spec:
    """Return the vertical axis of a number."""
    return {"field": field, "type": "quantitative", "axis": {"title": title, "tickCount": 5}}


def steps(field: str, domain: Sequence[Any] | None = None, *, inner: float | None = None, **more: Any) -> Spec:
    """Return an axis of steps in the order of `domain`; `inner` is the gap between them as a share of a step."""
    limits = {"domain": list(domain)} if domain is not None else {}
    padding = {"paddingInner": inner} if inner is not None else {}
    scale = {"scale": {**limits, **padding}} if limits or padding else {}
    return {"field": field, "type": "ordinal", **scale, **more}


def lines(field: str, names: Sequence[str], legend: Mapping[str, Any] | None, **more: Any) -> Spec:
    """Return the encodings that give each line in `names` a colour and a dash, in this order."""
    return {
        "color": _series(field, names, LINE_COLOURS, legend, more),
        "strokeDash": _series(field, names, LINE_DASHES, legend, more),
    }


def shapes(field: str, names: Sequence[str], legend: Mapping[str, Any] | None) -> Spec:
    """Return the encoding that gives the points of each line in `names` a shape, in this order."""
    return {"shape": _series(field, names, LINE_SHAPES, legend, {})}


def stacks(field: str, names: Sequence[str], legend: Mapping[str, Any] | None, **more: Any) -> Spec:
    """Return the encoding that gives each stack in `names` a hatched colour, in this order."""
    return _series(field, names, FILLS, legend, more)


def _series(
    field: str, names: Sequence[str], values: Sequence[Any], legend: Mapping[str, Any] | None, more: Mapping[str, Any]
) -> Spec:
    taken = [values[n % len(values)] for n in range(len(names))]
    scale = {"domain": list(names), "range": [list(each) if isinstance(each, tuple) else each for each in taken]}
    return {"field": field, "scale": scale, "legend": dict(legend) if legend is not None else None, **more}


def ends(series: str, encoding: Spec, words: str, transform: Sequence[Spec] = (), **style: Any) -> Spec:
    """Return a layer that labels each line at its newest point. `words` is the expression of the label."""
    newest = {"joinaggregate": [{"op": "max", "field": "at", "as": "newest"}], "groupby": [series]}
    found = [*transform, newest, kept("time(datum.at) === time(datum.newest)"), calculated(words, "end")]
    label = {**encoding, "text": {"field": "end"}}
    return layer("text", label, found, align="left", fontWeight=600, fontSize=11, **{"dx": 7, **style})


def rounded(expression: str) -> str:
    """Return an expression that rounds an amount for reading, by the rule of `text.rounded`."""
    return (
        f"(abs({expression}) >= 1000 ? format({expression}, ',.0f') : abs({expression}) >= 1 "
        f"? format({expression}, ',.2f') : {expression} == 0 ? '0' : format({expression}, '.3r'))"
    )
