"""Another process that holds the database open. Not here: claims (test_*.py)."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stx_pipelines_tests.world import child_environment

HOLDER = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1], read_only=sys.argv[2] == "reads")
connection.execute("SHOW TABLES")
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def held_open(data: Path, how: str = "reads") -> Iterator[int]:
    """Hold the database open in another process, which `reads` or `writes`. Yield the id of the process."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(data / "warehouse.duckdb"), how],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=child_environment({}),
    )
    try:
        assert holder.stdout
        assert holder.stdout.readline() == b"held\n"
        yield holder.pid
    finally:
        holder.kill()
        holder.communicate()
