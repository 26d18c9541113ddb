"""The parts of a section of the page. `sections` makes the parts, and the template renders them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stx_pipelines.dashboard.charts import Spec

NOTHING_YET = "There are no numbers yet. They appear when the first day is closed. Open days are not counted."


@dataclass(frozen=True)
class Choice:
    """One option of a chart's switch. The page shows `meaning` below the chart's title while the option is chosen."""

    value: str | int
    name: str
    meaning: str


@dataclass(frozen=True)
class Legend:
    """An entry of a legend with its count. `sign` is the sign of its marks, which tells them apart without colour."""

    name: str
    colour: str
    count: int
    meaning: str
    sign: str = ""


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A chart, its meaning, and the name of the table with the same numbers.

    If `empty` is set, the page shows this sentence in place of the chart.
    """

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
class Amount:
    """A cell with an amount that is rounded for reading. The exact amount is shown on hover."""

    shown: str
    exact: str


@dataclass(frozen=True)
class Panel:
    """A small table of numbers. Each head names the unit of its column.

    If `is_folded` is true, the page shows only its title until a reader opens it.
    """

    title: str
    meaning: str
    header: Sequence[str]
    rows: Sequence[Sequence[str | Amount]]
    table: str
    is_folded: bool = False


@dataclass(frozen=True)
class Card:
    """A number at the top of the page or of a section: its name, a note, and the exact amount if it is rounded."""

    name: str
    value: str
    note: str
    exact: str = ""


@dataclass(frozen=True, kw_only=True)
class Section:
    """A section of the page, with a heading, charts and small tables.

    `facts` are pairs of a name and a sentence. `empty` is a sentence that is shown if there are no data. `short` is the
    name in the list of sections if the title is long.
    """

    id: str
    title: str
    lead: str
    charts: Sequence[Chart] = ()
    facts: Sequence[tuple[str, str]] = ()
    empty: str = ""
    panels: Sequence[Panel] = ()
    cards: Sequence[Card] = ()
    short: str = ""


def section(name: str, title: str, lead: str, charts: Sequence[Chart], empty: str = "") -> Section:
    """Return a section of charts. A section without charts shows `empty`, or `NOTHING_YET` if `empty` is not given."""
    return Section(id=name, title=title, lead=lead, charts=charts, empty=empty or ("" if charts else NOTHING_YET))
