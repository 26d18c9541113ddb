"""A page of 45 devnet days, and a browser to open it in."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stx_pipelines.chains.days import days_between
from stx_pipelines.metrics.options import MetricOptions
from stx_pipelines.metrics.store import MetricStore
from stx_pipelines_tests.dashboard.pages import (
    DAYS,
    LAST,
    build,
    open_page,
)
from stx_pipelines_tests.metrics.history import store_chain, store_in
from stx_pipelines_tests.world import FIRST_DAY, make_chain


@pytest.fixture(scope="package")
def made(tmp_path_factory: pytest.TempPathFactory) -> MetricStore:
    """Return a store of 45 devnet days from the chain's first, with their metrics and page."""
    store = store_in(tmp_path_factory.mktemp("made") / "data", MetricOptions(), FIRST_DAY)
    store_chain(store, make_chain(DAYS), days_between(FIRST_DAY, LAST))
    store.refresh()
    build(store)
    return store


@pytest.fixture
def own(made: MetricStore, tmp_path: Path) -> MetricStore:
    """Return a copy of `made` that the test may change."""
    shutil.copytree(made.folder.path, tmp_path / "data")
    return store_in(tmp_path / "data", MetricOptions(), FIRST_DAY)


@pytest.fixture(scope="package")
def html(made: MetricStore) -> str:
    """Return the page as text."""
    return made.folder.page.read_text()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Yield a headless Chromium with a separate profile."""
    how = "install chromium and chromedriver (`apt-get install chromium chromium-driver`) and `pip install selenium`"
    webdriver = pytest.importorskip("selenium.webdriver", reason=f"no selenium: {how}")
    from selenium.webdriver.chrome.service import Service

    program, driver = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")
    if not program or not driver:
        pytest.skip(f"no browser: {how}")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    downloads = tmp_path_factory.mktemp("downloads")
    profile = tmp_path_factory.mktemp("profile")
    for argument in ("--headless=new", "--no-sandbox", "--window-size=1440,1000", f"--user-data-dir={profile}"):
        options.add_argument(argument)
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    started = webdriver.Chrome(options=options, service=Service(driver))
    started.downloads = downloads
    yield started
    started.quit()


@pytest.fixture
def opened(browser: Any, made: MetricStore) -> Any:
    """Return the browser with the page drawn in the light theme."""
    open_page(browser, made.folder.page)
    return browser
