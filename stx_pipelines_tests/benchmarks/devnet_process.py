"""A devnet in a separate process, so that it shares no interpreter with a client.

Its tip does not move: every run reads the same chain.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from datetime import time as clock
from typing import Any, NamedTuple

import requests

from stx_pipelines.chains.days import DAY, days_between
from stx_pipelines.devnet.server import listen, run
from stx_pipelines.devnet.stacks.chain import ChainSpec, StacksChain
from stx_pipelines.devnet.stacks.knobs import Knobs
from stx_pipelines_tests.benchmarks.separate_process import running_beside
from stx_pipelines_tests.ports import free_port

FIRST_DAY = date(2025, 1, 1)
"""After Nakamoto, and always in the past: Dagster's partitions end today."""

_START_SECONDS = 900.0  # a year of 15,000 transactions a day takes minutes to make


class Spec(NamedTuple):
    """The size of a chain: whole days, followed by six hours of one more."""

    days: int
    transactions_per_day: int


class Served(NamedTuple):
    """A running devnet: its address and the chain's days."""

    url: str
    spec: Spec

    @property
    def whole_days(self) -> list[date]:
        """The days that are over and final, oldest first."""
        return days_between(FIRST_DAY, FIRST_DAY + (self.spec.days - 1) * DAY)

    @property
    def all_days(self) -> list[date]:
        """The whole days and the day of the last six hours, oldest first."""
        return [*self.whole_days, FIRST_DAY + self.spec.days * DAY]

    def turn(self, **knobs: Any) -> None:
        """Turn knobs of the devnet."""
        requests.post(f"{self.url}/devnet/knobs", json=knobs, timeout=30).raise_for_status()

    def stats(self) -> dict[str, Any]:
        """Return the counters of requests since the start."""
        answer = requests.get(f"{self.url}/devnet/stats", timeout=30)
        answer.raise_for_status()
        return dict(answer.json())

    def transactions(self) -> int:
        """Return the number of transactions of the whole chain."""
        answer = requests.get(f"{self.url}/extended/v3/transactions", params={"limit": 1}, timeout=30)
        answer.raise_for_status()
        return int(answer.json()["total"])


@contextmanager
def devnet(days: int, transactions_per_day: int) -> Iterator[Served]:
    """Serve a chain from another process until the block ends."""
    spec, port = Spec(days, transactions_per_day), free_port()
    with running_beside(_serve, port, spec) as is_alive:
        served = Served(f"http://127.0.0.1:{port}", spec)
        _await_answer(served, is_alive)
        yield served


def _await_answer(served: Served, is_alive: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while is_alive() and time.monotonic() < deadline:
        try:
            served.stats()
        except requests.ConnectionError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("the devnet did not start")


def _serve(port: int, spec: Spec) -> None:
    gc.disable()  # a chain has millions of small values, and none of them is garbage
    tip = datetime.combine(FIRST_DAY + spec.days * DAY, clock(6), UTC)
    chain = StacksChain(ChainSpec(seed=3, first_day=FIRST_DAY, tip=tip, transactions_per_day=spec.transactions_per_day))
    gc.freeze()
    gc.enable()
    run(chain, Knobs(), listen("127.0.0.1", port), follow_clock=False)
