"""The days that the page marks: the file of STX_PAGE_EVENTS, and the marks in the charts over time."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from stx_pipelines.dashboard.charts import Spec, at, layer, tooltip

EVENTS = "events"
"""The name of the data of the marks, which the page's script gives to the charts."""

MOST_EVENTS = 100
_HEAD = ["date", "text"]
_REFUSED = "STX_PAGE_EVENTS={path} is not used, and the page marks no days: {why}. It must be a CSV file: date,text."


class EventsError(Exception):
    """The file of the events cannot be used. The message is a sentence for the page."""


@dataclass(frozen=True)
class Event:
    """A day with a text. The page numbers its events from 1."""

    day: date
    text: str


def read_events(path: Path) -> list[Event]:
    """Return the events of the CSV file, oldest first. Raises `EventsError`."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            found = _events(csv.reader(lines))
    except (OSError, ValueError, csv.Error) as error:  # a text that is not UTF-8 is a ValueError
        raise EventsError(_REFUSED.format(path=path, why=error)) from None
    return sorted(found, key=lambda event: event.day)


def _events(lines: Iterable[Sequence[str]]) -> list[Event]:
    found = [_event(number, row) for number, row in enumerate(lines, 1) if row and row != _HEAD]
    if len(found) > MOST_EVENTS:
        raise ValueError(f"it has {len(found)} events, more than {MOST_EVENTS}")
    return found


def _event(number: int, row: Sequence[str]) -> Event:
    if len(row) != 2 or not row[1].strip():
        raise ValueError(f"line {number} is not a date, a comma and a text")
    try:
        return Event(date.fromisoformat(row[0].strip()), row[1].strip())
    except ValueError:
        raise ValueError(f"line {number} begins with {row[0]!r}, which is not a date (YYYY-MM-DD)") from None


def event_rows(events: Iterable[Event]) -> list[dict[str, str]]:
    """Return the rows of the marks: the number, day and text of each event."""
    return [
        {"number": str(number), "date": event.day.isoformat(), "definition": event.text}
        for number, event in enumerate(events, 1)
    ]


def marked(spec: Spec) -> Spec:
    """Return the chart with a numbered line per event. A chart that has no axis of days is unchanged."""
    inner = spec.get("layer") or [{"mark": spec["mark"], "encoding": spec["encoding"]}]
    x: Spec = next((part["encoding"]["x"] for part in inner if "x" in part.get("encoding", {})), {})
    if x.get("field") != "at":
        return spec
    whole = {key: value for key, value in spec.items() if key not in ("mark", "encoding")}
    return {**whole, "layer": [*inner, *_marks({"field": "at", "type": "temporal"})]}


def _marks(x: Spec) -> list[Spec]:
    place = {"x": x, "tooltip": tooltip(("number", "event"), ("date", "day"))}
    line = layer("rule", place, color="@ink", strokeDash=[3, 3], opacity=0.65, clip=True)
    label = {**place, "y": {"value": 0}, "text": {"field": "number"}}
    number = layer("text", label, color="@ink", align="left", baseline="top", dx=3, dy=1, fontWeight=700, fontSize=11)
    return [{"data": {"name": EVENTS}, **part, "transform": [at("date")]} for part in (line, number)]
