"""A devnet's Ethereum chain, walks that follow it, and questions to what was landed. Not here: claims, fixtures.

`blocks_truth` and `balances_truth` are what the chain itself says, up to its newest final block; the rows of files
and tables are read without our own readers, so that a fault of theirs cannot hide.
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

import pyarrow.parquet as pq

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.days import DAY, day_of
from stx_pipelines.chains.ethereum import BalanceChange, Block
from stx_pipelines.clients.ethereum_rpc import PASSING, EthereumRpc
from stx_pipelines.clients.http import Http, Patience
from stx_pipelines.clients.rate_limit import Budget
from stx_pipelines.devnet.ethereum.chain import EthereumChain
from stx_pipelines.devnet.ethereum.knobs import EthereumKnobs
from stx_pipelines.devnet.ethereum.values import EthereumSpec
from stx_pipelines.devnet.server import Devnet, serve
from stx_pipelines.project import Project
from stx_pipelines.settings import Settings, load_settings
from stx_pipelines.store.data_folder import DataFolder
from stx_pipelines.store.dataset_store import DatasetStore, open_store
from stx_pipelines.store.warehouse import Warehouse
from stx_pipelines.sync.ethereum.balances import BALANCES, BalancesSync
from stx_pipelines.sync.ethereum.blocks import BLOCKS, BlocksSync
from stx_pipelines.sync.outcome import FailedDay, Outcome, StoredDay
from stx_pipelines_tests.waiting import LONGEST
from stx_pipelines_tests.world import FIRST_DAY, at, query, today

Walk = BlocksSync | BalancesSync


def make_chain(days: int = 2, hour: int = 12, minute: int = 0, **spec: Any) -> EthereumChain:
    """A chain of `days` whole days and one more up to that time: 144 blocks a day, ten of them not final yet."""
    wanted: dict[str, Any] = {
        "first_day": FIRST_DAY,
        "tip": at(FIRST_DAY + days * DAY, hour, minute),
        "slot_seconds": 600,
        "finality_blocks": 10,
        "safe_blocks": 5,
    }
    return EthereumChain(EthereumSpec(**wanted | spec))


def recent_chain(days: int = 2, **spec: Any) -> EthereumChain:
    """The last `days` whole days, up to now: for commands and for Dagster, which go by the clock.

    Its newest final block is ten slots, 100 minutes, old.
    """
    tip = max(datetime.now(UTC), at(today(), 0, 20))
    return make_chain(first_day=today() - days * DAY, tip=tip, **spec)


def make_sparse_chain() -> EthereumChain:
    """Six days and a bit with as many blocks, of which days 2, 3 and 5 have none."""
    return make_chain(6, slot_seconds=40_000, missed_share=0.5, finality_blocks=1, seed=24)


def final_blocks(chain: EthereumChain, day: date) -> list[Block]:
    """The day as the chain has it, up to the newest final block."""
    newest = chain.finalized.number
    return [Block(*block) for block in chain.blocks_of(day) if block.number <= newest]


def balances_truth(chain: EthereumChain, day: date) -> list[BalanceChange]:
    """What each final block of the day did to its miner's balance; nothing for block 0."""
    return [_change(chain, block) for block in final_blocks(chain, day) if block.number > 0]


def _change(chain: EthereumChain, block: Block) -> BalanceChange:
    before, after = (chain.balance(block.miner, number) for number in (block.number - 1, block.number))
    return BalanceChange(
        block.number, block.timestamp, block.miner, before, after, after - before, block.hash, block.withdrawals_gwei
    )


def file_rows(data: Path, dataset: str, day: date) -> list[tuple[Any, ...]]:
    """The rows of a day file, in its order and its columns' order; times in unix seconds, amounts as integers."""
    table = pq.read_table(data / "days" / dataset / f"{day}.parquet", partitioning=None)
    return [_plain(row.values()) for row in table.to_pylist()]


def table_rows(data: Path, dataset: str) -> list[tuple[Any, ...]]:
    """Every row of the table by number, without `ingested_at`, in the same words."""
    return [_plain(row) for row in query(data, f"SELECT * EXCLUDE (ingested_at) FROM {dataset} ORDER BY ALL")]


