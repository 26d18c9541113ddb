"""The parts of a section. `sections` makes them, the template renders them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stx_pipelines.dashboard.charts import Spec

NOTHING_YET = "No closed day yet: numbers appear when the first day is complete and final. Open days are not counted."


@dataclass(frozen=True)
class Choice:
    """One position of a chart's switch."""

    value: str | int
    name: str
    meaning: str


@dataclass(frozen=True)
class Legend:
    """An entry of a legend with its count."""

    name: str
    colour: str
    count: int
    meaning: str


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A chart, its meaning, and the table with the same numbers; `empty` is a sentence shown in place of the chart."""

    id: str
    title: str
    meaning: str
    table: str = ""
    spec: Spec | None = None
    alt: str = ""
    note: str = ""
    empty: str = ""
    is_wide: bool = False
    switch: str = ""
    choices: Sequence[Choice] = ()
    choice: str | int | None = None
    legend: Sequence[Legend] = ()


@dataclass(frozen=True)
class Panel:
    """A small table of numbers."""

    title: str
    meaning: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    table: str


@dataclass(frozen=True, kw_only=True)
class Section:
    """A heading with its charts; `facts` are names with sentences, `empty` a sentence if there are no data."""

    id: str
    title: str
    lead: str
    charts: Sequence[Chart] = ()
    facts: Sequence[tuple[str, str]] = ()
    empty: str = ""
    panels: Sequence[Panel] = ()


def section(name: str, title: str, lead: str, charts: Sequence[Chart], empty: str = "") -> Section:
    """Return a section of charts. Without charts it shows `empty`, by default that no day is closed."""
    return Section(id=name, title=title, lead=lead, charts=charts, empty=empty or ("" if charts else NOTHING_YET))
