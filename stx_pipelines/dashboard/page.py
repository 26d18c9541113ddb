"""Functions that make the page, one HTML file that opens from disk.

The texts and charts of the page are in `sections` and `text`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from stx_pipelines.chains.datasets import BALANCES, PARTS
from stx_pipelines.dashboard.charts import HATCHES
from stx_pipelines.dashboard.events import event_rows, marked
from stx_pipelines.dashboard.explore.certificates import short_form
from stx_pipelines.dashboard.explore.wallets import sweep_wallets, write_wallets
from stx_pipelines.dashboard.facts import MOST_DAYS, Facts, Table
from stx_pipelines.dashboard.heads import heads
from stx_pipelines.dashboard.parts import Chart, Section
from stx_pipelines.dashboard.policy import POLICY
from stx_pipelines.dashboard.sections.contracts import contracts
from stx_pipelines.dashboard.sections.coverage import coverage
from stx_pipelines.dashboard.sections.fee_recipients import fee_recipients
from stx_pipelines.dashboard.sections.funnel import drawn_stages, funnel
from stx_pipelines.dashboard.sections.growth import growth
from stx_pipelines.dashboard.sections.network import network
from stx_pipelines.dashboard.sections.retention import retention
from stx_pipelines.dashboard.sections.value import value
from stx_pipelines.dashboard.terms import TERMS
from stx_pipelines.dashboard.text import MADE_UP, cards, freshness, headline, long_day, summary
from stx_pipelines.dashboard.themes import THEMES, themed
from stx_pipelines.project import Project
from stx_pipelines.store.data_folder import DataFolder
from stx_pipelines.store.files import replace_file
from stx_pipelines.store.locks import locked

TITLE = "Stacks, day by day"
VEGA_LITE = "6.4"

_SCRIPTS = ("explore/range.js", "explore/tables.js", "explore/wallets.js", "explore/days.js", "page.js")

SECTIONS: Sequence[Callable[[Facts], Section | None]] = (
    growth,
    retention,
    value,
    funnel,
    network,
    contracts,
    fee_recipients,
    coverage,
)
"""The functions that make the sections, in the order of the page."""

PICTURED = ("active", "retention-map", "fees-by-window", "funnel-stages")
"""The charts that become pictures of a materialization. They are small, because Dagster keeps them permanently."""

_PATIENCE_SECONDS = 60.0
_ONLY_DRAWN = ("funnel_stages", "funded_stages")


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
    """Make the page and the files of its search, and replace the old ones. Return the page. Raises `StoreError`.

    The old page has its files until the new page is in place.
    """
    path, lines = folder.page, facts.wallet_lines
    with locked(folder.lock("page"), "the page", _PATIENCE_SECONDS):
        wallets = write_wallets(folder.wallets, lines) if lines else None
        content = render(facts, wallets and f"{folder.wallets.name}/{wallets}").encode()
        replace_file(path, lambda aside: aside.write_bytes(content))
        sweep_wallets(folder.wallets, wallets)
    return Page(path, len(content), facts.measured.days if facts.measured else 0, headline(facts))


def render(facts: Facts, wallets: str | None = None) -> str:
    """Return the page as one HTML text. It contains everything it needs, except the files in the folder `wallets`."""
    import jinja2
    from markupsafe import Markup

    facts = _with_stages(facts)
    sections = _sections(facts)
    tables = {name: table for name, table in facts.tables.items() if name not in _ONLY_DRAWN}
    texts = jinja2.FunctionLoader(_text)
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, loader=texts)
    return environment.get_template("template.html").render(
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
        policy=Markup(POLICY),
        search=_search(facts) if wallets else None,
        style=Markup(_text("page.css") + _text("explore/explore.css")),
        script=Markup("".join(map(_text, _SCRIPTS))),
        bundle=Markup(_vega()),
        data=Markup(_embedded(facts, sections, wallets)),
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
    return replace(facts, tables={**facts.tables, **drawn_stages(facts)})


def _embedded(facts: Facts, sections: Sequence[Section], wallets: str | None) -> str:
    """Return the data of the script as JSON. `<` is escaped, so that HTML does not treat it as markup."""
    drawn = _drawn(sections)
    content = {
        "tables": {name: _columnar(name, table) for name, table in facts.tables.items()},
        "charts": {chart.id: marked(chart.spec or {}) if facts.events else chart.spec for chart in drawn},
        "events": event_rows(facts.events),
        "heads": heads(facts.tables.values()),
        "choices": {chart.id: chart.choice for chart in drawn if chart.choice is not None},
        "themes": THEMES,
        "certificates": short_form(facts.certificates, MOST_DAYS),
        "wallets": wallets,
    }
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c")


def _search(facts: Facts) -> Mapping[str, str]:
    """Return the texts of the wallet search."""
    basis = facts.measured
    days = f"{long_day(basis.coverage_start)} to {long_day(basis.coverage_end)}" if basis else ""
    lead = (
        f"A wallet's numbers of the covered days, {days}, all transaction types included. The first search loads a "
        "list from the folder of this page, and each search at most a few files of 1 MB."
    )
    return {"lead": lead}


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
