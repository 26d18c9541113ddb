"""Changes that tests make to a data folder, and the exit codes of the commands. Not here: tests (test_*.py)."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from click.testing import Result

from stx_pipelines.coverage.progress import Progress
from stx_pipelines.store.attempts import AttemptFiles
from stx_pipelines.version import VERSION
from stx_pipelines_tests.world import World

MakeWorld = Callable[..., World]
Run = Callable[..., Result]
DONE, ERROR, NOT_YET = 0, 1, 2
HEALTHY, NOT_RUNNING, STALLED, DAMAGED, MISCONFIGURED = range(5)
DATASET = "transactions"


def day_file(world: World, day: date) -> Path:
    return world.data / "days" / DATASET / f"{day}.parquet"


def write_wallets(world: World, count: int) -> Path:
    file = world.data / "first_seen_wallets.parquet"
    pq.write_table(pa.table({"wallet": [str(number) for number in range(count)]}), file)
    return file


def set_aside(world: World, day: date) -> None:
    """Record four failed proofs of a day."""
    files = AttemptFiles(world.data / "days" / DATASET)
    for _ in range(4):
        files.add(day, "burn block 7 has 3 transactions, read 2", datetime.now(UTC))


def shorten(world: World, day: date, height: int) -> None:
    """Remove the rows of a burn block from a day file and from the counts of its certificate."""
    files = world.project().store().files
    table, certificate = files.read(day), files.certificate(day)
    assert certificate is not None
    rows = table.filter(pc.not_equal(table["burn_block_height"], height))
    shown = rows["tx_status"].to_pylist().count("success")
    files.write(rows, msgspec.structs.replace(certificate, seen=rows.num_rows, published=shown))


def lose_rows(world: World, day: date) -> None:
    """Remove rows from a day file and keep its certificate."""
    files = world.project().store().files
    certificate = files.certificate(day)
    assert certificate is not None
    files.write(files.read(day).slice(7), certificate)


def report(world: World, minutes_ago: float, pid: int | None = None, version: str | None = VERSION) -> None:
    """Write the progress file of a run that began so long ago."""
    path = world.folder.progress(DATASET)
    path.parent.mkdir(parents=True, exist_ok=True)
    began = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    after = began + timedelta(seconds=30)
    progress = Progress(pid or os.getpid(), began, after, 3, rows=50, requests=20, version=version)
    path.write_bytes(msgspec.json.encode(progress))


def shown(run: Run, world: World) -> dict[str, Any]:
    [status] = json.loads(run(world, "status", "--json").stdout)
    return dict(status)
