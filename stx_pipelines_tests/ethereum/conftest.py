"""Ethereum worlds for tests. Not here: what they can be asked (world.py)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from stx_pipelines.devnet.ethereum_chain import EthereumChain
from stx_pipelines.devnet.ethereum_faults import EthereumKnobs
from stx_pipelines_tests.ethereum.world import DevnetWorld, world


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
