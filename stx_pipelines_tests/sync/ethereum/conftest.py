"""Fixtures that make Ethereum worlds. Their methods are in world.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from stx_pipelines_tests.sync.ethereum.world import DevnetWorld, make_chain, world
from stx_pipelines_tests.world import worlds


@pytest.fixture
def make_ethereum(tmp_path: Path) -> Iterator[Callable[..., DevnetWorld]]:
    """Give a function that makes worlds, which end with the test."""
    yield from worlds(tmp_path, world)


@pytest.fixture(scope="session")
def stored_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """Give data folders with both datasets of `make_chain(2, hour)`. Each is made once, to be copied."""
    made: dict[int, Path] = {}

    def get(hour: int) -> Path:
        if hour not in made:
            made[hour] = tmp_path_factory.mktemp("landed") / "data"
            with world(make_chain(2, hour), made[hour]) as followed:
                followed.sync()
        return made[hour]

    return get


@pytest.fixture
def make_stored(
    make_ethereum: Callable[..., DevnetWorld], stored_folder: Callable[[int], Path], tmp_path: Path
) -> Callable[..., DevnetWorld]:
    """Give a function that makes the world of `make_chain(2, hour)`, with both datasets stored."""

    def make(hour: int = 12, **options: Any) -> DevnetWorld:
        data = copytree(stored_folder(hour), tmp_path / "landed")
        return make_ethereum(make_chain(2, hour), data=data, **options)

    return make
