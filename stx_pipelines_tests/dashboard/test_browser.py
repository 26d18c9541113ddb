"""The page works in a browser. Skipped without Chromium."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path
from typing import Any

from stx_pipelines.metrics.store import MetricStore
from stx_pipelines_tests.dashboard.pages import (
    CHARTS,
    DAYS,
    build,
    land_types,
    open_page,
    wait_for,
)
from stx_pipelines_tests.hostile import HOSTILE
from stx_pipelines_tests.metrics.history import read

MARKS = """return Object.fromEntries([...document.querySelectorAll('.chart')].map((place) =>
    [place.dataset.id, place.querySelectorAll('svg .role-mark path, svg .role-mark text').length]))"""


def test_every_chart_is_drawn_without_an_error(opened: Any) -> None:
    """Each has marks; the console is empty; nothing is loaded from elsewhere."""
    marks = opened.execute_script(MARKS)
    assert set(marks) == CHARTS
    assert min(marks.values()) >= 3, marks
    assert opened.get_log("browser") == []
    assert opened.execute_script("return performance.getEntriesByType('resource').map((each) => each.name)") == []


def test_csv_is_the_file(opened: Any, made: MetricStore) -> None:
    """A click saves the table, with exact amounts."""
    opened.find_element("css selector", "#network a[data-csv=network_daily]").click()
    target = opened.downloads / "network_daily.csv"
    wait_for(lambda: target.exists() and target.stat().st_size)  # the browser first makes an empty file
    with target.open(newline="") as handle:
        saved = list(csv.DictReader(handle))
    known = read(made, "network_daily")
    assert [row["date"] for row in saved] == [str(row["date"]) for row in known]
    assert [Decimal(row["fee_stx"]) for row in saved] == [row["fee_stx"] for row in known]
    assert [int(row["failed"]) for row in saved] == [row["failed"] for row in known]


def cells(browser: Any) -> list[str]:
    """Return the percentages in the heat map, from top to bottom."""
    script = "return [...document.querySelectorAll('[data-id=retention-map] svg text')].map((each) => each.textContent)"
    return [text for text in browser.execute_script(script) if text.endswith("%")]


def shares(store: MetricStore, definition: str) -> list[str]:
    """Return the percentages that the heat map must show."""
    rows = [row for row in read(store, "wallet_retention_weekly") if row["definition"] == definition]
    return sorted(f"{row['rate']:.0%}" for row in rows if row["is_mature"])


def test_cells_that_are_not_over_are_empty(opened: Any, made: MetricStore) -> None:
    """Mature cells are coloured; every other cell is an outline without colour."""
    paths = opened.execute_script(
        "return [...document.querySelectorAll('[data-id=retention-map] svg .role-mark.mark-rect path')]"
        ".map((each) => [each.hasAttribute('stroke-dasharray'), each.getAttribute('fill')])"
    )
    rows = [row for row in read(made, "wallet_retention_weekly") if row["definition"] == "cumulative"]
    coloured = [fill for is_outline, fill in paths if not is_outline]
    assert len(coloured) == sum(row["is_mature"] for row in rows)
    assert [fill for is_outline, fill in paths if is_outline] == ["transparent"] * (len(rows) - len(coloured))


def test_the_switch_changes_the_heat_map(opened: Any, made: MetricStore) -> None:
    """Each definition has its own mature cells and meaning; survival has no mature cell."""
    assert sorted(cells(opened)) == shares(made, "cumulative")
    opened.find_element("css selector", "input[value=active_band]").click()
    wait_for(lambda: sorted(cells(opened)) == shares(made, "active_band"))
    assert "16 to 30" in opened.find_element("id", "retention-map-meaning").text
    opened.find_element("css selector", "input[value=survival]").click()
    wait_for(lambda: not cells(opened))
    assert shares(made, "survival") == []


def test_dark_mode_is_kept_and_follows_the_system(opened: Any) -> None:
    """The button switches page and charts; the system's theme applies until it is pressed."""
    colour = "return getComputedStyle(document.body).backgroundColor"
    light = opened.execute_script(colour)
    features = [{"name": "prefers-color-scheme", "value": "dark"}]
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    wait_for(lambda: opened.execute_script(colour) != light)
    button = opened.find_element("id", "theme")
    wait_for(lambda: button.get_attribute("aria-pressed") == "true")
    button.click()
    drawn = "return [...new Set([...document.querySelectorAll('.chart')].map((each) => each.dataset.drawn))].join()"
    wait_for(lambda: opened.execute_script(drawn) == "light")
    assert opened.execute_script(colour) == light
    opened.refresh()
    wait_for(lambda: opened.execute_script("return document.documentElement.dataset.ready"))
    assert opened.execute_script(colour) == light
    assert opened.get_log("browser") == []


def test_tables_open_and_tooltips_define(opened: Any) -> None:
    """The table of a chart has its rows; a tooltip has the definition."""
    from selenium.webdriver import ActionChains

    details = opened.find_element("css selector", "#growth details[data-table]")
    details.find_element("tag name", "summary").click()
    wait_for(lambda: len(details.find_elements("css selector", "tbody tr")) == DAYS)
    chart = opened.find_element("css selector", "[data-id=new]")
    opened.execute_script("arguments[0].scrollIntoView({block: 'center'})", chart)
    ActionChains(opened).move_to_element_with_offset(chart, 20, 60).perform()
    tip = wait_for(lambda: opened.find_elements("css selector", "#vg-tooltip-element.visible"))[0].text
    assert "Wallets whose first transaction is on this day" in tip
    assert "undefined" not in tip


def test_a_phone_needs_no_sideways_scroll(opened: Any) -> None:
    """At 390 pixels everything fits, also with a table open."""
    metrics = {"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    opened.refresh()
    wait_for(lambda: opened.execute_script("return document.documentElement.dataset.ready"))
    opened.execute_script("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    wait_for(lambda: opened.find_elements("css selector", "details tbody tr"))
    assert opened.execute_script("return document.documentElement.scrollWidth") == 390
    opened.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_types_of_an_old_day_file_are_no_formulas_in_a_csv(browser: Any, tmp_path: Path) -> None:
    """The page is drawn, the console is empty, and a text that a spreadsheet would run begins with an apostrophe."""
    store = land_types(tmp_path / "data", HOSTILE)
    build(store)
    open_page(browser, store.folder.page)
    assert browser.get_log("browser") == []
    browser.find_element("css selector", "#downloads a[data-csv=network_types]").click()
    target = browser.downloads / "network_types.csv"
    wait_for(lambda: target.exists() and target.stat().st_size)  # the browser first makes an empty file
    with target.open(newline="") as handle:
        saved = {row["tx_type"] for row in csv.DictReader(handle)}
    assert {text.removeprefix("'") for text in saved} == set(HOSTILE)
    assert [text for text in saved if text.lstrip()[:1] in "=+-@\uff1d" or text[:1] in "\t\r\n"] == []
