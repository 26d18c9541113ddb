"""Chains and servers for the tests of the devnet. Not here: tests (test_*.py)."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
import requests

from stx_pipelines.devnet.ethereum.chain import EthereumChain, EthereumSpec
from stx_pipelines.devnet.ethereum.knobs import EthereumKnobs
from stx_pipelines.devnet.server import Devnet, serve
from stx_pipelines.devnet.stacks.chain import StacksChain
from stx_pipelines.devnet.stacks.knobs import Knobs
from stx_pipelines.devnet.stacks.values import ChainSpec
from stx_pipelines_tests.waiting import LONGEST

FIRST_DAY = date(2026, 10, 1)


@pytest.fixture(scope="session")
def make_spec() -> Callable[..., ChainSpec]:
    """Make specs of a small chain of a bit over two days; every field can be overridden."""

    def make(**overrides: Any) -> ChainSpec:
        defaults: dict[str, Any] = {
            "first_day": FIRST_DAY,
            "tip": datetime(2026, 10, 3, 1, 30, tzinfo=UTC),
            "transactions_per_day": 600,
        }
        return ChainSpec(**(defaults | overrides))

    return make


@pytest.fixture
def chain(make_spec: Callable[..., ChainSpec]) -> StacksChain:
    """Make a new chain for each test."""
    return StacksChain(make_spec())


@pytest.fixture(scope="session")
def shared_devnet(make_spec: Callable[..., ChainSpec]) -> Iterator[Devnet]:
    """Run one server for all tests that do not change its chain, because stopping one takes a fifth of a second."""
    with serve(StacksChain(make_spec()), Knobs()) as running:
        yield running


@pytest.fixture
def devnet(shared_devnet: Devnet) -> Devnet:
    """Return the shared server with its knobs and counters reset."""
    vars(shared_devnet.knobs).update(vars(Knobs()))
    shared_devnet.stats.reset()
    return shared_devnet


@pytest.fixture
def own_devnet(chain: StacksChain) -> Iterator[Devnet]:
    """Run a server for a test that changes its chain."""
    with serve(chain, Knobs()) as running:
        yield running


@pytest.fixture
def get(devnet: Devnet) -> Iterator[Callable[..., requests.Response]]:
    """Return a function that sends GET requests to the devnet over one connection."""
    with requests.Session() as session:
        yield lambda path, **kwargs: session.get(devnet.url + path, timeout=LONGEST, **kwargs)


@pytest.fixture(scope="session")
def late_devnet(make_spec: Callable[..., ChainSpec]) -> Iterator[Devnet]:
    """Run a server with a chain that starts at height 1,500,000, for tests that do not change it."""
    spec = make_spec(first_height=1_500_000, tip=datetime(2026, 10, 1, 12, tzinfo=UTC))
    with serve(StacksChain(spec), Knobs()) as running:
        yield running


@pytest.fixture(scope="session")
def make_ethereum_spec() -> Callable[..., EthereumSpec]:
    """Make specs of a small Ethereum chain, 25 hours with a block a minute; every field can be overridden."""

    def make(**overrides: Any) -> EthereumSpec:
        defaults: dict[str, Any] = {
            "first_day": FIRST_DAY,
            "tip": datetime(2026, 10, 2, 1, tzinfo=UTC),
            "slot_seconds": 60,
            "missed_share": 0.03,
        }
        return EthereumSpec(**(defaults | overrides))

    return make


@pytest.fixture
def ethereum(make_ethereum_spec: Callable[..., EthereumSpec]) -> EthereumChain:
    """Make a new Ethereum chain for each test."""
    return EthereumChain(make_ethereum_spec())


@pytest.fixture(scope="session")
def shared_ethereum_devnet(make_ethereum_spec: Callable[..., EthereumSpec]) -> Iterator[Devnet]:
    """Run one server for all tests that do not change its Ethereum chain."""
    with serve(None, ethereum=EthereumChain(make_ethereum_spec())) as running:
        yield running


@pytest.fixture
def ethereum_devnet(shared_ethereum_devnet: Devnet) -> Devnet:
    """Return the shared server with its knobs and counters reset."""
    vars(shared_ethereum_devnet.ethereum_knobs).update(vars(EthereumKnobs()))
    shared_ethereum_devnet.ethereum_stats.reset()
    return shared_ethereum_devnet


@pytest.fixture
def own_ethereum_devnet(ethereum: EthereumChain) -> Iterator[Devnet]:
    """Run a server for a test that changes its Ethereum chain."""
    with serve(None, ethereum=ethereum) as running:
        yield running
