"""The world of a test: a served chain, and a data folder that is synced from it.

`BaseWorld` is for any chain, `World` for Stacks; Ethereum's is in `sync/ethereum/world.py`. `truth` is the chain's own
data; `file_rows` and `table_rows` read the stored data in the same form, without the package's readers.
"""

from __future__ import annotations

import os
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import duckdb
import pyarrow.parquet as pq

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.datasets import TRANSACTIONS
from stx_pipelines.chains.days import DAY, day_of, days_between
from stx_pipelines.devnet.server import Devnet, serve
from stx_pipelines.devnet.stacks.chain import StacksChain
from stx_pipelines.devnet.stacks.knobs import Knobs
from stx_pipelines.devnet.stacks.values import ChainSpec, Transaction
from stx_pipelines.project import Project
from stx_pipelines.settings import Settings, load_settings
from stx_pipelines.store.data_folder import DataFolder
from stx_pipelines.store.dataset_store import DatasetStore
from stx_pipelines.sync.daily import DaySync
from stx_pipelines.sync.outcome import FailedDay, Outcome, StoredDay
from stx_pipelines.sync.stacks.sync import StacksSync, open_stacks
from stx_pipelines_tests.waiting import LONGEST

AnySync = TypeVar("AnySync", bound=DaySync[Any, Any])
AnyWorld = TypeVar("AnyWorld", bound="BaseWorld")

FIRST_DAY = date(2026, 9, 1)
"""The first day of chains that are always the same, whatever the clock says."""

ROOT = Path(__file__).parent.parent

COLUMNS = (
    "tx_id, block_time, block_height, sender_address, fee_ustx, tx_type, canonical, tx_status, burn_block_time, "
    "burn_block_height, microblock_sequence"
)
"""Every column of the table except `ingested_at`."""

TIMES = ("block_time", "burn_block_time")


class Row(NamedTuple):
    """The values of a transaction that both routes give and the day file stores; times are unix seconds."""

    tx_id: str
    block_time: int
    block_height: int
    sender_address: str
    fee_ustx: int
    tx_type: str
    canonical: bool
    tx_status: str
    burn_block_time: int
    burn_block_height: int
    tx_index: int
    nonce: int
    sponsor_address: str | None


def at(day: date, hour: int = 0, minute: int = 0) -> datetime:
    """Return an instant of a UTC day."""
    return datetime.combine(day, time(hour, minute), UTC)


def today() -> date:
    """Return the present UTC day."""
    return datetime.now(UTC).date()


def make_chain(days: int = 3, hour: int = 12, *, first_day: date = FIRST_DAY, **spec: Any) -> StacksChain:
    """Return a chain of `days` whole days and a day up to `hour`, with about 400 transactions a day."""
    wanted: dict[str, Any] = {"transactions_per_day": 400, "tip": at(first_day + days * DAY, hour)} | spec
    return StacksChain(ChainSpec(first_day=first_day, **wanted))


def recent_chain(days: int = 3, **spec: Any) -> StacksChain:
    """Return a chain of the last `days` whole days, up to now, for commands and Dagster, which use the real clock.

    In the first hours of a day its tip is ahead of the clock, as a burn block may be, so that today always has rows.
    """
    tip = max(datetime.now(UTC), at(today(), 1, 30))
    wanted: dict[str, Any] = {"transactions_per_day": 400, "tip": tip} | spec
    return StacksChain(ChainSpec(first_day=today() - days * DAY, **wanted))


def row_of(tx: Transaction) -> Row:
    """Return a transaction of the chain as a `Row`."""
    return Row(*(True if name == "canonical" else getattr(tx, name) for name in Row._fields))


def truth(chain: StacksChain, day: date) -> list[Row]:
    """Return the chain's rows of a day, without the burn block that still grows."""
    growing = chain.tip.burn_height
    rows = [row_of(tx) for tx in chain.transactions(day) if tx.burn_block_height < growing]
    return sorted(rows, key=lambda row: (row.block_height, row.tx_index))


