"""A devnet, settings that read it, and questions to what was landed. Not here: claims (test_*.py), fixtures.

`truth` is what the chain itself says; `file_rows` and `table_rows` are what our store says, in the same words.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pyarrow.parquet as pq

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.days import DAY
from stx_pipelines.devnet.server import Devnet, serve
from stx_pipelines.devnet.stacks.chain import StacksChain
from stx_pipelines.devnet.stacks.knobs import Knobs
from stx_pipelines.devnet.stacks.values import ChainSpec, Transaction
from stx_pipelines.project import Project
from stx_pipelines.settings import Settings, load_settings
from stx_pipelines.store.data_folder import DataFolder
from stx_pipelines.sync.outcome import FailedDay, StoredDay
from stx_pipelines.sync.stacks.sync import StacksSync, open_stacks
from stx_pipelines_tests.waiting import LONGEST

FIRST_DAY = date(2026, 9, 1)
"""Of chains that Dagster never sees: always the same chain, always after Nakamoto."""

ROOT = Path(__file__).parent.parent

COLUMNS = (
    "tx_id, block_time, block_height, sender_address, fee_ustx, tx_type, canonical, tx_status, burn_block_time, "
    "burn_block_height, microblock_sequence"
)
"""Every column of the table but `ingested_at`."""


class Row(NamedTuple):
    """What both routes say of a transaction and the day file keeps; times are unix seconds."""

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
    """An instant of a UTC day."""
    return datetime.combine(day, time(hour, minute), UTC)


def today() -> date:
    """The UTC day it is."""
    return datetime.now(UTC).date()


def make_chain(days: int = 3, hour: int = 12, *, first_day: date = FIRST_DAY, **spec: Any) -> StacksChain:
    """A chain of `days` whole days and one more up to `hour`, with ~400 transactions a day."""
    wanted: dict[str, Any] = {"transactions_per_day": 400, "tip": at(first_day + days * DAY, hour)} | spec
    return StacksChain(ChainSpec(first_day=first_day, **wanted))


def recent_chain(days: int = 3, **spec: Any) -> StacksChain:
    """A chain of the last `days` whole days, up to now: for commands and for Dagster, which go by the clock.

    In the first hours of a day its tip is ahead of the clock, as a burn block may be: today has rows at any hour.
    """
    tip = max(datetime.now(UTC), at(today(), 1, 30))
    wanted: dict[str, Any] = {"transactions_per_day": 400, "tip": tip} | spec
    return StacksChain(ChainSpec(first_day=today() - days * DAY, **wanted))


def row_of(tx: Transaction) -> Row:
    """A transaction of the chain in our words."""
    return Row(
        tx.tx_id,
        tx.block_time,
        tx.block_height,
        tx.sender_address,
        tx.fee_ustx,
        tx.tx_type,
        True,
        tx.tx_status,
        tx.burn_block_time,
        tx.burn_block_height,
        tx.tx_index,
        tx.nonce,
        tx.sponsor_address,
    )


def truth(chain: StacksChain, day: date) -> list[Row]:
    """The day as the chain has it, without the burn block that still grows."""
    growing = chain.tip.burn_height
    rows = [row_of(tx) for tx in chain.transactions(day) if tx.burn_block_height < growing]
    return sorted(rows, key=lambda row: (row.block_height, row.tx_index))


def table_truth(chain: StacksChain, days: Iterable[date]) -> list[tuple[object, ...]]:
    """What the table must hold of these days, in its own words and order."""
    rows = [row for day in days for row in truth(chain, day) if row.tx_status == "success"]
    return sorted(
        (
            row.tx_id,
            _naive(row.block_time),
            row.block_height,
            row.sender_address,
            row.fee_ustx,
            row.tx_type,
            row.canonical,
            row.tx_status,
            _naive(row.burn_block_time),
            row.burn_block_height,
            2_147_483_647,
        )
        for row in rows
    )


def _naive(unix: int) -> datetime:
    return datetime.fromtimestamp(unix, UTC).replace(tzinfo=None)


def file_rows(data: Path, day: date) -> list[Row]:
    """The rows of a day file, in its order."""
    path = data / "days" / "transactions" / f"{day}.parquet"
    columns = pq.read_table(path, columns=list(Row._fields), partitioning=None).to_pylist()
    for row in columns:
        for name in ("block_time", "burn_block_time"):
            row[name] = int(row[name].replace(tzinfo=UTC).timestamp())
    return [Row(**row) for row in columns]


def table_rows(data: Path) -> list[tuple[Any, ...]]:
    """Every row of the table, sorted, without `ingested_at`."""
    return query(data, f"SELECT {COLUMNS} FROM transactions ORDER BY ALL")


def query(data: Path, sql: str) -> list[tuple[Any, ...]]:
    """An answer of the warehouse, which is closed again at once."""
    with duckdb.connect(str(data / "warehouse.duckdb"), read_only=True) as connection:
        return connection.execute(sql).fetchall()


@dataclass
class World:
    """A running devnet and a data folder that follows it."""

    devnet: Devnet
    data: Path
    overrides: dict[str, Any] = field(default_factory=dict)
    now: datetime | None = None
    last_walk: StacksSync | None = None

    @property
    def chain(self) -> StacksChain:
        return self.devnet.chain

    @property
    def knobs(self) -> Knobs:
        return self.devnet.knobs

    @property
    def days(self) -> list[date]:
        """Every day of the chain, today's included, oldest first."""
        first = self.chain.spec.first_day
        last = max(burn.time for burn in self.chain.burn_blocks) // 86_400
        return [first + n * DAY for n in range(last - int(at(first).timestamp()) // 86_400 + 1)]

    @property
    def environment(self) -> dict[str, str]:
        """What a process of its own needs to follow the same devnet into the same folder."""
        given = {"STX_DATA_DIR": str(self.data), "HIRO_API_URL": self.devnet.url, **QUICK}
        return given | {name.upper(): str(value) for name, value in self.overrides.items()}

    def settings(self) -> Settings:
        quick = {name.lower(): value for name, value in QUICK.items()}
        return load_settings(hiro_api_url=self.devnet.url, stx_data_dir=self.data, **(quick | self.overrides))

    def project(self) -> Project:
        """What a new process would make of these settings."""
        return Project(self.settings())

    @property
    def folder(self) -> DataFolder:
        return DataFolder(self.data)

    def walk(self) -> StacksSync:
        """A walk as a new process would make it."""
        self.last_walk = open_stacks(self.project())
        if self.now is not None:
            now = self.now
            self.last_walk.clock = lambda: now
        return self.last_walk

    def sync(self, days: Sequence[date] | None = None, *, force: bool = False) -> list[StoredDay | FailedDay]:
        """Bring days home (all of the chain, if none are named), as a new process would."""
        return list(self.walk().sync(self.days if days is None else days, force=force))

    def landed(self, days: Sequence[date] | None = None, *, force: bool = False) -> dict[date, StoredDay]:
        """The same where no day may fail."""
        results = self.sync(days, force=force)
        assert [f"{result.day}: {result.error}" for result in results if isinstance(result, FailedDay)] == []
        return {result.certificate.day: result for result in results if isinstance(result, StoredDay)}

    def failed(self, days: Sequence[date] | None = None) -> dict[date, str]:
        """The days that fail, with their sentences."""
        return {result.day: str(result.error) for result in self.sync(days) if isinstance(result, FailedDay)}

    def certificates(self) -> dict[date, Certificate]:
        return self.walk().store.files.certificates()

    def requests(self) -> int:
        """Requests since this was asked last."""
        count = self.devnet.stats.requests
        self.devnet.stats.reset()
        return count

    def assert_true(self, days: Sequence[date] | None = None) -> None:
        """Files and table equal the chain, row for row, and hold nothing else."""
        days = self.days if days is None else days
        for day in days:
            assert file_rows(self.data, day) == truth(self.chain, day), day
        assert table_rows(self.data) == table_truth(self.chain, days)


QUICK = {
    "HIRO_REQUESTS_PER_MINUTE": "0",
    "HIRO_FIRST_WAIT_SECONDS": "0.01",
    "HIRO_LAST_WAIT_SECONDS": "0.05",
    "STX_LOCK_WAIT_SECONDS": str(LONGEST),
    "HIRO_TIMEOUT_SECONDS": str(LONGEST),
}
"""Settings of a client that need not be polite."""


@contextmanager
def world(chain: StacksChain, data: Path, knobs: Knobs | None = None, **overrides: Any) -> Iterator[World]:
    """Serve a chain and follow it into `data`."""
    with serve(chain, knobs or Knobs()) as devnet:
        yield World(devnet, data, overrides)


def alike(certificates: Mapping[date, Certificate]) -> dict[date, tuple[object, ...]]:
    """What two certificates of the same day must agree on, whoever made them."""
    return {
        day: (known.expected, known.seen, known.first_height, known.last_height, known.state)
        for day, known in certificates.items()
    }


def command(
    arguments: Sequence[str], environment: Mapping[str, str], *, module: str = "stx_pipelines.cli"
) -> subprocess.CompletedProcess[str]:
    """Run one of our commands (or Dagster's) in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env=child_environment(environment),
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )


def child_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Ours, with the package importable from any folder."""
    return os.environ | {"PYTHONPATH": str(ROOT)} | environment


def soon(day: date, minutes: int) -> datetime:
    """Some minutes after midnight."""
    return at(day) + timedelta(minutes=minutes)
