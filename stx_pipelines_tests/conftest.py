"""What every test stands on: no developer's settings, no shared temporary files. Not here: claims (test_*.py)."""

from __future__ import annotations

import logging
import os
import random
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from _pytest.runner import runtestprotocol
from hypothesis import HealthCheck, settings

from stx_pipelines_tests.world import ROOT, World, today, world, worlds

settings.register_profile(
    "house",
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("house")


def pytest_addoption(parser: pytest.Parser) -> None:
    """The fault suite's: read here, because options must be known before its folder is."""
    group = parser.getgroup("faults")
    group.addoption("--faults-whole", action="store_true", help="the whole fault suite, and not its short form")
    group.addoption("--faults-seed", type=int, help="repeats what chance chose")


def pytest_configure(config: pytest.Config) -> None:
    """One seed for all processes that run the tests: the first one's."""
    if config.option.faults_seed is None:
        others: dict[str, int] = getattr(config, "workerinput", {})
        config.option.faults_seed = others.get("faults_seed", random.SystemRandom().randrange(10**6))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """What pytest-xdist tells each of its processes."""
    node.workerinput["faults_seed"] = node.config.option.faults_seed


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool:
    """Run a test once more that failed while a UTC midnight passed: it began on one day and ended on another."""
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    began = today()
    reports = runtestprotocol(item, nextitem=nextitem, log=False)
    if today() != began and any(report.failed for report in reports):
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def pytest_report_header(config: pytest.Config) -> str:
    """The seed, so that a failure can be repeated."""
    return f"faults: --faults-seed {config.getoption('--faults-seed')}"


@pytest.fixture(autouse=True)
def clean_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No `.env`, no settings of the person who runs the tests, and a temporary folder of one's own."""
    for name in list(os.environ):
        if name.startswith(("HIRO_", "ETH_", "STX_", "DAGSTER_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # processes that tests start stand in another folder
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    place = tmp_path / "place"
    place.mkdir()
    monkeypatch.chdir(place)


@pytest.fixture(autouse=True)
def logs_reach_tests() -> Iterator[None]:
    """A command that ran in this process may have turned its log off."""
    logger = logging.getLogger("stx_pipelines")
    yield
    logger.propagate = True


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder that does not exist yet."""
    return tmp_path / "data"


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Worlds that end with the test; each has a data folder of its own unless one is given."""
    yield from worlds(tmp_path, world)
