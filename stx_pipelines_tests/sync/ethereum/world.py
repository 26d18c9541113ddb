"""The world of an Ethereum test: a node, and a data folder that is synced from it.

`final_blocks` and `balances_truth` are the chain's own data, up to its newest final block. The rows of files and tables
are read without the package's readers, so that an error in those cannot hide.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.days import DAY, day_of, days_between
from stx_pipelines.chains.ethereum import BalanceChange, Block
from stx_pipelines.clients.ethereum_rpc import PASSING, EthereumRpc
from stx_pipelines.clients.http import Http, Patience
from stx_pipelines.clients.rate_limit import Budget
from stx_pipelines.devnet.ethereum.chain import EthereumChain
from stx_pipelines.devnet.ethereum.knobs import EthereumKnobs
from stx_pipelines.devnet.ethereum.values import EthereumSpec
from stx_pipelines.devnet.server import Devnet, serve
from stx_pipelines.sync.ethereum.balances import BALANCES, BalancesSync
from stx_pipelines.sync.ethereum.blocks import BLOCKS, BlocksSync
from stx_pipelines.sync.ethereum.increase_parts import PARTS, PartsSync
from stx_pipelines.sync.outcome import Outcome, StoredDay
from stx_pipelines_tests.waiting import LONGEST
from stx_pipelines_tests.world import FIRST_DAY, BaseWorld, at, failed, open_store, plain, query, stored, today  # noqa: F401
from stx_pipelines_tests.world import plain_rows as file_rows

EthereumSync = BlocksSync | BalancesSync


def make_chain(days: int = 2, hour: int = 12, minute: int = 0, **spec: Any) -> EthereumChain:
    """Return a chain of `days` whole days and one up to that time: 144 blocks a day, the last ten not final yet."""
    wanted: dict[str, Any] = {
        "first_day": FIRST_DAY,
        "tip": at(FIRST_DAY + days * DAY, hour, minute),
        "slot_seconds": 600,
        "finality_blocks": 10,
        "safe_blocks": 5,
    }
    return EthereumChain(EthereumSpec(**wanted | spec))


def recent_chain(days: int = 2, **spec: Any) -> EthereumChain:
    """Return a chain of the last `days` whole days, up to now, for commands and Dagster, which use the real clock.

    Its newest final block is ten slots, or 100 minutes, old.
    """
    tip = max(datetime.now(UTC), at(today(), 0, 20))
    return make_chain(first_day=today() - days * DAY, tip=tip, **spec)


def make_sparse_chain() -> EthereumChain:
    """Return a chain of six days and a half with few blocks: days 2, 3 and 5 have none."""
    return make_chain(6, slot_seconds=40_000, missed_share=0.5, finality_blocks=1, seed=24)


def final_blocks(chain: EthereumChain, day: date) -> list[Block]:
    """Return the chain's blocks of a day, up to the newest final block."""
    newest = chain.finalized.number
    return [Block(*block) for block in chain.blocks_of(day) if block.number <= newest]


def balances_truth(chain: EthereumChain, day: date) -> list[BalanceChange]:
    """Return the balance change of the fee recipient in each final block of the day, except block 0."""
    return [_change(chain, block) for block in final_blocks(chain, day) if block.number > 0]


def _change(chain: EthereumChain, block: Block) -> BalanceChange:
    before, after = (chain.balance(block.miner, number) for number in (block.number - 1, block.number))
    return BalanceChange(
        block.number, block.timestamp, block.miner, before, after, after - before, block.hash, block.withdrawals_gwei
    )


def table_rows(data: Path, dataset: str) -> list[tuple[Any, ...]]:
    """Return every row of the table by number, without `ingested_at`, in the form of `file_rows`."""
    return [plain(row) for row in query(data, f"SELECT * EXCLUDE (ingested_at) FROM {dataset} ORDER BY ALL")]


def open_node(url: str, *, calls_per_second: int = 0, attempts: int = 5, **options: Any) -> EthereumRpc:
    """Return a client without a budget that retries at once."""
    patience = Patience(attempts, first_wait=0.01, last_wait=0.03, timeout=LONGEST, statuses=PASSING)
    http = Http(url, Budget(url, calls_per_second=calls_per_second), patience, stop=threading.Event(), name="the node")
    return EthereumRpc(http, **options)


class Synced(NamedTuple):
    """The outcomes of both datasets, in order."""

    blocks: list[Outcome]
    balances: list[Outcome]


@dataclass
class World(BaseWorld):
    """A node and a data folder. `options` are those of `open_node`."""

    options: dict[str, Any] = field(default_factory=dict)
    last_node: EthereumRpc | None = None

    @property
    def given(self) -> dict[str, Any]:
        return {"stx_data_dir": self.data, "eth_rpc_url": self.url}

    def node(self) -> EthereumRpc:
        self.last_node = open_node(self.url, **self.options)
        return self.last_node

    def blocks_sync(self) -> BlocksSync:
        return self.with_clock(BlocksSync(self.node(), self.store(BLOCKS), self.folder))

    def balances_sync(self) -> BalancesSync:
        """Open a sync of balances. It shares its node with a sync of blocks, as in a run."""
        blocks = self.blocks_sync()
        return self.with_clock(BalancesSync(blocks.client, self.store(BALANCES), blocks))

    def parts_sync(self) -> PartsSync:
        return self.with_clock(PartsSync(self.node(), self.store(PARTS), self.store(BALANCES), self.folder))

    def certificates(self, dataset: str = BLOCKS) -> dict[date, Certificate]:
        return self.store(dataset).files.certificates()


