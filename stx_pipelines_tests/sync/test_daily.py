"""`DaySync`, tested with a subclass that fetches one block a day."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.datasets import BLOCKS
from stx_pipelines.chains.days import DAY, window
from stx_pipelines.chains.errors import ProofError
from stx_pipelines.chains.ethereum import Block
from stx_pipelines.clients.errors import (
    ApiError,
    Behind,
    Changed,
    Denied,
    Interrupted,
    Moving,
    RateLimited,
    Unreachable,
)
from stx_pipelines.clients.http import Http
from stx_pipelines.clients.rate_limit import Budget
from stx_pipelines.project import Project
from stx_pipelines.settings import load_settings
from stx_pipelines.sync.daily import DaySync
from stx_pipelines.sync.outcome import FailedDay, Outcome, ProvedDay, StoredDay
from stx_pipelines_tests.world import FIRST_DAY

DAYS = [FIRST_DAY + n * DAY for n in range(3)]
NOW = datetime(2026, 9, 30, tzinfo=UTC)
NOWHERE = "http://127.0.0.1:9"


@dataclass
class Client:
    """A client that counts probes; they raise `down`."""

    http: Http = field(default_factory=lambda: Http(NOWHERE, Budget(NOWHERE)))
    down: ApiError | None = None
    probes: int = 0

    def probe(self) -> None:
        self.probes += 1
        if self.down:
            raise self.down


def block_of(day: date) -> Block:
    name = f"0x{day.toordinal():064x}"
    return Block(day.toordinal(), name, name, "0x" + "0" * 40, window(day)[0], 0, 1, None, 0, 1, "0x")


def proved(day: date) -> ProvedDay[Block]:
    block = block_of(day)
    time = datetime.fromtimestamp(block.timestamp, UTC)
    certificate = Certificate(
        dataset=BLOCKS,
        day=day,
        state="closed",
        proof="none",
        expected=1,
        seen=1,
        published=1,
        left_out={},
        first_height=block.number,
        last_height=block.number,
        last_hash=block.hash,
        first_block_time=time,
        last_block_time=time,
        proved_to=block.number,
        proved_at=NOW,
        requests=1,
        route="none",
    )
    return ProvedDay([block], certificate)


@dataclass
class OneFetch(DaySync[Client, Block]):
    """One block a day; a day in `errors` fails."""

    errors: dict[date, Exception] = field(default_factory=dict)
    read: list[date] = field(default_factory=list)

    def _fetch(self, days: Sequence[date], *, force: bool) -> Iterator[Outcome]:
        return self._store_each(days, self._prove)

    def _prove(self, day: date) -> ProvedDay[Block]:
        self.read.append(day)
        if day in self.errors:
            raise self.errors[day]
        return proved(day)


@pytest.fixture
def open_sync(tmp_path: Path) -> Callable[..., OneFetch]:
    """Give a function that opens a sync of the same data folder, as a new process would."""

    def open_one(**errors: Exception) -> OneFetch:
        store = Project(load_settings(stx_data_dir=tmp_path / "data")).store(BLOCKS)
        return OneFetch(Client(), store, errors={DAYS[int(n[-1])]: error for n, error in errors.items()})

    return open_one


def stored(outcomes: Sequence[Outcome]) -> dict[date, bool]:
    """Return by day whether it was fetched."""
    return {one.certificate.day: one.fetched for one in outcomes if isinstance(one, StoredDay)}


def test_days_are_stored_newest_first_and_loaded_and_then_need_no_request(open_sync: Callable[..., OneFetch]) -> None:
    sync = open_sync()
    assert list(stored(list(sync.sync(DAYS))).items()) == [(day, True) for day in DAYS[::-1]]
    assert sync.store.pending() == []
    again = open_sync()
    assert stored(list(again.sync(day for day in DAYS))) == dict.fromkeys(DAYS, False)
    assert again.read == []
    assert stored(list(again.sync(DAYS[:1], force=True))) == {DAYS[0]: True}


def test_a_failed_day_is_counted_and_stops_no_other(open_sync: Callable[..., OneFetch]) -> None:
    sync = open_sync(day_1=ProofError("the counts differ"))
    outcomes = list(sync.sync(DAYS))
    assert stored(outcomes) == {DAYS[0]: True, DAYS[2]: True}
    assert [(one.day, str(one.error)) for one in outcomes if isinstance(one, FailedDay)] == [
        (DAYS[1], "the counts differ")
    ]
    assert {day: tried.count for day, tried in sync.store.attempts.all().items()} == {DAYS[1]: 1}
    list(open_sync().sync(DAYS))
    assert sync.store.attempts.all() == {}


def test_a_day_that_could_not_be_read_counts_only_if_the_server_responds(open_sync: Callable[..., OneFetch]) -> None:
    sync = open_sync(day_1=Unreachable("no response"), day_0=Behind("not yet"))
    assert stored(list(sync.sync(DAYS))) == {DAYS[2]: True}
    assert sync.client.probes == 1
    [(day, tried)] = sync.store.attempts.all().items()
    assert (day, tried.count, tried.unread) == (DAYS[1], 0, 1)
    sync = open_sync(day_0=Unreachable("no response"))
    sync.client.down = Unreachable("no server")
    with pytest.raises(Unreachable, match="no server"):
        list(sync.sync(DAYS))
    assert list(sync.store.files.certificates()) == DAYS[1:]
    assert sync.store.attempts.all() == {}


def test_only_a_failed_proof_counts_towards_set_aside(open_sync: Callable[..., OneFetch]) -> None:
    for error in [
        Unreachable("HTTP 503"),
        Denied("HTTP 403"),
        Moving("the chain kept changing"),
        Denied("HTTP 401"),
    ] * 2:
        list(open_sync(day_1=error).sync(DAYS))
    tried = open_sync().store.attempts.all()[DAYS[1]]
    assert (tried.count, tried.unread, tried.is_set_aside) == (0, 8, False)
    assert tried.due_at - tried.at == timedelta(minutes=80)
    for _ in range(4):
        list(open_sync(day_1=ProofError("the counts differ")).sync(DAYS))
    tried = open_sync().store.attempts.all()[DAYS[1]]
    assert (tried.count, tried.unread, tried.is_set_aside) == (4, 0, True)


@pytest.mark.parametrize(
    "error",
    [RateLimited("later", NOW), Interrupted("stopped"), Changed("update")],
    ids=["limited", "stopped", "changed"],
)
def test_an_error_that_concerns_every_day_ends_the_sync_and_keeps_stored_days(
    open_sync: Callable[..., OneFetch], error: ApiError
) -> None:
    sync = open_sync(day_1=error)
    with pytest.raises(type(error)):
        list(sync.sync(DAYS))
    assert DAYS[2] in sync.store.files.certificates()
    assert sync.store.attempts.all() == {}
    assert sync.client.http.stop.is_set()


@pytest.mark.parametrize("alone", [False, True], ids=["with others", "alone"])
def test_a_damaged_day_that_the_table_lacks_is_read_again_at_once(
    open_sync: Callable[..., OneFetch], alone: bool
) -> None:
    """The certificate is sound, but the rows are not. Loading finds this and moves the file away."""
    first = open_sync()
    first.store.keep([(day.rows, day.certificate) for day in map(proved, DAYS)])
    path = first.store.files.path(DAYS[1])
    rows = pq.read_table(path, partitioning=None)
    other = rows.set_column(0, "number", pq.read_table(first.store.files.path(DAYS[0]), partitioning=None)["number"])
    pq.write_table(other.replace_schema_metadata(rows.schema.metadata), path)
    sync = open_sync()
    requested = DAYS[1:2] if alone else DAYS
    assert stored(list(sync.sync(requested))) == {day: day == DAYS[1] for day in requested}
    assert sync.store.files.read(DAYS[1])["number"].to_pylist() == [block_of(DAYS[1]).number]
    assert path.with_suffix(".damaged").exists()
    assert sync.store.pending() == []
