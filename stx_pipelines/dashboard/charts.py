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

LINE_COLOURS = ("@one", "@two", "@three", "@four", "@five", "@six")

_DAY = "width * 864e5 / span(domain('x'))"
_BAR_WIDTH = f"{_DAY} * ({_DAY} < 4 ? 1 : 0.85)"
"""The width of a day's bar. If a day is narrower than 4 pixels, there is no gap between the bars, because
gaps would blur a long history."""


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
    colour: str = "@one",
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


def lines(field: str, names: Sequence[str], legend: Mapping[str, Any], **more: Any) -> Spec:
    """Return an encoding that gives each line in `names` a colour, in this order."""
    scale = {"domain": list(names), "range": list(LINE_COLOURS)}
    return {"field": field, "scale": scale, "legend": dict(legend), **more}
