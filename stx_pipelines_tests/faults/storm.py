"""Bad weather for both chains: faults of every kind at a few percent, and events that last for some seconds.

Not here: tests (test_*.py), the processes that are killed (processes.py).
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import get_args

from stx_pipelines.devnet.ethereum.knobs import ETHEREUM_FAULTS, EthereumFault
from stx_pipelines.devnet.stacks.knobs import FaultKind
from stx_pipelines_tests.faults.undisturbed import Followed
from stx_pipelines_tests.sync.ethereum import world as ethereum
from stx_pipelines_tests.sync.ethereum.world import DevnetWorld
from stx_pipelines_tests.world import World, at, recent_chain, today

MakeWorld = Callable[..., World]
MakeEthereum = Callable[..., DevnetWorld]

EVERY_KIND: tuple[FaultKind, ...] = get_args(FaultKind)
_FINAL_OF_ETHEREUM = {"http_400", "http_402", "http_404"} | {f"error_{n}" for n in (-32600, -32601, -32602, -32700)}
PASSING_OF_ETHEREUM: tuple[EthereumFault, ...] = tuple(
    kind for kind in ETHEREUM_FAULTS if kind not in _FINAL_OF_ETHEREUM
)
"""The faults of a node that a later request may not have. The other faults end a run: nothing can be retried."""

_BURN_BLOCK_SECONDS = 600
_TICK = 0.25  # seconds


def both(make_world: MakeWorld, make_ethereum: MakeEthereum, dice: Random, days: int) -> tuple[World, DevnetWorld]:
    """Return worlds whose chains are some days behind. Block 1 of Stacks shows the transactions of block 0."""
    tip = datetime.now(UTC) - timedelta(days=days / 2)
    stacks = recent_chain(days, tip=tip, seed=dice.randrange(10**6), boot_transactions=3)
    world = make_world(
        stacks, stx_target_days=days, stx_tip_age_minutes=0, stx_open_every=1, stx_proof="sample", hiro_attempts=5
    )
    node = ethereum.make_chain(first_day=today() - timedelta(days=days), tip=tip, seed=dice.randrange(10**6))
    return world, make_ethereum(node, data=world.data.with_name("node"), tip_age_minutes=0, target_days=days)


def lose_days(world: Followed, dice: Random) -> int:
    """Delete up to four day files, as a disk may. Return their number."""
    files = sorted(world.data.glob("days/*/????-??-??.parquet"))
    lost = dice.sample(files, min(len(files), dice.randint(0, 4)))
    for path in lost:
        path.unlink()
    return len(lost)


@dataclass
class Storm:
    """The weather of a world of either chain.

    `share` of the requests have a fault. Events are more frequent with a higher `pace`, and `outage` is a long one's
    seconds. Both chains grow from their tips to the present in `seconds`. `counts` are the events so far.
    """

    stacks: World
    ethereum: DevnetWorld
    dice: Random
    seconds: float
    outage: float
    share: float = 0.03
    pace: float = 1.0
    counts: Counter[str] = field(default_factory=Counter)
    _stop: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def raging(self) -> Iterator[None]:
        """Change the weather in a thread until the `with` block ends, then calm it."""
        self._back_to_normal()
        thread = threading.Thread(target=self._rage, name="storm")
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()
            self.counts.update({f"stacks {kind}": n for kind, n in self.stacks.devnet.stats.by_fault.items()})
            self.counts.update(
                {f"ethereum {kind}": n for kind, n in self.ethereum.devnet.ethereum_stats.by_fault.items() if n}
            )
            self._grow_to(1.0)

    def _rage(self) -> None:
        began, longest = time.monotonic(), self.outage
        while not self._stop.wait(_TICK):
            passed = (time.monotonic() - began) / self.seconds
            self._grow_to(min(0.95, passed))
            if self.dice.random() < 0.2 * self.pace:
                self._fork()
            if self.dice.random() < 0.3 * self.pace:
                event, seconds = self.dice.choice(self._events), self.dice.uniform(0.2, 4)
                if event == self._be_away and self.dice.random() < 0.15:
                    seconds = longest
                event()
                self.counts[event.__name__.strip("_")] += 1
                self._stop.wait(seconds)
                self._back_to_normal()

    @property
    def _events(self) -> Sequence[Callable[[], None]]:
        faults = (self._miscount, self._hide, self._break_the_list, self._burst)
        return (self._be_away, self._lag, self._drip, self._limit, *faults)

    def _back_to_normal(self) -> None:
        """Leave only the faults of every kind at a few percent."""
        for world in (self.stacks, self.ethereum):
            vars(world.knobs).update(vars(type(world.knobs)()))
        self.stacks.knobs.fault_kinds, self.stacks.knobs.fault_rate = EVERY_KIND, self.share
        self.ethereum.knobs.faults = dict.fromkeys(PASSING_OF_ETHEREUM, self.share / len(PASSING_OF_ETHEREUM))

    def _grow_to(self, part: float) -> None:
        """Grow both chains from where they began to this part of the way to the present."""
        now = max(datetime.now(UTC), at(today(), 1, 30))
        for chain in (self.stacks.chain, self.ethereum.chain):
            chain.grow_to(chain.spec.tip + part * (now - chain.spec.tip))

    def _fork(self) -> None:
        depth = self.dice.choice([1, 1, 2, 3, 5, 40])
        kind = self.dice.choice(["stacks_blocks", "burn_blocks"])
        self.stacks.chain.reorg(**{kind: depth})
        self.ethereum.chain.reorg(min(depth, self.ethereum.chain.spec.finality_blocks - 1))
        self.counts[f"reorg of {depth} {kind}"] += 1

    def _be_away(self) -> None:
        kind: FaultKind = self.dice.choice(["503", "drop", "504", "403", "404", "429_bare"])
        self.stacks.knobs.fault_kinds, self.stacks.knobs.fault_rate = (kind,), 1.0
        self.ethereum.knobs.faults = {self.dice.choice(["http_503", "drop", "http_403", "http_429"]): 1.0}

    def _lag(self) -> None:
        self.stacks.knobs.backend_lags = {0, *(self.dice.randint(1, 8) for _ in range(2))}

    def _drip(self) -> None:
        self.stacks.knobs.drip_seconds = self.ethereum.knobs.drip_seconds = 0.05

    def _limit(self) -> None:
        self.stacks.knobs.requests_per_minute, self.stacks.knobs.limit_window_seconds = 20, 1.0
        self.ethereum.knobs.calls_per_second = 400

    def _miscount(self) -> None:
        with self.stacks.chain.lock:
            burns = self.stacks.chain.burn_blocks[-600:]
        self.stacks.knobs.wrong_counts = {burn.height for burn in self.dice.sample(burns, 2)}

    def _hide(self) -> None:
        with self.stacks.chain.lock:
            rows = self.stacks.chain.rows[-2_000:]
        self.stacks.knobs.hidden_transactions = {self.dice.choice(rows).tx_id}

    def _break_the_list(self) -> None:
        self.stacks.knobs.burn_list_broken = True

    def _burst(self) -> None:
        self.stacks.knobs.fault_rate = 0.5
