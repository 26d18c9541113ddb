"""The locks and the progress that runs share: one contract for files and for PostgreSQL, then PostgreSQL alone."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from stx_pipelines.coverage.progress import Progress
from stx_pipelines.store.data_folder import DataFolder
from stx_pipelines.store.lease import Lease
from stx_pipelines.store.locks import Busy, process_name
from stx_pipelines.store.shared import SYNC, FileShared, Shared, SharedError
from stx_pipelines_tests.postgres import PASSWORD, Postgres
from stx_pipelines_tests.waiting import LONGEST, ended
from stx_pipelines_tests.world import child_environment

DATASET = "transactions"
NOW = datetime(2026, 11, 1, tzinfo=UTC)

HOLDER = """
import sys
from pathlib import Path
from stx_pipelines.store.data_folder import DataFolder
from stx_pipelines.store.shared import FileShared

if sys.argv[1].startswith("postgresql"):
    from stx_pipelines.store.postgres_shared import PostgresShared as Shared
else:
    Shared = lambda folder: FileShared(DataFolder(Path(folder)))
with Shared(sys.argv[1]).locked("transactions", wait=0, command=sys.argv[2] or None):
    print("held", flush=True)
    sys.stdin.read()
"""


class Later(msgspec.Struct):
    """A report of another version, of another shape."""

    days: int


class Place:
    """The place of the locks, as processes name it: the path of a data folder, or a URL."""

    def __init__(self, where: str) -> None:
        self.where = where

    def open(self) -> Shared:
        if not self.where.startswith("postgresql"):
            return FileShared(DataFolder(Path(self.where)))
        from stx_pipelines.store.postgres_shared import PostgresShared

        return PostgresShared(self.where)

    @contextmanager
    def held(self, command: str = "") -> Iterator[subprocess.Popen[str]]:
        """Hold the dataset's lock in another process, which is killed at the end of the `with` block."""
        with subprocess.Popen(
            [sys.executable, "-c", HOLDER, self.where, command],
            env=child_environment({}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                assert process.stdout
                assert process.stdout.readline() == "held\n"
                yield process
            finally:
                process.kill()


@pytest.fixture(params=["file", "PostgreSQL"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return Place(str(tmp_path) if request.param == "file" else request.getfixturevalue("postgres"))


@pytest.fixture
def database(postgres: str) -> Place:
    return Place(postgres)


class TestContract:
    """What runs, sensors and commands rely on, wherever the locks and the progress are."""

    @pytest.mark.parametrize("command", ["", "rebuild"])
    def test_a_lock_is_exclusive_names_its_holder_and_is_free_after_kill_9(self, place: Place, command: str) -> None:
        shared = place.open()
        assert shared.holder(DATASET) is None
        with place.held(command) as other:
            name = process_name(shared.host, command or None, other.pid)
            assert shared.holder(DATASET) == name
            assert shared.holder("blocks") is None
            with pytest.raises(Busy, match=r"^the dataset transactions is in use by ") as busy, ExitStack() as held:
                held.enter_context(shared.locked(DATASET, wait=0))
            assert busy.value.holder == name
            with shared.locked(SYNC, wait=0):
                assert shared.holder(SYNC) == process_name(shared.host)
            other.kill()
            with shared.locked(DATASET, wait=LONGEST) as check:
                check()
                assert shared.owner(DATASET) == process_name(shared.host)
        assert shared.holder(DATASET) is None

    def test_a_lock_that_was_given_up_is_taken_back_unless_another_process_used_it(self, place: Place) -> None:
        with Lease(place.open(), DATASET, LONGEST) as lease:
            lease.give_up()
            with lease.writing():
                assert place.open().holder(DATASET) is not None
            lease.give_up()
            with place.held("pull"):
                pass
            with pytest.raises(Busy, match=r"`pull` .* used the dataset transactions while this command waited"):
                lease.take_back()
            assert place.open().holder(DATASET) is None

    def test_progress_is_the_newest_report_and_may_be_forgotten(self, place: Place) -> None:
        mine, others = place.open(), place.open()
        assert others.reported(DATASET, Progress) is None
        for rows in (5, 7):
            report = Progress(os.getpid(), NOW, NOW, 3, rows=rows, now="2026-10-31", host=mine.host)
            mine.report(DATASET, report)
            assert others.reported(DATASET, Progress) == report
        assert others.reported("blocks", Progress) is None
        assert others.reported(DATASET, Later) is None
        assert report.process == process_name(mine.host)
        mine.forget(DATASET)
        assert others.reported(DATASET, Progress) is None


class TestPostgres:
    """Locks that a server can lose, and a server that refuses or is away."""

    def test_a_lost_lock_stops_the_next_write(self, database: Place, postgres_server: Postgres) -> None:
        with Lease(database.open(), DATASET, 0) as lease:
            with lease.writing():
                pass
            postgres_server.end_sessions("transactions")
            with database.held(), pytest.raises(SharedError) as lost, lease.writing():
                pytest.fail("two runs would store at once")
        said = str(lost.value)
        assert said.startswith(
            "the lock of the dataset transactions was lost, because the connection to PostgreSQL at "
        )
        assert "nothing more was stored; stored days are kept; run the same command again" in said
        assert PASSWORD not in said
        assert "\n" not in said

    def test_all_sessions_end_soon_after_their_machine_and_have_one_time_zone(self, database: Place) -> None:
        """On a socket of this machine, the server itself has no keepalives to show."""
        pool = database.open().accounts
        assert pool is not None
        with pool.connection() as connection:
            shown = [connection.execute(f"SHOW {name}").fetchone() for name in ("TimeZone", "search_path")]
            parameters = connection.info.get_parameters()
        assert shown == [("UTC",), ("stx_pipelines",)]
        for name, value in (("idle", 30), ("interval", 10), ("count", 3)):
            assert parameters[f"keepalives_{name}"] == str(value)
            assert f"-c tcp_keepalives_{name}={value}" in parameters["options"]

    def test_several_processes_may_make_the_table_at_once(self, database: Place) -> None:
        found: list[str | None] = []
        urls = [f"{database.where}&application_name={number}" for number in range(4)]  # a pool each
        together = [
            threading.Thread(target=lambda url=url: found.append(Place(url).open().holder(SYNC))) for url in urls
        ]
        for thread in together:
            thread.start()
        assert all(ended(thread) for thread in together)
        assert found == [None] * 4

    def test_a_role_without_rights_is_told_what_its_administrator_does(self, postgres_server: Postgres) -> None:
        """With the schema of the documentation, the same role needs no other right."""
        url = postgres_server.new_database(owned=False)
        role = url.partition("//")[2].partition(":")[0]
        with pytest.raises(SharedError, match="CREATE SCHEMA stx_pipelines AUTHORIZATION for the role"):
            Place(url).open().holder(DATASET)
        postgres_server.psql(f"\\c {role}\nCREATE SCHEMA stx_pipelines AUTHORIZATION {role};")
        assert Place(url).open().holder(DATASET) is None

    @pytest.mark.parametrize(
        "work",
        [lambda shared: shared.holder(DATASET), lambda shared: shared.locked(DATASET, wait=0).__enter__()],
        ids=["look", "lock"],
    )
    def test_a_server_that_is_away_is_one_sentence_without_the_password(self, work: Callable[[Shared], object]) -> None:
        with pytest.raises(SharedError) as away:
            work(Place(f"postgresql://u:{PASSWORD}@127.0.0.1:1/d").open())
        said = str(away.value)
        assert said.startswith("PostgreSQL at 127.0.0.1:1 cannot be used (")
        assert "Connection refused" in said
        assert "stored days are kept: start it or correct STX_SHARED_URL, then run the same command again" in said
        assert PASSWORD not in said
        assert "\n" not in said
