"""The page is self-contained and has the numbers of the files."""

from __future__ import annotations

import re
import shutil
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import dagster as dg
import pyarrow.parquet as pq
import pytest

from stx_pipelines.chains.days import DAY, days_between
from stx_pipelines.dashboard.facts import NOT_ON_PAGE, read_facts
from stx_pipelines.dashboard.page import pictures, write_page
from stx_pipelines.dashboard.themes import THEMES
from stx_pipelines.defs.assets.dashboard import wallet_dashboard
from stx_pipelines.defs.resources import Metrics
from stx_pipelines.metrics.options import MetricOptions
from stx_pipelines.metrics.store import MetricStore
from stx_pipelines.store.data_folder import DataFolder
from stx_pipelines_tests.dashboard.pages import (
    CHARTS,
    DAYS,
    EMBEDDED,
    LAST,
    MOST_BYTES,
    build,
    covered,
    embedded,
    land_types,
)
from stx_pipelines_tests.hostile import HOSTILE
from stx_pipelines_tests.metrics.history import read, store_chain, store_day, store_in
from stx_pipelines_tests.world import FIRST_DAY, at, make_chain


class Outside(HTMLParser):
    """A parser that collects all addresses that a browser would load, and the tags."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.tags: list[str] = []
        self.unnamed: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        self.tags.append(tag)
        self.fetched += [known[name] or "" for name in ("src", "href", "srcset", "data", "action") if name in known]
        if known.get("role") == "img" and not known.get("aria-label"):
            self.unnamed.append(str(known))


def test_the_page_is_self_contained(html: str) -> None:
    """It refers to no other file or host, its own policy forbids that, and it is small."""
    page = Outside()
    page.feed(html)
    assert [each for each in page.fetched if not each.startswith(("#", "data:"))] == []
    assert "default-src 'none'" in html
    assert not re.search(r"@import|url\(\s*['\"]?https?:", html.split("<script>", 1)[0])
    assert len(html.encode()) < MOST_BYTES
    assert not [name for name in NOT_ON_PAGE if f'"{name}"' in html]


def test_the_page_is_accessible(html: str) -> None:
    """Landmarks, one top heading, and a name and a table for every chart."""
    page = Outside()
    page.feed(html)
    assert {"header", "nav", "main", "footer"} <= set(page.tags)
    assert page.tags.count("h1") == 1
    assert page.unnamed == []
    assert html.count("<details data-table=") == len(CHARTS)
    assert '<html lang="en">' in html


def test_numbers_equal_the_files(made: MetricStore, html: str) -> None:
    """Every embedded table equals its Parquet file, with amounts as exact text."""
    tables = embedded(html)["tables"]
    for on_page, name in EMBEDDED.items():
        ours = [dict(zip(tables[on_page]["columns"], row, strict=True)) for row in tables[on_page]["rows"]]
        assert ours == [{key: _said(value) for key, value in row.items()} for row in read(made, name)], name
        for field in pq.read_schema(made.path(name)):
            if field.name.endswith("_stx"):
                assert all(isinstance(row[field.name], str | None) for row in ours), field


def _said(value: object) -> object:
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value.isoformat() if hasattr(value, "isoformat") else value


def test_the_first_sentence_has_the_numbers_of_the_files(made: MetricStore, html: str) -> None:
    """Days, wallets, transactions and growth."""
    daily, network = read(made, "wallets_daily"), read(made, "network_daily")
    wallets, transactions = sum(r["new_wallets"] for r in daily), sum(r["transactions"] for r in network)
    assert f"From 1 September 2026 to 15 October 2026, {wallets:,} wallets made {transactions:,} transactions" in html
    assert f"In the last 7 days {daily[-1]['active_7d']:,} wallets were active" in html
    exact = f"{sum(row['fee_stx'] for row in network):,f}".rstrip("0").rstrip(".")
    assert f"exactly {exact}" in html


def test_weekly_value_keeps_its_name_and_columns(made: MetricStore, html: str) -> None:
    """Scripts read the CSV file `value_weekly`; its rows are those of the table `wallet_value_weekly`."""
    table = embedded(html)["tables"]["value_weekly"]
    columns = "week_ending window_days wallets fee_ustx fee_per_wallet_stx payback is_left_censored"
    assert table["columns"][:7] == columns.split()
    assert len(table["rows"]) == len(read(made, "wallet_value_weekly")) > 0
    assert 'download="value_weekly.csv"' in html
    assert "wallet_value_weekly" not in html


def test_coverage_names_the_days_behind_the_numbers(tmp_path: Path) -> None:
    """Days before a gap, open, failing, set aside and missing days are distinguished and counted."""
    store = store_in(tmp_path / "data", MetricOptions(), None)
    chain = make_chain(8)
    store_chain(store, chain, [FIRST_DAY + n * DAY for n in range(8) if n != 2])
    store_day(store, FIRST_DAY + 8 * DAY, [], "open")
    store.refresh()
    coverage = covered(store, at(FIRST_DAY + 9 * DAY))
    facts = read_facts(store, coverage, "so far")
    states = [row["shown"] for row in facts.rows("coverage")]
    assert states == [
        *("set aside", "missing", "failing", "missing"),
        *("closed, not used", "closed, not used", "missing"),
        *["closed"] * 5,
        *("open", "missing"),
    ]
    said = write_page(store.folder, read_facts(store, coverage, "so far", proofs="7 days closed")).path.read_text()
    assert "7 days closed." in said
    assert "5 complete days without a gap, 2026-09-04 to 2026-09-08" in said
    assert "2 days closed but before a gap (a missing or open day), 1 day open" in said
    assert "where nonces are not known, wallets first seen before" in said


@pytest.mark.parametrize("state", ["nothing", "open", "closed"])
def test_sections_without_enough_days_have_a_sentence(tmp_path: Path, state: str) -> None:
    """With no day, one open day, or three closed days."""
    store = store_in(tmp_path / "data", MetricOptions(), FIRST_DAY)
    if state == "open":
        store_day(store, FIRST_DAY, [], "open")
    if state == "closed":
        store_chain(store, make_chain(3), days_between(FIRST_DAY, FIRST_DAY + 2 * DAY))
    if state != "nothing":
        store.refresh()
    said = build(store)
    drawn = set(embedded(said)["charts"])
    if state == "closed":
        assert drawn == CHARTS - {
            *("retention-map", "value-retention", "fees-by-window", "payback", "fee-histogram", "funnel-stages"),
            *("base-ages", "fees-30d"),
        }
        assert said.count("The first number appears when 30 days are complete") == 2
        assert "The first cell appears when 21 September 2026 is complete" in said
        assert "The data are too short for a funnel" in said
        assert "The first funnel appears when 15 October 2026 is complete" in said
    else:
        assert drawn == {"calendar"}
        assert ("1 day of the chain is stored" if state == "open" else "No day is stored yet") in said
        assert said.count("There are no numbers yet") >= 4


def test_stale_results_are_reported(made: MetricStore, tmp_path: Path) -> None:
    """A day that closed after the refresh, and a result refreshed alone, are reported at the top."""
    shutil.copytree(made.folder.path, tmp_path / "data")
    store = store_in(tmp_path / "data", MetricOptions(), FIRST_DAY)
    assert 'class="warn" role' not in build(store)
    store_day(store, LAST + DAY, [])
    assert "Closed days have changed since" in build(store)
    store.refresh(["wallet_funnel"])
    assert "Some tables are newer than others" in build(store)


def test_a_table_that_is_not_there_yet_is_named(made: MetricStore, tmp_path: Path) -> None:
    """A data folder of an earlier version has no weekly value; its page has all other charts."""
    shutil.copytree(made.folder.path, tmp_path / "data")
    store = store_in(tmp_path / "data", MetricOptions(), FIRST_DAY)
    store.path("wallet_value_weekly").unlink()
    said = build(store)
    assert "Tables that are not computed yet: wallet_value_weekly. They appear with the next refresh." in said
    assert set(embedded(said)["charts"]) == CHARTS - {"payback"}


def test_the_asset_links_to_the_page(made: MetricStore, tmp_path: Path) -> None:
    """Its metadata has the page, its size, the days, and the main charts as pictures."""
    shutil.copytree(made.folder.path, tmp_path / "data")
    result = dg.materialize([wallet_dashboard], resources={"metrics": Metrics(data_dir=str(tmp_path / "data"))})
    [event] = result.get_asset_materialization_events()
    known = {key: value.value for key, value in event.materialization.metadata.items()}
    page = DataFolder(tmp_path / "data").page
    assert known["page"] == page.as_uri()
    assert (known["bytes"], known["days"]) == (page.stat().st_size, DAYS)
    assert sum(str(value).startswith("![") for value in known.values()) == 4
    assert len(str(known)) < 500_000


def test_pictures_are_drawn(made: MetricStore) -> None:
    """The same charts as SVG, in the light theme's colours."""
    found = pictures(read_facts(made, covered(made), ""))
    assert THEMES["light"]["one"] in found["Active wallets"]
    assert all("@" not in image for image in found.values())


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours as defined by WCAG."""

    def light(colour: str) -> float:
        parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    bright, dark = sorted((light(one), light(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", THEMES)
def test_text_has_enough_contrast(theme: str) -> None:
    """Text has a contrast of at least 4.5 to its background, the shapes of a chart 3 to the card."""
    colour = THEMES[theme]
    texts = ["ink page", "ink card", "soft page", "soft card", "accent page", "accent card", "accent-ink accent"]
    texts += ["ink bar", "ink faint", "ink low", "ink high", "ink warn"]
    for front, back in map(str.split, texts):
        assert contrast(colour[front], colour[back]) >= 4.5, (front, back)
    for name in ("one", "two", "three", "four", "five", "closed", "set-aside"):
        assert contrast(colour[name], colour["card"]) >= 3, name


def test_types_of_an_old_day_file_are_text_on_the_page(tmp_path: Path) -> None:
    """They add no element and no script, and the embedded values are unchanged."""
    calm, wild = (build(land_types(tmp_path / name, types)) for name, types in (("a", ["x"]), ("b", HOSTILE)))
    tags = []
    for html in (calm, wild):
        page = Outside()
        page.feed(html)
        tags.append(page.tags)
        assert [each for each in page.fetched if not each.startswith(("#", "data:"))] == []
    assert tags[0] == tags[1]
    table = embedded(wild)["tables"]["network_types"]
    column = table["columns"].index("tx_type")
    assert {row[column] for row in table["rows"]} == set(HOSTILE)