def table_truth(chain: StacksChain, days: Iterable[date]) -> list[tuple[object, ...]]:
    """Return the rows that the table must have of these days, in the form of `table_rows`."""
    rows = [row._asdict() for day in days for row in truth(chain, day) if row.tx_status == "success"]
    for row in rows:
        row |= {name: datetime.fromtimestamp(row[name], UTC).replace(tzinfo=None) for name in TIMES}
        row["microblock_sequence"] = 2_147_483_647
    return sorted(tuple(row[name] for name in COLUMNS.split(", ")) for row in rows)


def file_rows(data: Path, day: date) -> list[Row]:
    """Return the rows of a day file, in its order."""
    return [Row(*row) for row in plain_rows(data, TRANSACTIONS, day, Row._fields)]


def plain_rows(data: Path, dataset: str, day: date, columns: Sequence[str] | None = None) -> list[tuple[Any, ...]]:
    """Return the rows of a day file, in its order; times in unix seconds, amounts as integers."""
    table = pq.read_table(data / "days" / dataset / f"{day}.parquet", partitioning=None)
    return [plain(row.values()) for row in table.select(columns or table.column_names).to_pylist()]


def plain(row: Iterable[Any]) -> tuple[Any, ...]:
    """Return a row with times in unix seconds and amounts as integers."""
    return tuple(_plain(value) for value in row)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return int(value.replace(tzinfo=UTC).timestamp())
    return value if value is None or isinstance(value, str | int) else int(value)


def table_rows(data: Path) -> list[tuple[Any, ...]]:
    """Return every row of the table, sorted, without `ingested_at`."""
    return query(data, f"SELECT {COLUMNS} FROM transactions ORDER BY ALL")


def query(data: Path, sql: str) -> list[tuple[Any, ...]]:
    """Return the result of a query. The database is closed afterwards."""
    with duckdb.connect(str(data / "warehouse.duckdb"), read_only=True) as connection:
        return connection.execute(sql).fetchall()


@dataclass
class BaseWorld(ABC):
    """A server at `url`, and the data folder `data` that is synced from it. `now` replaces the clock of syncs.

    Every project, store and sync is opened as a new process would open it.
    """

    url: str
    data: Path
    now: datetime | None = None

    @property
    @abstractmethod
    def given(self) -> dict[str, Any]:
        """The settings with which this server is synced into this folder, by name."""

    @property
    def environment(self) -> dict[str, str]:
        """The same settings as environment variables, for a separate process."""
        return {name.upper(): str(value) for name, value in self.given.items()}

    def settings(self) -> Settings:
        return load_settings(**self.given)

    def project(self) -> Project:
        return Project(self.settings())

    @property
    def folder(self) -> DataFolder:
        return DataFolder(self.data)

    def store(self, dataset: str) -> DatasetStore[Any]:
        return open_store(self.data, dataset)

    def with_clock(self, sync: AnySync) -> AnySync:
        if (now := self.now) is not None:
            sync.clock = lambda: now
        return sync


@dataclass
class World(BaseWorld):
    """A devnet that serves a Stacks chain, and a data folder. `overrides` are settings by name."""

    overrides: dict[str, Any] = field(default_factory=dict)
    last_sync: StacksSync | None = None
    devnet: Devnet = field(kw_only=True)

    @property
    def chain(self) -> StacksChain:
        return self.devnet.chain

    @property
    def knobs(self) -> Knobs:
        return self.devnet.knobs

    @property
    def days(self) -> list[date]:
        """Every day of the chain, today's included, oldest first."""
        return days_between(self.chain.spec.first_day, day_of(max(burn.time for burn in self.chain.burn_blocks)))

    @property
    def given(self) -> dict[str, Any]:
        quick = {name.lower(): value for name, value in QUICK.items()}
        return {"stx_data_dir": self.data, "hiro_api_url": self.url} | quick | self.overrides

    def open_sync(self) -> StacksSync:
        """Open a sync."""
        self.last_sync = self.with_clock(open_stacks(self.project()))
        return self.last_sync

    def sync(self, days: Sequence[date] | None = None, *, force: bool = False) -> list[Outcome]:
        """Sync days: all days of the chain by default."""
        return list(self.open_sync().sync(self.days if days is None else days, force=force))

    def stored(self, days: Sequence[date] | None = None, *, force: bool = False) -> dict[date, StoredDay]:
        """Sync days and return the stored ones. No day may fail."""
        return stored(self.sync(days, force=force))

    def failed(self, days: Sequence[date] | None = None) -> dict[date, str]:
        """Sync days and return the sentences of the failed ones."""
        return failed(self.sync(days))

    def certificates(self) -> dict[date, Certificate]:
        return self.store(TRANSACTIONS).files.certificates()

    def requests(self) -> int:
        """Return the number of requests since the last call of this method."""
        requests = self.devnet.stats.requests
        self.devnet.stats.reset()
        return requests

    def assert_true(self, days: Sequence[date] | None = None) -> None:
        """Assert that files and table equal the chain, row for row, and contain nothing else."""
        days = self.days if days is None else days
        for day in days:
            assert file_rows(self.data, day) == truth(self.chain, day), day
        assert table_rows(self.data) == table_truth(self.chain, days)


