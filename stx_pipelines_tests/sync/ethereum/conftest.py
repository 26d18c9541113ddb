"""Ethereum worlds for tests. Not here: what they can be asked (world.py)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from stx_pipelines.devnet.ethereum.chain import EthereumChain
from stx_pipelines.devnet.ethereum.knobs import EthereumKnobs
from stx_pipelines_tests.sync.ethereum.world import DevnetWorld, make_chain, world


@pytest.fixture
def make_ethereum(tmp_path: Path) -> Iterator[Callable[..., DevnetWorld]]:
    """Worlds that end with the test; each has a data folder of its own unless one is given."""
    with ExitStack() as open_worlds:
        made = 0

        def make(chain: EthereumChain, knobs: EthereumKnobs | None = None, **options: Any) -> DevnetWorld:
            nonlocal made
            made += 1
            data = options.pop("data", None) or tmp_path / f"data-{made}"
            return open_worlds.enter_context(world(chain, data, knobs, **options))

        yield make


@pytest.fixture(scope="session")
def landed_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """Data folders that follow a chain of two days up to this hour, blocks and balances: made once, to be copied."""
    made: dict[int, Path] = {}

    def get(hour: int) -> Path:
        if hour not in made:
            made[hour] = tmp_path_factory.mktemp("landed") / "data"
            with world(make_chain(2, hour), made[hour]) as followed:
                followed.sync()
        return made[hour]

    return get


@pytest.fixture
def make_landed(
    make_ethereum: Callable[..., DevnetWorld], landed_folder: Callable[[int], Path], tmp_path: Path
) -> Callable[..., DevnetWorld]:
    """The world of `make_chain(2, hour)` after it was followed."""

    def make(hour: int = 12, **options: Any) -> DevnetWorld:
        data = copytree(landed_folder(hour), tmp_path / "landed")
        return make_ethereum(make_chain(2, hour), data=data, **options)

    return make
