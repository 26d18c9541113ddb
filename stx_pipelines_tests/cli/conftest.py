"""Fixtures of the tests of the commands."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from stx_pipelines.cli.main import main
from stx_pipelines_tests.sync.ethereum.conftest import make_ethereum
from stx_pipelines_tests.sync.ethereum.world import DevnetWorld
from stx_pipelines_tests.world import World, recent_chain

__all__ = ["make_ethereum", "run"]  # fixtures, found by their names


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Return a function that runs a command in this process, so that Dagster is imported once for all tests."""

    def invoke(world: World | DevnetWorld, *arguments: str) -> Result:
        for name, value in world.environment.items():
            monkeypatch.setenv(name, value)
        return CliRunner().invoke(main, arguments)

    return invoke


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    """Return three days before today, and today; nothing is stored."""
    return make_world(recent_chain(3), stx_target_days=3)


@pytest.fixture
def full(world: World) -> World:
    """Return the same days, all stored and loaded."""
    world.stored()
    return world
