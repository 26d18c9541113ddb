"""The controls of the page work by mouse and keyboard in a browser. Skipped without Chromium."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from stx_pipelines.chains.datasets import BALANCES, DATASETS
from stx_pipelines.chains.days import DAY
from stx_pipelines.dashboard.explore.certificates import COLUMNS, short_form
from stx_pipelines.metrics.store import MetricStore
from stx_pipelines_tests.dashboard.pages import CHARTS, DAYS, LAST, wait_for
from stx_pipelines_tests.metrics.history import certificate, read
from stx_pipelines_tests.world import FIRST_DAY

WIDE = "return document.documentElement.dataset.range"
BARS = "return document.querySelectorAll('[data-id=new] svg .mark-rect path').length"
EMPTY = """return [...document.querySelectorAll('.no-numbers')].map(
    (each) => each.parentElement.querySelector('.chart').dataset.id)"""
SCRIPTS = "return [...document.querySelectorAll('script[src]')].map((each) => each.getAttribute('src'))"


def text(browser: Any, name: str) -> str:
    """Return the visible text of the element with this id."""
    return str(browser.find_element("id", name).text)


def shown_days(browser: Any) -> list[str]:
    """Return the first column of the visible lines of the table of growth."""
    lines = browser.find_elements("css selector", "#growth details[data-table] tbody tr:not([hidden]) td:first-child")
    return [line.get_attribute("textContent") for line in lines]


def test_a_time_range_is_for_all_charts_and_stays_in_the_address(opened: Any) -> None:
    """Buttons and handles change the charts and their tables. A reload and a shared address have the same range."""
    from selenium.webdriver.common.keys import Keys

    opened.find_element("css selector", "#growth details[data-table] summary").click()
    wait_for(lambda: len(shown_days(opened)) == DAYS == opened.execute_script(BARS))
    opened.find_element("css selector", "#range [data-days='30']").click()
    wait_for(lambda: opened.execute_script(WIDE) == f"{LAST - 29 * DAY} {LAST}")
    assert opened.execute_script(BARS) == len(shown_days(opened)) == 30
    assert opened.current_url.endswith("?days=30")
    opened.find_element("id", "range-to").send_keys(Keys.ARROW_LEFT)
    wait_for(lambda: opened.execute_script(WIDE) == f"{LAST - 29 * DAY} {LAST - DAY}")
    address = opened.current_url
    assert address.endswith(f"?from={LAST - 29 * DAY}&to={LAST - DAY}")
    opened.get(address.replace(str(LAST - 29 * DAY), str(LAST - 2 * DAY)) + "#active-title")
    wait_for(lambda: opened.execute_script("return document.documentElement.dataset.ready"))
    assert opened.execute_script(BARS) == 2
    assert text(opened, "range-said") == "13 Oct 2026 to 14 Oct 2026, 2 days"
    assert opened.execute_script(EMPTY) == ["payback"]
    opened.find_element("id", "range-reset").send_keys(Keys.ENTER)
    wait_for(lambda: opened.execute_script(WIDE) == "all")
    assert opened.execute_script(BARS) == DAYS
    assert "?" not in opened.current_url
    assert opened.get_log("browser") == []


def test_every_chart_has_a_link(html: str) -> None:
    """Its target is the heading of the chart, by the name of the chart."""
    for chart in CHARTS:
        assert f'<h3 id="{chart}-title">' in html
        assert f'class="anchor" href="#{chart}-title"' in html
    identities = re.findall(r'\sid="([^"]+)"', html)
    assert len(identities) == len(set(identities))


def test_tables_are_sorted_by_exact_values(opened: Any, made: MetricStore) -> None:
    """By the keyboard, rising, then falling, then as before."""
    from selenium.webdriver.common.keys import Keys

    opened.find_element("css selector", "[data-table=network_daily] summary").click()
    details = opened.find_element("css selector", "details[data-table=network_daily]")
    rows = read(made, "network_daily")
    head = details.find_elements("tag name", "th")[list(rows[0]).index("fee_stx")]
    known = [(row["fee_stx"], str(row["date"])) for row in rows]
    orders = {"ascending": sorted(known), "descending": sorted(known, reverse=True), "none": known}
    for order, sorted_rows in orders.items():
        head.find_element("tag name", "button").send_keys(Keys.ENTER)
        assert head.get_attribute("aria-sort") == order
        days = [line.text for line in details.find_elements("css selector", "tbody td:first-child")]
        assert days == [day for _, day in sorted_rows]
    assert len({amount for amount, _ in known}) == DAYS


def test_a_wallet_is_found_by_its_address_and_by_its_beginning(opened: Any, made: MetricStore) -> None:
    """No file is loaded before the first search. The numbers are those of the table, with exact fees."""
    from selenium.webdriver.common.keys import Keys

    rows = read(made, "first_seen_wallets")
    wallet = max(rows, key=lambda row: row["fee_ustx"])
    assert opened.execute_script(SCRIPTS) == []
    field = opened.find_element("id", "wallet")
    field.send_keys(wallet["address"][:3].lower() + Keys.ENTER)
    alike = sum(row["address"].startswith(wallet["address"][:3]) for row in rows)
    wait_for(lambda: text(opened, "wallet-said").startswith(f"{alike} wallets begin with"))
    assert len(opened.find_elements("css selector", "#wallet-found tbody tr")) == min(alike, 20)
    field.clear()
    field.send_keys(wallet["address"] + Keys.ENTER)
    wait_for(lambda: opened.find_elements("css selector", "#wallet-found dl"))
    names, values = (opened.find_elements("css selector", f"#wallet-found {tag}") for tag in ("dt", "dd"))
    said = {name.text: value.text for name, value in zip(names, values, strict=True)}
    assert Decimal(said["Fees"].removesuffix(" STX").replace(",", "")) == wallet["fee_stx"]
    assert said["First seen"] == f"{wallet['first_seen']:%Y-%m-%d %H:%M:%S} UTC"
    assert (said["Transactions"], said["Days active"]) == (str(wallet["tx_count"]), str(wallet["active_days"]))
    assert said["New"].startswith("new" if wallet["is_new"] else "not new")
    for typed, answer in {"SP2ZZZ": "No wallet", "SPO": "has only digits", "": "Type an address"}.items():
        field.clear()
        field.send_keys(typed + Keys.ENTER)
        wait_for(lambda answer=answer: answer in text(opened, "wallet-said"))
    assert all(each.startswith("wallets/") for each in opened.execute_script(SCRIPTS))
    assert opened.get_log("browser") == []


def test_a_day_of_the_calendar_shows_its_certificate(opened: Any, made: MetricStore) -> None:
    """A click shows it, the arrow keys go to the next day, and the field takes any day."""
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.keys import Keys

    square = opened.find_element("css selector", "[data-id=calendar] svg path[aria-label^='3 Sep 2026']")
    opened.execute_script("arguments[0].scrollIntoView({block: 'center'})", square)
    ActionChains(opened).move_to_element(square).click().perform()
    for number, keys in ((2, ()), (3, (Keys.ARROW_RIGHT, Keys.ENTER))):
        if keys:
            opened.execute_script("arguments[0].focus()", square)
            ActionChains(opened).send_keys(*keys).perform()
        day = FIRST_DAY + number * DAY
        known = made.files.certificates()[day]
        said = text(opened, "day-found")
        assert known.id in said
        assert f"{known.published:,} of {known.expected:,}" in said
        assert f"stx-pipelines verify --from {day} --to {day}" in said
    opened.find_element("id", "day-close").click()
    assert text(opened, "day-found") == ""
    assert opened.get_log("browser") == []


@pytest.mark.parametrize("dataset", [BALANCES])
def test_certificates_are_stored_in_short(dataset: str, tmp_path: Path) -> None:
    """Texts that differ only in counts are stored once. A digest that an older certificate lacks is None."""
    day = certificate(FIRST_DAY, [])
    proofs = (f"one row per block; balances of {n} of 7124 blocks proved" for n in (7, 8))
    known = {
        FIRST_DAY + n * DAY: structs.replace(day, dataset=dataset, proof=proof, rows_digest=f"{n}" * 64)
        for n, proof in enumerate(proofs)
    }
    short = short_form({"ethereum": known, "stacks": {FIRST_DAY: day}}, 2)
    newest, oldest = (dict(zip(COLUMNS, row, strict=True)) for row in short["chains"]["ethereum"])
    words = short["words"]
    assert [words[first] for first, *_ in newest["proof"]] == ["one row per block", "balances of # of # blocks proved"]
    assert (newest["proof"][1][1:], oldest["proof"][1][1:]) == ([8, 7124], [7, 7124])
    assert (newest["digest"], newest["burn_blocks"], words[newest["dataset"]]) == ("1" * 16, None, dataset)
    assert dict(zip(COLUMNS, short["chains"]["stacks"][0], strict=True))["digest"] is None
    assert dataset in DATASETS
