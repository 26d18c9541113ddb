"""Functions that make the page, one HTML file that opens from disk.

The texts and charts of the page are in `sections` and `text`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from stx_pipelines.chains.datasets import BALANCES, PARTS
from stx_pipelines.dashboard.charts import HATCHES
from stx_pipelines.dashboard.events import event_rows, marked
from stx_pipelines.dashboard.facts import Facts, Table
from stx_pipelines.dashboard.heads import heads
from stx_pipelines.dashboard.parts import Chart, Section
from stx_pipelines.dashboard.sections.active_base import active_base
from stx_pipelines.dashboard.sections.contracts import contracts
from stx_pipelines.dashboard.sections.coverage import coverage
from stx_pipelines.dashboard.sections.fee_recipients import fee_recipients
from stx_pipelines.dashboard.sections.funnel import funnel, funnel_stages
from stx_pipelines.dashboard.sections.growth import growth
from stx_pipelines.dashboard.sections.network import network
from stx_pipelines.dashboard.sections.retention import retention
from stx_pipelines.dashboard.sections.value import value
from stx_pipelines.dashboard.sections.value_retention import value_retention
from stx_pipelines.dashboard.sections.wallet_windows import wallet_windows
from stx_pipelines.dashboard.terms import TERMS
from stx_pipelines.dashboard.text import MADE_UP, cards, freshness, headline, long_day, summary
from stx_pipelines.dashboard.themes import THEMES, themed
from stx_pipelines.project import Project
from stx_pipelines.store.data_folder import DataFolder
from stx_pipelines.store.files import replace_file

TITLE = "Stacks, day by day"
VEGA_LITE = "6.4"

SECTIONS: Sequence[Callable[[Facts], Section | None]] = (
    coverage,
    growth,
    active_base,
    retention,
    value_retention,
    value,
    wallet_windows,
    funnel,
    network,
    contracts,
    fee_recipients,
)
"""The functions that make the sections, in the order of the page."""

PICTURED = ("active", "retention-map", "fees-by-window", "funnel-stages")
"""The charts that become pictures of a materialization. They are small, because Dagster keeps them permanently."""

_ONLY_DRAWN = ("funnel_stages",)


@dataclass(frozen=True)
class Page:
    """The written file: its path, its size in bytes, its number of closed days and its headline."""

    path: Path
    size: int
    days: int
    headline: str


def page_is_due(project: Project) -> bool:
    """Return whether a day of Ethereum was closed after the page was made. False without a page."""
    page = project.folder.page
    stored = [each for name in (BALANCES, PARTS) for each in project.store(name).files.certificates().values()]
    closed = [each.proved_at for each in stored if each.is_closed]
    return page.exists() and bool(closed) and max(closed).timestamp() > page.stat().st_mtime


def write_page(folder: DataFolder, facts: Facts) -> Page:
    """Make the page from the facts and replace the old page. Return what was written. Raises `StoreError`."""
    content = render(facts).encode()
    path = folder.page
    replace_file(path, lambda aside: aside.write_bytes(content))
    return Page(path, len(content), facts.measured.days if facts.measured else 0, headline(facts))


def render(facts: Facts) -> str:
    """Return the page as one HTML text that contains everything it needs."""
    import jinja2
    from markupsafe import Markup

    facts = _with_stages(facts)
    sections = _sections(facts)
    tables = {name: table for name, table in facts.tables.items() if name not in _ONLY_DRAWN}
    template = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(_text("template.html"))
    return template.render(
        name=TITLE,
        title=f"{'Made up: ' if facts.is_made_up else ''}{TITLE}",
        made_up=MADE_UP if facts.is_made_up else "",
        headline=headline(facts),
        summary=summary(facts),
        freshness=freshness(facts),
        events=[(long_day(event.day), event.text) for event in facts.events],
        terms=TERMS,
        hatches=HATCHES,
        cards=cards(facts),
        warnings=facts.warnings,
        sections=sections,
        downloads=[table for table in tables.values() if table.rows],
        notes={name: table.note for name, table in tables.items()},
        made=f"{facts.now:%Y-%m-%d %H:%M} UTC",
        themes=THEMES,
        style=Markup(_text("page.css")),
        script=Markup(_text("page.js")),
        bundle=Markup(_vega()),
        data=Markup(_embedded(facts, sections)),
    )


def pictures(facts: Facts, width: int = 640) -> dict[str, str]:
    """Return the charts of `PICTURED` as SVG, by title, for the Dagster UI. The pictures have the light theme."""
    import vl_convert

    facts = _with_stages(facts)
    found = {}
    for chart in _drawn(_sections(facts)):
        if chart.id in PICTURED:
            spec = themed(chart.spec or {}, "light")
            rows = list(facts.rows(spec["data"]["name"]))
            spec |= {"width": width, "background": "white", "config": {"aria": False}, "data": {"values": rows}}
            found[chart.title] = vl_convert.vegalite_to_svg(spec, vl_version=VEGA_LITE)
    return found


def _sections(facts: Facts) -> list[Section]:
    return [section for make in SECTIONS if (section := make(facts)) is not None]


def _drawn(sections: Sequence[Section]) -> list[Chart]:
    return [chart for section in sections for chart in section.charts if chart.spec]


def _with_stages(facts: Facts) -> Facts:
    stages = funnel_stages(facts.rows("wallet_funnel"))
    return Facts(**{**vars(facts), "tables": {**facts.tables, "funnel_stages": stages}})


def _embedded(facts: Facts, sections: Sequence[Section]) -> str:
    """Return the data of the script as JSON. `<` is escaped, so that HTML does not treat it as markup."""
    drawn = _drawn(sections)
    content = {
        "tables": {name: _columnar(name, table) for name, table in facts.tables.items()},
        "charts": {chart.id: marked(chart.spec or {}) if facts.events else chart.spec for chart in drawn},
        "events": event_rows(facts.events),
        "heads": heads(facts.tables.values()),
        "choices": {chart.id: chart.choice for chart in drawn if chart.choice is not None},
        "themes": THEMES,
    }
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c")


def _columnar(name: str, table: Table) -> Mapping[str, Any]:
    """Return the rows of a table as lists, in the order of `columns`."""
    columns = [*table.columns, *(["shown"] if name == "coverage" else [])]
    return {"columns": columns, "rows": [[row[column] for column in columns] for row in table.rows]}


def _text(name: str) -> str:
    return files(__package__).joinpath(name).read_text("utf-8")


@cache
def _vega() -> str:
    """Return Vega, Vega-Lite and Vega-Embed as one script, from the package vl-convert."""
    import vl_convert

    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=VEGA_LITE).replace(
        "</script", "<\\/script"
    )
