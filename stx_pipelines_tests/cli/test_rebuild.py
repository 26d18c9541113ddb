"""`rebuild` never replaces a database by one with fewer days, and a kill during it loses nothing."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from stx_pipelines.store import replacement
from stx_pipelines.store.warehouse import Warehouse
from stx_pipelines_tests.cli.folders import DONE, ERROR, MakeWorld, Run
from stx_pipelines_tests.runbook import assert_shown
from stx_pipelines_tests.sync.ethereum import world as ethereum
from stx_pipelines_tests.world import World, child_environment, query, recent_chain, table_rows

DAYS = 2


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """Return three stored and loaded days."""
    world = make_world(recent_chain(DAYS, transactions_per_day=60), stx_target_days=DAYS)
    world.stored()
    return world


def database(world: World) -> Path:
    return world.data / "warehouse.duckdb"


def old_one(world: World) -> Path:
    return world.data / "warehouse.before-rebuild.duckdb"


def spoil_certificates(world: World) -> None:
    for path in (world.data / "days/transactions").glob("*.parquet"):
        path.write_bytes(path.read_bytes()[:-9])
    (world.data / "days/transactions/.certificates.json").unlink(missing_ok=True)


LOSSES: dict[str, Callable[[World], object]] = {
    "no folder": lambda world: shutil.rmtree(world.data / "days"),
    "an empty folder": lambda world: [path.unlink() for path in (world.data / "days/transactions").iterdir()],
    "unreadable certificates": spoil_certificates,
}


@pytest.mark.parametrize("loss", LOSSES)
def test_a_database_that_holds_more_is_kept_and_the_named_commands_help(world: World, run: Run, loss: str) -> None:
    before = database(world).read_bytes()
    LOSSES[loss](world)
    world.requests()
    done = run(world, "rebuild")
    assert done.exit_code == ERROR
    assert world.requests() == 0
    assert database(world).read_bytes() == before
    assert all(str(day) in done.stderr for day in world.days)
    assert_shown("`the new database would lack days that ... holds`", done.stderr)
    for word in ("nothing was replaced", "`stx-pipelines sync`", "`stx-pipelines rebuild --force`"):
        assert word in done.stderr
    assert done.stderr.count("left out: ") == (len(world.days) if loss == "unreadable certificates" else 0)
    assert set(Warehouse(world.folder).published("transactions").loaded) == set(world.days)
    assert not list(world.data.rglob("run/rebuild/*.duckdb*"))
    assert not old_one(world).exists()
    assert [run(world, name).exit_code for name in ("sync", "rebuild")] == [DONE, DONE]
    world.assert_true()


def test_force_leaves_out_what_has_no_file(world: World, run: Run) -> None:
    lost, *kept = world.days
    (world.data / "days/transactions" / f"{lost}.parquet").unlink()
    done = run(world, "rebuild")
    assert done.exit_code == ERROR
    assert f"(transactions: {lost})" in done.stderr
    done = run(world, "rebuild", "--force")
    assert done.exit_code == DONE, done.output
    assert done.output.startswith("2 days loaded into")
    assert query(world.data, "SELECT day FROM coverage ORDER BY day") == [(day,) for day in kept]
    assert not old_one(world).exists()


def test_days_of_both_ethereum_tables_are_kept(world: World, run: Run) -> None:
    with ethereum.world(ethereum.recent_chain(1), world.data) as other:
        other.sync()
        for dataset in ("blocks", "miners_balance"):
            shutil.rmtree(world.data / "days" / dataset)
        done = run(world, "rebuild")
        assert done.exit_code == ERROR
        days = ", ".join(map(str, other.days))
        assert f"(blocks: {days}; miners_balance: {days})" in done.stderr
        assert len(ethereum.table_rows(world.data, "blocks")) > 0


@pytest.mark.parametrize("damage", ["garbage", "cut", "deleted"])
def test_the_published_coverage_decides_if_the_database_cannot_be_opened(world: World, run: Run, damage: str) -> None:
    if damage == "garbage":
        database(world).write_bytes(b"garbage" * 1000)
    elif damage == "cut":
        database(world).write_bytes(database(world).read_bytes()[:20_000])
    else:
        database(world).unlink()
    path = world.data / "days/transactions" / f"{world.days[0]}.parquet"
    content = path.read_bytes()
    path.unlink()
    done = run(world, "rebuild")
    assert done.exit_code == ERROR
    assert f"(transactions: {world.days[0]})" in done.stderr
    path.write_bytes(content)
    assert run(world, "rebuild").exit_code == DONE
    world.assert_true()


DIES = """
import os, sys
from pathlib import Path

from stx_pipelines.cli import rebuild
from stx_pipelines.cli.main import main
from stx_pipelines.project import Project