@dataclass
class DevnetWorld(World):
    """A devnet that serves an Ethereum chain, and a data folder."""

    devnet: Devnet = field(kw_only=True)

    @property
    def chain(self) -> EthereumChain:
        return self.devnet.ethereum_chain

    @property
    def knobs(self) -> EthereumKnobs:
        return self.devnet.ethereum_knobs

    @property
    def days(self) -> list[date]:
        """Every day of the chain, the newest block's included, oldest first."""
        return days_between(self.chain.spec.first_day, day_of(self.chain.latest.timestamp))

    @property
    def given(self) -> dict[str, Any]:
        """The settings of the node. The address of the Stacks API is one where no server listens."""
        options = {"target_days": len(self.days) - 1, "tip_age_minutes": 180} | self.options
        eth = {f"eth_{name}": value for name, value in options.items()}
        return super().given | {"hiro_api_url": "http://127.0.0.1:9"} | eth

    def calls(self) -> int:
        """Return the number of calls since the last call of this method."""
        count = self.devnet.ethereum_stats.calls
        self.devnet.ethereum_stats.reset()
        return count

    def blocks(self, days: Sequence[date] | None = None, *, force: bool = False) -> list[Outcome]:
        """Sync blocks: of all days by default."""
        return list(self.blocks_sync().sync(self.days if days is None else days, force=force))

    def balances(self, days: Sequence[date] | None = None, *, force: bool = False) -> list[Outcome]:
        """Sync balances: of all days by default."""
        return list(self.balances_sync().sync(self.days if days is None else days, force=force))

    def parts(self, days: Sequence[date] | None = None, *, force: bool = False) -> list[Outcome]:
        """Sync the parts of increases: of all days by default."""
        return list(self.parts_sync().sync(self.days if days is None else days, force=force))

    def sync(self, days: Sequence[date] | None = None) -> Synced:
        """Sync blocks, then balances."""
        return Synced(self.blocks(days), self.balances(days))

    def assert_true(self, days: Sequence[date] | None = None) -> None:
        """Assert that the files and tables equal the chain, row for row, and that the certificates are linked."""
        self.assert_blocks(days)
        self.assert_balances(days)

    def assert_blocks(self, days: Sequence[date] | None = None) -> None:
        self._assert(BLOCKS, {day: final_blocks(self.chain, day) for day in self._wanted(days)})
        self._assert_certified()

    def assert_balances(self, days: Sequence[date] | None = None) -> None:
        self._assert(BALANCES, {day: balances_truth(self.chain, day) for day in self._wanted(days)})
        blocks = self.certificates()
        for day, known in self.certificates(BALANCES).items():
            same = (known.state, known.first_height, known.last_height, known.last_hash)
            theirs = blocks[day]
            assert same == (theirs.state, theirs.first_height, theirs.last_height, theirs.last_hash), day

    def _wanted(self, days: Sequence[date] | None) -> Sequence[date]:
        return self.days if days is None else days

    def _assert(self, dataset: str, truth: dict[date, Sequence[tuple[Any, ...]]]) -> None:
        certificates = self.certificates(dataset)
        assert set(certificates) == set(truth), dataset
        for day, rows in truth.items():
            assert file_rows(self.data, dataset, day) == [tuple(row) for row in rows], (dataset, day)
            known = certificates[day]
            assert (known.expected, known.seen, known.published) == (len(rows),) * 3, (dataset, day)
        everything = sorted(tuple(row) for rows in truth.values() for row in rows)
        assert table_rows(self.data, dataset) == everything, dataset

    def _assert_certified(self) -> None:
        """Assert that days before the newest final block's are closed, and that each is linked to the day before."""
        certificates, newest = self.certificates(), day_of(self.chain.finalized.timestamp)
        for day, known in certificates.items():
            assert known.is_closed == (day < newest), day
        for older, newer in pairwise(known for known in certificates.values() if known.last_hash):
            if newer.day - older.day == DAY:
                assert newer.first_parent_hash == older.last_hash, newer.day


def fetched(outcomes: Iterable[Outcome]) -> list[date]:
    """Return the days of which rows were read, in the order in which they were stored."""
    return [one.certificate.day for one in outcomes if isinstance(one, StoredDay) and one.fetched]


@contextmanager
def world(
    chain: EthereumChain, data: Path, knobs: EthereumKnobs | None = None, **options: Any
) -> Iterator[DevnetWorld]:
    """Serve a chain, to be synced into `data`."""
    with serve(None, ethereum=chain, ethereum_knobs=knobs or EthereumKnobs()) as devnet:
        yield DevnetWorld(devnet.ethereum_url, data, options=options, devnet=devnet)