def open_store(data: Path, dataset: str) -> DatasetStore[Any]:
    """Open the store of a dataset as a new process would."""
    return Project(load_settings(stx_data_dir=data, stx_lock_wait_seconds=LONGEST)).store(dataset)


def stored(outcomes: Iterable[Outcome]) -> dict[date, StoredDay]:
    """Return the stored days. No day may have failed."""
    all_of_them = list(outcomes)
    assert failed(all_of_them) == {}
    return {one.certificate.day: one for one in all_of_them if isinstance(one, StoredDay)}


def failed(outcomes: Iterable[Outcome]) -> dict[date, str]:
    """Return the sentences of the failed days."""
    return {one.day: str(one.error) for one in outcomes if isinstance(one, FailedDay)}


QUICK = {
    "HIRO_REQUESTS_PER_MINUTE": "0",
    "HIRO_FIRST_WAIT_SECONDS": "0.01",
    "HIRO_LAST_WAIT_SECONDS": "0.05",
    "STX_LOCK_WAIT_SECONDS": str(LONGEST),
    "HIRO_TIMEOUT_SECONDS": str(LONGEST),
}
"""Settings of a client that sends requests without a budget and retries at once."""


@contextmanager
def world(chain: StacksChain, data: Path, knobs: Knobs | None = None, **overrides: Any) -> Iterator[World]:
    """Serve a chain, to be synced into `data`."""
    with serve(chain, knobs or Knobs()) as devnet:
        yield World(devnet.url, data, overrides=overrides, devnet=devnet)


def worlds(
    tmp_path: Path, open_world: Callable[..., AbstractContextManager[AnyWorld]]
) -> Iterator[Callable[..., AnyWorld]]:
    """Give a function that makes worlds, for a fixture. Each has a separate data folder unless `data` is given."""
    with ExitStack() as opened:
        numbers = count(1)

        def make(chain: Any, knobs: Any = None, **options: Any) -> AnyWorld:
            data = options.pop("data", None) or tmp_path / f"data-{next(numbers)}"
            return opened.enter_context(open_world(chain, data, knobs, **options))

        yield make


def alike(certificates: Mapping[date, Certificate]) -> dict[date, tuple[object, ...]]:
    """Return the parts of certificates that must be equal for the same days of the same chain."""
    return {
        day: (known.expected, known.seen, known.first_height, known.last_height, known.state)
        for day, known in certificates.items()
    }


def command(
    arguments: Sequence[str], environment: Mapping[str, str], *, module: str = "stx_pipelines.cli"
) -> subprocess.CompletedProcess[str]:
    """Run one of our commands (or Dagster's) in a separate process."""
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env=child_environment(environment),
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )


def child_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return our environment with these variables, and with the package importable from any folder."""
    return os.environ | {"PYTHONPATH": str(ROOT)} | environment


def soon(day: date, minutes: int) -> datetime:
    """Return an instant some minutes after midnight."""
    return at(day) + timedelta(minutes=minutes)