step = deadly_step = 0
def deadly(name):
    real = getattr(Path, name)
    def work(path, *arguments, **options):
        global step
        ours = path.name.startswith("warehouse.") and path.suffix in (".duckdb", ".wal")
        step += ours
        if ours and step == deadly_step:
            os._exit(9)
        return real(path, *arguments, **options)
    setattr(Path, name, work)

for name in ("replace", "unlink"):
    deadly(name)
for line in sys.stdin:
    deadly_step = int(line)
    if (child := os.fork()) == 0:
        main(["rebuild"])
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
"""Reads numbers of steps. For each, a child process runs `rebuild` and is killed at that step; prints its exit code.

Modules are imported once for all children. DuckDB and pyarrow start threads, so each child imports them itself.
"""


@contextmanager
def killed_rebuilds(world: World, log: Path) -> Iterator[Callable[[int], int]]:
    """Yield a function that runs `rebuild` in a process that is killed at a step, and returns its exit code."""
    with (
        log.open("w") as errors,
        subprocess.Popen(
            [sys.executable, "-c", DIES],
            env=child_environment(world.environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        assert process.stdin
        assert process.stdout
        to, said = process.stdin, process.stdout

        def rebuild(step: int) -> int:
            print(step, file=to, flush=True)
            while not (line := said.readline().strip()).lstrip("-").isdigit():
                assert line, log.read_text()
            return int(line)

        yield rebuild


@pytest.mark.parametrize(("log", "command_then"), [(False, "sync"), (True, "rebuild")])
def test_a_kill_between_any_two_steps_loses_nothing(
    world: World, run: Run, tmp_path: Path, log: bool, command_then: str
) -> None:
    """The process is killed before each rename and each removal of a database in turn.

    Each of the two cases has every other step, so that together they have all.
    """
    rows = table_rows(world.data)
    with killed_rebuilds(world, tmp_path / "errors.log") as rebuild:
        for step in range(1 + log, 30, 2):
            if log:
                leave_a_log(database(world))
            if (code := rebuild(step)) == DONE:
                assert step > 6
                break
            assert code == 9, (tmp_path / "errors.log").read_text()
            assert database(world).exists() or old_one(world).exists(), step
            assert run(world, command_then).exit_code == DONE, step
            assert table_rows(world.data) == rows, step
            assert [path.name for path in world.data.glob("*before-rebuild*")] == [], step
        else:
            raise AssertionError("it was killed every time")
    world.assert_true()


def leave_a_log(path: Path) -> None:
    """Leave a log as a process does that is killed after a change."""
    script = (
        "import duckdb, os, sys; held = duckdb.connect(sys.argv[1]);"
        "held.execute('CREATE OR REPLACE TABLE mine AS SELECT 1 AS a'); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", script, str(path)], env=child_environment({}), check=True)
    assert path.with_name(path.name + ".wal").exists()


def test_the_database_of_before_comes_back_with_its_log(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE theirs AS SELECT 2 AS b")
    leave_a_log(path)
    path.rename(tmp_path / "warehouse.before-rebuild.duckdb")
    (tmp_path / "warehouse.duckdb.wal").rename(tmp_path / "warehouse.before-rebuild.duckdb.wal")
    replacement.settle(path)
    with duckdb.connect(str(path)) as connection:
        assert connection.execute("SELECT a, b FROM mine, theirs").fetchall() == [(1, 2)]
    assert [each.name for each in tmp_path.glob("*before*")] == []


def test_a_new_database_that_cannot_be_moved_leaves_the_old_one(
    world: World, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.replace

    def refused(path: Path, to: Path) -> Path:
        if path.parent.name == "rebuild":
            raise OSError(18, "Invalid cross-device link")
        return real(path, to)

    monkeypatch.setattr(Path, "replace", refused)
    before = database(world).read_bytes()
    done = run(world, "rebuild")
    assert done.exit_code == ERROR
    assert done.output.startswith(f"error: {database(world)} could not be replaced (Invalid cross-device link)")
    assert database(world).read_bytes() == before
    assert not old_one(world).exists()


def test_a_folder_in_its_place_is_left_alone(world: World, run: Run) -> None:
    database(world).unlink()
    database(world).mkdir()
    done = run(world, "rebuild")
    assert done.exit_code == ERROR
    assert "is a folder; nothing was changed" in done.output
    assert database(world).is_dir()


def test_a_sync_restores_the_database_of_before_and_loads_nothing_twice(world: World) -> None:
    """Its file and inode are the same as before, so its published coverage is right again."""
    database(world).rename(old_one(world))
    store = world.open_sync().store
    store.reconcile()
    assert database(world).exists()
    assert store.pending() == []
    world.assert_true()
