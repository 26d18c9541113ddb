"""The tables loaded from day files: one contract for the DuckDB file and for PostgreSQL, then PostgreSQL alone."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from stx_pipelines.chains.datasets import BALANCES, DATASETS, TRANSACTIONS
from stx_pipelines.store import loading
from stx_pipelines.store.data_folder import DataFolder
from stx_pipelines.store.dataset_store import DatasetStore, open_store
from stx_pipelines.store.files import StoreError
from stx_pipelines.store.loading import DayFile
from stx_pipelines.store.postgres_copy import PostgresCopy
from stx_pipelines.store.served import NotCopied
from stx_pipelines.store.statements import described_columns
from stx_pipelines.store.warehouse import Warehouse
from stx_pipelines_tests.postgres import PASSWORD, Postgres
from stx_pipelines_tests.store.made_days import DAYS, in_order, make_day, rows_of
from stx_pipelines_tests.waiting import LONGEST, ended, wait_until
from stx_pipelines_tests.world import ROOT, child_environment, query

KILLED_AFTER_DELETE = """
import os, signal, sys
from pathlib import Path
from stx_pipelines.store import loading
from stx_pipelines.store.data_folder import DataFolder
from stx_pipelines.store.warehouse import Warehouse
from stx_pipelines.store.postgres_copy import PostgresCopy
from stx_pipelines_tests.store.made_days import DAYS, make_day

