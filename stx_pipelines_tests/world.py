"""The world of a test, which is a served chain and a data folder that is synced from it.

`BaseWorld` is for any chain and `World` for Stacks. The world of Ethereum is in `sync/ethereum/world.py`. `truth`
returns the chain's own data. `file_rows` and `table_rows` return the stored data in the same form, and do not use the
package's code to read it.
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
"""The first day of chains that do not depend on the clock."""

ROOT = Path(__file__).parent.parent

COLUMNS = (
    "tx_id, block_time, block_height, sender_address, fee_ustx, tx_type, canonical, tx_status, burn_block_time, "
    "burn_block_height, microblock_sequence"
)
"""All columns of the table except `ingested_at`."""

TIMES = ("block_time", "burn_block_time")


class Row(NamedTuple):
    """The values of a transaction that v1 and v3 give and that the day file stores. Times are unix seconds."""

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
    """Return the current UTC day."""
    return datetime.now(UTC).date()


def make_chain(days: int = 3, hour: int = 12, *, first_day: date = FIRST_DAY, **spec: Any) -> StacksChain:
    """Return a chain of `days` whole days and one more day up to `hour`, with about 400 transactions a day."""
    wanted: dict[str, Any] = {"transactions_per_day": 400, "tip": at(first_day + days * DAY, hour)} | spec
    return StacksChain(ChainSpec(first_day=first_day, **wanted))


def recent_chain(days: int = 3, **spec: Any) -> StacksChain:
    """Return a chain of the last `days` whole days and of today until now. Tests with the real clock need it.

    In the first hours of a day, the chain's tip is ahead of the clock, so that today always has rows. A real burn block
    may be ahead of the clock too.
    """
    tip = max(datetime.now(UTC), at(today(), 1, 30))
    wanted: dict[str, Any] = {"transactions_per_day": 400, "tip": tip} | spec
    return StacksChain(ChainSpec(first_day=today() - days * DAY, **wanted))


def row_of(tx: Transaction) -> Row:
    """Return a transaction of the chain as a `Row`."""
    return Row(*(True if name == "canonical" else getattr(tx, name) for name in Row._fields))


def truth(chain: StacksChain, day: date) -> list[Row]:
    """Return the chain's rows of a day, without those of the newest burn block, which is not finished."""
    growing = chain.tip.burn_height
    rows = [row_of(tx) for tx in chain.transactions(day) if tx.burn_block_height < growing]
    return sorted(rows, key=lambda row: (row.block_height, row.tx_index, row.tx_id))


def table_truth(chain: StacksChain, days: Iterable[date]) -> list[tuple[object, ...]]:
    """Return the rows of these days that the table must have, in the form of `table_rows`."""
    rows = [row._asdict() for day in days for row in truth(chain, day) if row.tx_status == "success"]
    for row in rows:
        row |= {name: datetime.fromtimestamp(row[name], UTC).replace(tzinfo=None) for name in TIMES}
        row["microblock_sequence"] = 2_147_483_647
    return sorted(tuple(row[name] for name in COLUMNS.split(", ")) for row in rows)


def file_rows(data: Path, day: date) -> list[Row]:
    """Return the rows of a day file, in the order of the file."""
    return [Row(*row) for row in plain_rows(data, TRANSACTIONS, day, Row._fields)]


def plain_rows(data: Path, dataset: str, day: date, columns: Sequence[str] | None = None) -> list[tuple[Any, ...]]:
    """Return the rows of a day file, in the order of the file, in the form of `plain`."""
    table = pq.read_table(data / "days" / dataset / f"{day}.parquet", partitioning=None)
    return [plain(row.values()) for row in table.select(columns or table.column_names).to_pylist()]


def plain(row: Iterable[Any]) -> tuple[Any, ...]:
    """Return a row with its times as unix seconds and its amounts as integers."""
    return tuple(_plain(value) for value in row)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return int(value.replace(tzinfo=UTC).timestamp())
    return value if value is None or isinstance(value, str | int) else int(value)


def table_rows(data: Path) -> list[tuple[Any, ...]]:
    """Return all rows of the table, sorted, without `ingested_at`."""
    return query(data, f"SELECT {COLUMNS} FROM transactions ORDER BY ALL")


