"""DuckDB databases in memory for one computation, with limits and a spill folder.

A killed process cannot remove its spill folder. Each process locks its folder, so that the next computation can
recognize and remove the folders of killed processes.
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
_MB_PER_MILLION_KNOWN = 10


@dataclass(frozen=True)
class Engine:
    """The memory and threads that DuckDB may use. Data beyond that memory goes to a spill folder."""

    memory_mb: int = 300
    threads: int = min(4, os.cpu_count() or 1)

    def for_rows(self, read: int, known: int = 0) -> Engine:
        """Return an engine with enough memory for the transactions that are read, because some data cannot spill.

        `known` is the number of earlier transactions, of whose accounts the totals are known.
        """
        needed = (read * _MB_PER_MILLION_ROWS + known * _MB_PER_MILLION_KNOWN) // 1_000_000
        return replace(self, memory_mb=max(self.memory_mb, needed))


@contextmanager
def scratch_database(run_folder: Path, engine: Engine) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a database in memory that spills to a folder below `run_folder`. DuckDB's errors are raised unchanged."""
    import duckdb

    with spill_folder(run_folder) as spill, interrupts_pass():
        connection = duckdb.connect()
        try:
            connection.execute(f"SET memory_limit = '{engine.memory_mb}MB'")
            connection.execute(f"SET threads = {engine.threads}")
            connection.execute(f"SET temp_directory = {quoted(str(spill))}")
            connection.execute("SET preserve_insertion_order = false")  # saves memory; results have an ORDER BY
            connection.execute("SET enable_progress_bar = false")  # DuckDB may take a run for an interactive session
            # By default, DuckDB returns freed memory to the system only when it frees more than 512 MB at once.
            connection.execute("SET allocator_bulk_deallocation_flush_threshold = '16MB'")
            yield connection
        finally:
            connection.close()


@contextmanager
def spill_folder(run_folder: Path) -> Iterator[Path]:
    """Create a folder and remove it afterwards. If this process is killed, the next call removes the folder."""
    run_folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as alive:
        # This lock keeps other processes from removing the new folder before it is locked.
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
        with suppress(Busy, FileNotFoundError), _in_use(folder):  # not found: the folder's process is removing it
            shutil.rmtree(folder, ignore_errors=True)


def _in_use(folder: Path) -> AbstractContextManager[None]:
    return locked(folder / "in-use.lock", str(folder), wait=0, leave_name=False)


@contextmanager
def interrupts_pass() -> Iterator[None]:
    """Raise the exception of a signal handler, for which DuckDB raises a `RuntimeError`."""
    try:
        yield
    except RuntimeError as error:
        if error.__cause__ is not None and str(error) == "Query interrupted":
            raise error.__cause__ from None
        raise


def quoted(text: str) -> str:
    """Return the text as an SQL string literal."""
    return "'" + text.replace("'", "''") + "'"
