"""The next computation removes the spill folders of killed ones, and never the folder of a running one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stx_pipelines.store.scratch import Engine, interrupts_pass, scratch_database, spill_folder

SPILLING = """
import sys
from pathlib import Path
from stx_pipelines.store.scratch import spill_folder
with spill_folder(Path(sys.argv[1])) as folder:
    (folder / "duckdb_temp_storage_DEFAULT-0.tmp").write_bytes(b"x" * 1000)
    print(folder, flush=True)
    sys.stdin.read()
"""


@contextmanager
def spilling(run: Path) -> Iterator[tuple[Path, subprocess.Popen[str]]]:
    """Start another process that has a spill folder. Yield the folder and the process."""
    command = [sys.executable, "-c", SPILLING, str(run)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        yield Path(other.stdout.readline().strip()), other
        other.communicate()


def folders(run: Path) -> set[Path]:
    """Return the spill folders that exist."""
    return set(run.glob("metrics-*/"))


def test_the_folder_of_a_killed_process_is_removed_by_the_next(tmp_path: Path) -> None:
    with spilling(tmp_path) as (left, other):
        other.kill()
        other.wait()
        assert folders(tmp_path) == {left}
        with spill_folder(tmp_path) as ours:
            assert folders(tmp_path) == {ours}
    assert folders(tmp_path) == set()


def test_a_running_process_keeps_its_folder(tmp_path: Path) -> None:
    """Several at once do not disturb each other, in any order of their ends."""
    with spilling(tmp_path) as (theirs, _):
        with spill_folder(tmp_path) as ours:
            assert folders(tmp_path) == {ours, theirs}
            with spill_folder(tmp_path) as second:
                assert folders(tmp_path) == {ours, second, theirs}
        assert folders(tmp_path) == {theirs}
        assert [path.stat().st_size for path in theirs.glob("*.tmp")] == [1000]
    assert folders(tmp_path) == set()


def test_a_folder_without_a_lock_is_removed(tmp_path: Path) -> None:
    """Earlier versions left such folders. Other files in the folder of runs are kept."""
    (tmp_path / "metrics-old").mkdir()
    (tmp_path / "metrics-old" / "duckdb_temp_storage_DEFAULT-0.tmp").touch()
    (tmp_path / "metrics.lock").touch()
    (tmp_path / "metrics-notes.txt").touch()
    with spill_folder(tmp_path):
        assert not (tmp_path / "metrics-old").exists()
    assert {path.name for path in tmp_path.iterdir()} >= {"metrics.lock", "metrics-notes.txt"}


def test_an_error_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(KeyError), spill_folder(tmp_path):
        raise KeyError
    assert folders(tmp_path) == set()


def test_the_database_spills_to_its_folder_and_removes_it(tmp_path: Path) -> None:
    """The table does not fit into the memory limit."""
    with scratch_database(tmp_path, Engine(memory_mb=100, threads=1)) as connection:
        connection.execute("CREATE TABLE t AS SELECT range AS n, md5(range::VARCHAR) AS text FROM range(3_000_000)")
        assert [path for folder in folders(tmp_path) for path in folder.rglob("duckdb_temp*")]
    assert folders(tmp_path) == set()


def test_duckdb_writes_no_progress_bar_into_the_logs(tmp_path: Path) -> None:
    """By default it would with `python -c`, which it takes for an interactive session."""
    script = (
        "import sys; from pathlib import Path; from stx_pipelines.store.scratch import Engine, scratch_database\n"
        "with scratch_database(Path(sys.argv[1]), Engine(100, 1)) as connection:\n"
        "    print(connection.execute(\"SELECT current_setting('enable_progress_bar')\").fetchone())"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "(False,)\n"


def count_long(run: Path, sender: threading.Timer) -> None:
    with scratch_database(run, Engine()) as connection:
        sender.start()
        connection.execute("SELECT count(*) FROM range(4000000000)")


def test_an_interrupt_during_a_query_is_raised_as_itself(tmp_path: Path) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGUSR1, interrupt)
    sender = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGUSR1))
    try:
        with pytest.raises(KeyboardInterrupt):
            count_long(tmp_path, sender)
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_other_errors_of_the_block_are_not_changed() -> None:
    with pytest.raises(RuntimeError, match="Query interrupted"), interrupts_pass():
        raise RuntimeError("Query interrupted")
    with pytest.raises(RuntimeError, match="mine"), interrupts_pass():
        raise RuntimeError("mine") from ValueError("cause")
