"""A DuckDB in memory for one computation: what it may use, and a spill folder that does not outlive it for long.

A killed process cannot remove its folder. Each folder is locked by its process, so the next computation can tell what
dead ones left behind, and removes it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from stx_pipelines.store.locks import Busy, locked

if TYPE_CHECKING:
    import duckdb

_PREFIX = "metrics-"
_PATIENCE_SECONDS = 60.0
_MB_PER_MILLION_ROWS = 80


@dataclass(frozen=True)
class Engine:
    """What DuckDB may use. Beyond its memory it spills to a folder of its own, which is removed afterwards."""

    memory_mb: int = 600
    threads: int = min(4, os.cpu_count() or 1)

    def for_rows(self, rows: int) -> Engine:
        """More memory for a long history: what is kept per wallet does not all spill."""
        return replace(self, memory_mb=max(self.memory_mb, rows // 1_000_000 * _MB_PER_MILLION_ROWS))


@contextmanager
def scratch_database(run_folder: Path, engine: Engine) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database in memory that spills below `run_folder`. Raises `duckdb.Error` for what is asked of it."""
    import duckdb

    with spill_folder(run_folder) as spill:
        connection = duckdb.connect()
        try:
            connection.execute(f"SET memory_limit = '{engine.memory_mb}MB'")
            connection.execute(f"SET threads = {engine.threads}")
            connection.execute(f"SET temp_directory = {quoted(str(spill))}")
            connection.execute("SET preserve_insertion_order = false")  # every result says its order
            connection.execute("SET enable_progress_bar = false")  # DuckDB takes a run's process for a person's
            yield connection
        finally:
            connection.close()


@contextmanager
def spill_folder(run_folder: Path) -> Iterator[Path]:
    """A new folder that is removed afterwards: here or, if this process is killed, by the next one to ask."""
    run_folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as alive:
        # Nobody looks for dead folders between the making of ours and its locking.
        with locked(run_folder / "spill.lock", f"the list of spill folders in {run_folder}", _PATIENCE_SECONDS):
            _remove_dead(run_folder)
            folder = Path(tempfile.mkdtemp(dir=run_folder, prefix=_PREFIX))
            alive.enter_context(_in_use(folder))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _remove_dead(run_folder: Path) -> None:
    for folder in run_folder.glob(f"{_PREFIX}*/"):
        with suppress(Busy, FileNotFoundError), _in_use(folder):  # not found: its own process is removing it
            shutil.rmtree(folder, ignore_errors=True)


def _in_use(folder: Path) -> AbstractContextManager[None]:
    return locked(folder / "in-use.lock", str(folder), wait=0, leave_name=False)


def quoted(text: str) -> str:
    """A text as it stands in a statement."""
    return "'" + text.replace("'", "''") + "'"
