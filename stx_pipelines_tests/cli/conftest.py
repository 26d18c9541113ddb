"""Fixtures of the tests of the commands."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from shutil import copytree
from typing import NamedTuple

import pytest
from click.testing import CliRunner, Result

from stx_pipelines.cli.main import main
from stx_pipelines.devnet.stacks.chain import StacksChain
from stx_pipelines.devnet.stacks.values import ChainSpec
from stx_pipelines_tests.sync.ethereum.conftest import make_ethereum
from stx_pipelines_tests.sync.ethereum.world import DevnetWorld
from stx_pipelines_tests.world import World, recent_chain, today
from stx_pipelines_tests.world import world as served

__all__ = ["make_ethereum", "run"]  # fixtures, found by their names


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Return a function that runs a command in this process, so that Dagster is imported once for all tests."""

    def invoke(world: World | DevnetWorld, *arguments: str) -> Result:
        for name, value in world.environment.items():
            monkeypatch.setenv(name, value)
        return CliRunner().invoke(main, arguments)

    return invoke


DAYS = 3
_LONGEST_USE = 60.0  # seconds; the tip of the chain must stay recent


class Stored(NamedTuple):
    """A data folder with all days of a chain, to be copied. `day` and `made` say when it was made."""

    spec: ChainSpec
    data: Path
    day: date
    made: float


@pytest.fixture(scope="session")
def stored_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Stored]:
    """Return a function that gives a stored data folder, made at most a minute ago."""
    made: list[Stored] = []

    def get() -> Stored:
        if not made or made[-1].day != today() or time.monotonic() - made[-1].made > _LONGEST_USE:
            chain, data = recent_chain(DAYS), tmp_path_factory.mktemp("stored") / "data"
            with served(chain, data) as world:
                world.stored()
            made.append(Stored(chain.spec, data, today(), time.monotonic()))
        return made[-1]

    return get


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    """Return three days before today, and today; nothing is stored."""
    return make_world(recent_chain(DAYS), stx_target_days=DAYS)


@pytest.fixture
def full(make_world: Callable[..., World], stored_folder: Callable[[], Stored], tmp_path: Path) -> World:
    """Return the same days, all stored and loaded. The second sync records where the copied database is."""
    stored = stored_folder()
    data = copytree(stored.data, tmp_path / "data-full")
    world = make_world(StacksChain(stored.spec), data=data, stx_target_days=DAYS)
    world.stored()
    return world
