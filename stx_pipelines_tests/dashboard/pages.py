"""Functions that write, read and open the page of a store. Not here: tests (test_*.py), fixtures (conftest.py)."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from stx_pipelines.chains.attempts import Attempts
from stx_pipelines.chains.datasets import DATASETS, TRANSACTIONS
from stx_pipelines.chains.days import DAY, days_between
from stx_pipelines.coverage.model import Coverage, judge_days
from stx_pipelines.coverage.text import coverage_sentence
from stx_pipelines.dashboard.facts import NOT_ON_PAGE, read_facts
from stx_pipelines.dashboard.page import write_page
from stx_pipelines.metrics.options import MetricOptions
from stx_pipelines.metrics.results import RESULTS
from stx_pipelines.metrics.store import MetricStore
from stx_pipelines.store.arrow import from_arrow
from stx_pipelines_tests.metrics.history import store_chain, store_day, store_in
from stx_pipelines_tests.waiting import wait_until
from stx_pipelines_tests.world import FIRST_DAY, at, make_chain

DAYS = 45
LAST = FIRST_DAY + (DAYS - 1) * DAY
NOW = at(LAST + DAY, 9)
ON_PAGE = {"wallet_value_weekly": "value_weekly"}
EMBEDDED = {ON_PAGE.get(name, name): name for names in RESULTS.values() for name in names if name not in NOT_ON_PAGE}
"""The result file of each table of the page."""

MOST_BYTES = 5_000_000
CHARTS = {
    *("calendar", "active", "new", "retention-map", "fees-by-window", "payback", "funnel-stages"),
    *("types", "fees", "failures"),
    *("contracts-called", "transfers", "transfer-amounts"),
    *("base-ages", "fees-30d", "value-retention", "fee-histogram"),
}


def covered(store: MetricStore, now: datetime = NOW) -> Coverage:
    """Return a coverage that wants the chain's days and four before them, of which one fails and one is set aside."""
    landed = store.files.certificates()
    attempts = {FIRST_DAY - 2 * DAY: Attempts(1, "?", now), FIRST_DAY - 4 * DAY: Attempts(4, "?", now)}
    wanted = days_between(FIRST_DAY - 4 * DAY, now.date())[::-1]
    loaded = {day: certificate.id for day, certificate in landed.items()}
    return judge_days(wanted, landed, loaded, {}, attempts, now, timedelta(minutes=30))


def build(store: MetricStore) -> str:
    """Write the page and return its text."""
    coverage = covered(store)
    facts = read_facts(store, coverage, coverage_sentence(coverage, 50))
    return write_page(store.folder, facts).path.read_text()


def embedded(html: str) -> dict[str, Any]:
    """Return the data of the page's script."""
    found = re.search(r'<script type="application/json" id="page-data">(.*?)</script>', html, re.DOTALL)
    assert found
    content: dict[str, Any] = json.loads(found[1])
    return content


def wait_for(question: Any) -> Any:
    """Return the first result of `question` that is not empty."""
    return wait_until(question, "the browser shows it")


def open_page(browser: Any, path: Path) -> None:
    """Open the page in the light theme without stored choices, and wait until it is drawn."""
    features = [{"name": "prefers-color-scheme", "value": "light"}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    browser.get(path.as_uri())
    browser.execute_script("localStorage.clear()")
    browser.get_log("browser")
    browser.refresh()
    wait_for(lambda: browser.execute_script("return document.documentElement.dataset.ready"))


def land_types(data: Path, types: Sequence[str]) -> MetricStore:
    """Return a store of three days with these transaction types, as an older version may have stored them."""
    store = store_in(data, MetricOptions(), FIRST_DAY)
    days = days_between(FIRST_DAY, FIRST_DAY + 2 * DAY)
    store_chain(store, make_chain(3), days)
    for day in days:
        rows = enumerate(from_arrow(DATASETS[TRANSACTIONS], store.files.read(day)))
        store_day(store, day, [msgspec.structs.replace(row, tx_type=types[n % len(types)]) for n, row in rows])
    store.refresh()
    return store