def _plain(row: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(_value(value) for value in row)


def _value(value: Any) -> Any:
    if isinstance(value, datetime):
        return int(value.replace(tzinfo=UTC).timestamp())
    return value if value is None or isinstance(value, str | int) else int(value)


def open_landing(data: Path, dataset: str) -> DatasetStore[Any]:
    """The landing of a dataset as a new process would make it."""
    folder = DataFolder(data)
    return open_store(folder, Warehouse(folder, patience=LONGEST), dataset)


def open_node(url: str, *, calls_per_second: int = 0, attempts: int = 5, **options: Any) -> EthereumRpc:
    """A client that need not be polite."""
    patience = Patience(attempts, first_wait=0.01, last_wait=0.03, timeout=LONGEST, statuses=PASSING)
    http = Http(url, Budget(url, calls_per_second=calls_per_second), patience, stop=threading.Event(), name="the node")
    return EthereumRpc(http, **options)


class Synced(NamedTuple):
    """What became of the days of both datasets, in the order it was told."""

    blocks: list[Outcome]
    balances: list[Outcome]


@dataclass
class World:
    """A node and a data folder that follows it; every walk is one of a new process."""

    url: str
    data: Path
    options: dict[str, Any] = field(default_factory=dict)
    now: datetime | None = None
    last_node: EthereumRpc | None = None

    def node(self) -> EthereumRpc:
        self.last_node = open_node(self.url, **self.options)
        return self.last_node

    def blocks_walk(self) -> BlocksSync:
        return self._at_its_time(BlocksSync(self.node(), open_landing(self.data, BLOCKS), DataFolder(self.data)))

    def balances_walk(self) -> BalancesSync:
        """It shares its node with the walk of blocks, as it does in a run."""
        blocks = self.blocks_walk()
        return self._at_its_time(BalancesSync(blocks.client, open_landing(self.data, BALANCES), blocks))

    def _at_its_time(self, walk: Any) -> Any:
        if (now := self.now) is not None:
            walk.clock = lambda: now
        return walk

    def certificates(self, dataset: str = BLOCKS) -> dict[date, Certificate]:
        return open_landing(self.data, dataset).files.certificates()


@dataclass
class DevnetWorld(World):
    """A world around a devnet, whose chain and faults the test turns."""

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
        first, newest = self.chain.spec.first_day, day_of(self.chain.latest.timestamp)
        return [first + n * DAY for n in range((newest - first).days + 1)]

    @property
    def environment(self) -> dict[str, str]:
        """What a process of its own needs to follow the same node into the same folder; nobody answers for Hiro."""
        given = {"rpc_url": self.url, "target_days": len(self.days) - 1, "tip_age_minutes": 180} | self.options
        of_ethereum = {f"ETH_{name.upper()}": str(value) for name, value in given.items()}
        return {"STX_DATA_DIR": str(self.data), "HIRO_API_URL": "http://127.0.0.1:9"} | of_ethereum

    def settings(self) -> Settings:
        return load_settings(eth_rpc_url=self.url, stx_data_dir=self.data)

    def project(self) -> Project:
        """What a new process would make of these settings."""
        return Project(self.settings())

    @property
    def folder(self) -> DataFolder:
        return DataFolder(self.data)

    def calls(self) -> int:
        """Calls since this was asked last."""
        count = self.devnet.ethereum_stats.calls
        self.devnet.ethereum_stats.reset()
        return count

    def blocks(self, days: Sequence[date] | None = None, *, force: bool = False) -> list[Outcome]:
        """Bring blocks home (of all days, if none are named)."""
        return list(self.blocks_walk().sync(self.days if days is None else days, force=force))

    def balances(self, days: Sequence[date] | None = None, *, force: bool = False) -> list[Outcome]:
        """Bring balances home."""
        return list(self.balances_walk().sync(self.days if days is None else days, force=force))

    def sync(self, days: Sequence[date] | None = None) -> Synced:
        """Blocks, then balances."""
        return Synced(self.blocks(days), self.balances(days))

    def assert_true(self, days: Sequence[date] | None = None) -> None:
        """Both datasets' files and tables equal the chain, row for row, and hold nothing else; certificates link."""
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
        landed = self.certificates(dataset)
        assert set(landed) == set(truth), dataset
        for day, rows in truth.items():
            assert file_rows(self.data, dataset, day) == [tuple(row) for row in rows], (dataset, day)
            assert (landed[day].expected, landed[day].seen, landed[day].published) == (len(rows),) * 3, (dataset, day)
        everything = sorted(tuple(row) for rows in truth.values() for row in rows)
        assert table_rows(self.data, dataset) == everything, dataset

    def _assert_certified(self) -> None:
        """Closed where the newest final block is of a later day, and every day linked to the one before."""
        landed, newest = self.certificates(), day_of(self.chain.finalized.timestamp)
        for day, known in landed.items():
            assert known.is_closed == (day < newest), day
        for older, newer in pairwise(known for known in landed.values() if known.last_hash):
            if newer.day - older.day == DAY:
                assert newer.first_parent_hash == older.last_hash, newer.day


def landed(outcomes: Iterable[Outcome]) -> dict[date, StoredDay]:
    """By day, where none may have failed."""
    told = list(outcomes)
    assert failed(told) == {}
    return {one.certificate.day: one for one in told if isinstance(one, StoredDay)}


def failed(outcomes: Iterable[Outcome]) -> dict[date, str]:
    """The days that failed, with their sentences."""
    return {one.day: str(one.error) for one in outcomes if isinstance(one, FailedDay)}


def fetched(outcomes: Iterable[Outcome]) -> list[date]:
    """The days of which something was read, in the order they landed."""
    return [one.certificate.day for one in outcomes if isinstance(one, StoredDay) and one.fetched]


@contextmanager
def world(
    chain: EthereumChain, data: Path, knobs: EthereumKnobs | None = None, **options: Any
) -> Iterator[DevnetWorld]:
    """Serve a chain and follow it into `data`."""
    with serve(None, ethereum=chain, ethereum_knobs=knobs or EthereumKnobs()) as devnet:
        yield DevnetWorld(devnet.ethereum_url, data, options, devnet=devnet)