data, url, dataset = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
copy = PostgresCopy(url, data / "spill") if url else Warehouse(DataFolder(data))
day = make_day(data, dataset, DAYS[0], made=1)
loading._insert = PostgresCopy._append = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
copy.load(dataset, [day])
"""


class InDuckDb:
    """The DuckDB file of a data folder."""

    url = ""

    def __init__(self, data: Path) -> None:
        self.data = data

    def open(self) -> Warehouse:
        return Warehouse(DataFolder(self.data), wait=LONGEST)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return query(self.data, sql)

    def loaded(self, dataset: str) -> dict[date, str]:
        sql = f"SELECT day, certificate FROM coverage WHERE dataset = '{dataset}'"
        return dict(query(self.data, sql))

    def pause_after_delete(self, patch: pytest.MonkeyPatch, pause: Callable[[], None]) -> None:
        _pause_before(patch, loading, "_insert", pause)

    def is_awaited(self) -> bool:
        """A process that waits for the file cannot be seen, so this is always true."""
        return True


class InPostgres:
    """The copy in a new database."""

    def __init__(self, data: Path, url: str) -> None:
        self.data, self.url = data, url

    def open(self) -> PostgresCopy:
        return PostgresCopy(self.url, self.data / "spill")

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, options="-c search_path=stx_pipelines") as connection:
            return connection.execute(sql).fetchall()

    def loaded(self, dataset: str) -> dict[date, str]:
        return self.open().loaded(dataset)

    def pause_after_delete(self, patch: pytest.MonkeyPatch, pause: Callable[[], None]) -> None:
        _pause_before(patch, PostgresCopy, "_append", pause)

    def is_awaited(self) -> bool:
        """Whether a session waits for an advisory lock."""
        return bool(self.rows("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"))


def _pause_before(patch: pytest.MonkeyPatch, owner: Any, name: str, pause: Callable[[], None]) -> None:
    """Call `pause` before the first call of a function."""
    original, calls = getattr(owner, name), iter([pause])

    def paused(*arguments: Any) -> Any:
        next(calls, lambda: None)()
        return original(*arguments)

    patch.setattr(owner, name, paused)


@pytest.fixture(params=["DuckDB", "PostgreSQL"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> InDuckDb | InPostgres:
    return InDuckDb(tmp_path) if request.param == "DuckDB" else request.getfixturevalue("served")


@pytest.fixture
def served(tmp_path: Path, postgres: str) -> InPostgres:
    return InPostgres(tmp_path, postgres)


def assert_equal(place: InDuckDb | InPostgres, dataset: str, days: list[DayFile]) -> None:
    """The tables of a dataset have the rows of these day files, each once, and the coverage has the certificates."""
    of = DATASETS[dataset]
    columns = [column.name for column in of.table_columns]
    quoted = ", ".join(f'"{name}"' for name in columns)
    assert in_order(place.rows(f"SELECT {quoted} FROM {of.name}")) == rows_of(days, columns)
    if details := of.details:
        columns = [details.key, *details.columns]
        names = ", ".join(columns)
        assert in_order(place.rows(f"SELECT {names} FROM {details.name}")) == rows_of(days, columns)
        counts = dict(place.rows(f"SELECT day, count(*) FROM {details.name} GROUP BY day"))
        assert counts == {day.certificate.day: day.certificate.published for day in days}
    assert place.loaded(dataset) == {day.certificate.day: day.certificate.id for day in days}


class TestContract:
    """What readers of the tables rely on, wherever the tables are."""

    @pytest.mark.parametrize("dataset", DATASETS)
    def test_a_table_equals_the_day_files_and_a_day_is_replaced_alone(
        self, place: InDuckDb | InPostgres, dataset: str
    ) -> None:
        days = [make_day(place.data, dataset, day) for day in DAYS]
        place.open().load(dataset, days)
        assert_equal(place, dataset, days)
        place.open().load(dataset, days)
        assert_equal(place, dataset, days)
        days[1] = make_day(place.data, dataset, DAYS[1], made=1)
        place.open().load(dataset, [days[1]])
        assert_equal(place, dataset, days)

    def test_two_that_load_the_same_day_at_once_leave_its_rows_once(
        self, place: InDuckDb | InPostgres, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        day = make_day(place.data, TRANSACTIONS, DAYS[0])
        has_deleted, may_go_on = threading.Event(), threading.Event()

        def pause() -> None:
            has_deleted.set()
            assert may_go_on.wait(LONGEST)

        place.pause_after_delete(monkeypatch, pause)
        loads = [threading.Thread(target=place.open().load, args=(TRANSACTIONS, [day])) for _ in range(2)]
        loads[0].start()
        assert has_deleted.wait(LONGEST)
        loads[1].start()
        wait_until(lambda: place.is_awaited() or not loads[1].is_alive(), "the second waits, or does not wait")
        may_go_on.set()
        assert all(map(ended, loads))
        assert_equal(place, TRANSACTIONS, [day])

    def test_a_file_that_lies_is_refused_and_nothing_changes(self, place: InDuckDb | InPostgres) -> None:
        days = [make_day(place.data, TRANSACTIONS, day) for day in DAYS]
        place.open().load(TRANSACTIONS, days)
        before = in_order(place.rows("SELECT * FROM transactions"))
        honest, lying = (make_day(place.data, TRANSACTIONS, day, made=1, states=n) for n, day in enumerate(DAYS[:2]))
        with pytest.raises(StoreError, match="none of them was loaded"):
            place.open().load(TRANSACTIONS, [honest, lying])
        assert in_order(place.rows("SELECT * FROM transactions")) == before
        assert place.loaded(TRANSACTIONS) == {day.certificate.day: day.certificate.id for day in days}

    def test_a_kill_after_the_rows_were_deleted_keeps_them(self, place: InDuckDb | InPostgres) -> None:
        day = make_day(place.data, BALANCES, DAYS[0])
        place.open().load(BALANCES, [day])
        before = place.rows("SELECT * FROM miners_balance ORDER BY block_number")
        killed = subprocess.run(
            [sys.executable, "-c", KILLED_AFTER_DELETE, str(place.data), place.url, BALANCES],
            env=child_environment({}),
            timeout=LONGEST,
            check=False,
        )
        assert killed.returncode == -signal.SIGKILL
        assert place.rows("SELECT * FROM miners_balance ORDER BY block_number") == before
        assert place.loaded(BALANCES) == {day.certificate.day: day.certificate.id}


def test_readers_wait_neither_for_a_new_month_nor_for_a_day_in_progress(
    served: InPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (make_day(served.data, TRANSACTIONS, day) for day in DAYS[:2])
    served.open().load(TRANSACTIONS, [first])
    counts = []
    with psycopg.connect(served.url, options="-c lock_timeout=1ms") as reader:
        count = "SELECT count(*) FROM stx_pipelines.transactions"
        reader.execute(count)  # holds its locks until the `with` block ends

        def read() -> None:
            with psycopg.connect(served.url, options="-c lock_timeout=1ms") as other:
                counts.extend(other.execute(count).fetchall())

        served.pause_after_delete(monkeypatch, read)
        served.open().load(TRANSACTIONS, [first, second])
    assert counts == [(first.certificate.published,)]
    assert_equal(served, TRANSACTIONS, [first, second])


def test_columns_have_exact_types_and_comments(served: InPostgres) -> None:
    served.open().load(BALANCES, [make_day(served.data, BALANCES, DAYS[0])])
    found = served.rows(
        "SELECT attname, format_type(atttypid, atttypmod), col_description(attrelid, attnum) FROM pg_attribute "
        "WHERE attrelid = 'miners_balance'::regclass AND attnum > 0 ORDER BY attnum"
    )
    described = described_columns(DATASETS[BALANCES])
    assert [(name, comment) for name, _, comment in found] == [(name, comment) for name, _, comment in described]
    types = {name: kind for name, kind, _ in found}
    assert types["balance_after"] == "numeric(38,0)"
    assert types["block_time"] == "timestamp with time zone"
    assert types["block_number"] == "bigint"


def test_a_table_of_an_earlier_version_gets_the_columns_it_lacks(served: InPostgres) -> None:
    day = make_day(served.data, BALANCES, DAYS[0])
    served.open().load(BALANCES, [day])
    with psycopg.connect(served.url) as connection:
        connection.execute("ALTER TABLE stx_pipelines.miners_balance DROP COLUMN withdrawals_gwei")
    served.open().load(BALANCES, [day])
    assert_equal(served, BALANCES, [day])


def test_the_grants_in_the_docs_are_enough_to_copy_and_to_read_and_for_nothing_else(
    postgres_server: Postgres, tmp_path: Path
) -> None:
    url = postgres_server.new_database(owned=False)
    name = urlsplit(url).path[1:]
    grants = (ROOT / "docs/warehouse.md").read_text().split("```sql\n")[1].split("```")[0]
    for role in ("stx_copy", "stx_readers", "reader "):
        grants = grants.replace(role, f"{name}_{role}")  # roles belong to the whole server
    postgres_server.psql(f"\\c {name}\n{grants.replace('...', PASSWORD)}")
    copy, reader = (url.replace(f"//{name}:", f"//{name}_{role}:") for role in ("stx_copy", "reader"))
    day = make_day(tmp_path, TRANSACTIONS, DAYS[0])
    PostgresCopy(copy, tmp_path).load(TRANSACTIONS, [day])
    with psycopg.connect(reader, autocommit=True) as connection:
        for table, rows in (("transactions", day.certificate.published), ("coverage", 1)):
            assert connection.execute(f"SELECT count(*) FROM stx_pipelines.{table}").fetchone() == (rows,)
            with pytest.raises(InsufficientPrivilege):
                connection.execute(f"DELETE FROM stx_pipelines.{table}")
        with pytest.raises(InsufficientPrivilege):
            connection.execute("CREATE TABLE stx_pipelines.mine (a int)")


class TestFollowing:
    """The copy follows the day files, also after its server was away."""

    @pytest.fixture
    def open_at(self, served: InPostgres) -> Callable[[str], DatasetStore[Any]]:
        """Return a function that opens the store, as a new process does, with the copy at a URL."""
        folder = DataFolder(served.data)

        def store(url: str) -> DatasetStore[Any]:
            return open_store(folder, Warehouse(folder), BALANCES, served=PostgresCopy(url, folder.run))

        return store

    def test_a_server_that_is_away_delays_only_the_copy_and_is_said_once(
        self, served: InPostgres, open_at: Callable[[str], DatasetStore[Any]], caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.WARNING)
        days = [make_day(served.data, BALANCES, day) for day in DAYS]
        away = open_at(f"postgresql://u:{PASSWORD}@127.0.0.1:1/d")
        assert away.load() == away.load() == []
        assert_equal(InDuckDb(served.data), BALANCES, days)
        [said] = caplog.messages
        assert said.startswith("PostgreSQL at 127.0.0.1:1 cannot be used (")
        assert said.endswith("the next run copies what is missing there")
        assert PASSWORD not in caplog.text
        with pytest.raises(NotCopied):
            away.serve()
        open_at(served.url).load()
        assert_equal(served, BALANCES, days)

    def test_a_reopened_day_is_replaced_and_a_day_put_aside_is_removed(
        self, served: InPostgres, open_at: Callable[[str], DatasetStore[Any]]
    ) -> None:
        days = [make_day(served.data, BALANCES, day) for day in DAYS]
        store = open_at(served.url)
        store.load()
        store.files.reopen(DAYS[0])
        store.files.put_aside(DAYS[1])
        store.load()
        reopened = store.files.certificate(DAYS[0])
        assert reopened is not None
        assert_equal(served, BALANCES, [DayFile(days[0].path, reopened), days[2]])

    def test_days_that_this_folder_lacks_are_kept(
        self, served: InPostgres, open_at: Callable[[str], DatasetStore[Any]]
    ) -> None:
        days = [make_day(served.data, BALANCES, day) for day in DAYS]
        open_at(served.url).load()
        days[0].path.unlink()
        open_at(served.url).load()
        assert served.loaded(BALANCES).keys() == set(DAYS)