def query(data: Path, sql: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query, and close the database."""
    with duckdb.connect(str(data / "warehouse.duckdb"), read_only=True) as connection:
        return connection.execute(sql).fetchall()


@dataclass
class BaseWorld(ABC):
    """A server at `url`, and the data folder `data` that is synced from it. `now` replaces the clock of syncs.

    Projects, stores and syncs are opened again for each use, as a new process would open them.
    """

    url: str
    data: Path
    now: datetime | None = None

    @property
    @abstractmethod
    def given(self) -> dict[str, Any]:
        """The settings for a sync from this server into this folder, by name."""

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
    """A devnet that serves a Stacks chain, and a data folder. `overrides` are further settings by name."""

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
        """All days of the chain including its last, oldest first."""
        return days_between(self.chain.spec.first_day, day_of(max(burn.time for burn in self.chain.burn_blocks)))

    @property
    def given(self) -> dict[str, Any]:
        quick = {name.lower(): value for name, value in QUICK.items()}
        return {"stx_data_dir": self.data, "hiro_api_url": self.url} | quick | self.overrides

    def open_sync(self) -> StacksSync:
        """Return a new sync of this world."""
        self.last_sync = self.with_clock(open_stacks(self.project()))
        return self.last_sync

    def sync(self, days: Sequence[date] | None = None, *, force: bool = False) -> list[Outcome]:
        """Sync days, by default all days of the chain, and return the outcomes."""
        return list(self.open_sync().sync(self.days if days is None else days, force=force))

    def stored(self, days: Sequence[date] | None = None, *, force: bool = False) -> dict[date, StoredDay]:
        """Sync days and return the stored days. Fail the test if a day fails."""
        return stored(self.sync(days, force=force))

    def failed(self, days: Sequence[date] | None = None) -> dict[date, str]:
        """Sync days and return the error sentences of the failed days."""
        return failed(self.sync(days))

    def certificates(self) -> dict[date, Certificate]:
        return self.store(TRANSACTIONS).files.certificates()

    def requests(self) -> int:
        """Return the number of requests since the last call of this method."""
        requests = self.devnet.stats.requests
        self.devnet.stats.reset()
        return requests

    def assert_true(self, days: Sequence[date] | None = None) -> None:
        """Assert that the day files and the table contain exactly the rows of the chain."""
        days = self.days if days is None else days
        for day in days:
            assert file_rows(self.data, day) == truth(self.chain, day), day
        assert table_rows(self.data) == table_truth(self.chain, days)


def open_store(data: Path, dataset: str) -> DatasetStore[Any]:
    """Return the store of a dataset, opened as a new process would open it."""
    return Project(load_settings(stx_data_dir=data, stx_lock_wait_seconds=LONGEST)).store(dataset)


def stored(outcomes: Iterable[Outcome]) -> dict[date, StoredDay]:
    """Return the stored days among these outcomes. Fail the test if a day failed."""
    all_of_them = list(outcomes)
    assert failed(all_of_them) == {}, failed(all_of_them)
    return {one.certificate.day: one for one in all_of_them if isinstance(one, StoredDay)}


def failed(outcomes: Iterable[Outcome]) -> dict[date, str]:
    """Return the error sentences of the failed days among these outcomes."""
    return {one.day: str(one.error) for one in outcomes if isinstance(one, FailedDay)}


QUICK = {
    "HIRO_REQUESTS_PER_MINUTE": "0",
    "HIRO_FIRST_WAIT_SECONDS": "0.01",
    "HIRO_LAST_WAIT_SECONDS": "0.05",
    "STX_LOCK_WAIT_SECONDS": str(LONGEST),
    "HIRO_TIMEOUT_SECONDS": str(LONGEST),
    "STX_PROOF": "counts",
}
"""Settings of a client that sends requests without a budget and retries at once.

Days are proved by counts, because tests count requests. Tests of proofs by hashes set STX_PROOF.
"""


@contextmanager
def world(chain: StacksChain, data: Path, knobs: Knobs | None = None, **overrides: Any) -> Iterator[World]:
    """Serve a chain and yield its world, until the `with` block ends."""
    with serve(chain, knobs or Knobs()) as devnet:
        yield World(devnet.url, data, overrides=overrides, devnet=devnet)


def worlds(
    tmp_path: Path, open_world: Callable[..., AbstractContextManager[AnyWorld]]
) -> Iterator[Callable[..., AnyWorld]]:
    """Yield a function that makes worlds. Each world has a separate data folder unless `data` is given."""
    with ExitStack() as opened:
        numbers = count(1)

        def make(chain: Any, knobs: Any = None, **options: Any) -> AnyWorld:
            data = options.pop("data", None) or tmp_path / f"data-{next(numbers)}"
            return opened.enter_context(open_world(chain, data, knobs, **options))

        yield make


def alike(certificates: Mapping[date, Certificate]) -> dict[date, tuple[object, ...]]:
    """Return the parts of each day's certificate that must be equal in two syncs of the same chain."""
    return {
        day: (known.expected, known.seen, known.first_height, known.last_height, known.state)
        for day, known in certificates.items()
    }


def command(
    arguments: Sequence[str], environment: Mapping[str, str], *, module: str = "stx_pipelines.cli"
) -> subprocess.CompletedProcess[str]:
    """Run a command of ours in a separate process, or one of Dagster's if `module` names it."""
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env=child_environment(environment),
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )


def child_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment with these variables added, and with the package importable from any folder."""
    return os.environ | {"PYTHONPATH": str(ROOT)} | environment


def soon(day: date, minutes: int) -> datetime:
    """Return an instant some minutes after midnight."""
    return at(day) + timedelta(minutes=minutes)
