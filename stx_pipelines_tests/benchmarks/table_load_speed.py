"""The speed of loading day files: compared with one INSERT..SELECT, and into a large table."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from shutil import copytree
from statistics import fmean
from typing import NamedTuple

import duckdb
import msgspec
import pandas as pd  # noqa: F401 - duckdb imports it at the first connection

from stx_pipelines.chains.datasets import DATASETS
from stx_pipelines.chains.days import DAY
from stx_pipelines.store.data_folder import DataFolder
from stx_pipelines.store.dataset_store import DAYS_AT_ONCE
from stx_pipelines.store.day_files import DayFiles
from stx_pipelines.store.loading import DayFile
from stx_pipelines.store.parquet import over_day_files
from stx_pipelines.store.statements import day_sql, schema_sql
from stx_pipelines.store.warehouse import Warehouse, attach
from stx_pipelines_tests.benchmarks.compared_clients import sync
from stx_pipelines_tests.benchmarks.devnet_process import devnet
from stx_pipelines_tests.benchmarks.figure_types import Figure, Goal, Measured, Scale
from stx_pipelines_tests.benchmarks.separate_process import in_copied_process
from stx_pipelines_tests.benchmarks.temporary_places import fresh_folder

DATASET = "transactions"

_TIMED = 17  # days, one by one; the first includes the start of DuckDB and is left out

_A_LATER_DAY = """
COPY (
    SELECT * REPLACE (
        '0x' || md5(concat(tx_id, $later)) || md5(concat($later, tx_id)) AS tx_id,
        block_time + to_days($later) AS block_time,
        burn_block_time + to_days($later) AS burn_block_time,
        block_height + 1000 * $later AS block_height,
        burn_block_height + 144 * $later AS burn_block_height,
        '0x' || md5(concat(index_block_hash, $later)) || md5(concat($later, index_block_hash)) AS index_block_hash
    ) FROM read_parquet($day)
) TO $file (FORMAT parquet, COMPRESSION zstd)
"""

_EARLIER_ROWS = """
INSERT INTO warehouse.transactions
SELECT * REPLACE (burn_block_time - to_days($earlier) AS burn_block_time, block_time - to_days($earlier) AS block_time)
FROM ({rows})
"""


class Costs(NamedTuple):
    """Seconds and CPU seconds of the same rows both ways, and seconds of a day in a small and in a large table."""

    rows: int
    loading: tuple[float, float]
    insert_select: tuple[float, float]
    day_in_small: float
    day_in_large: float


def make_days(day: DayFile, folder: Path, count: int) -> list[DayFile]:
    """Make `count` days from this one, the day itself first."""
    folder.mkdir(parents=True)
    days = [day]
    with duckdb.connect() as connection:
        for later in range(1, count):
            date = day.certificate.day + later * DAY
            file = folder / f"{date}.parquet"
            connection.execute(_A_LATER_DAY, {"later": later, "day": str(day.path), "file": str(file)})
            days.append(DayFile(file, msgspec.structs.replace(day.certificate, day=date)))
    return days


def load_days(folder: Path, days: Sequence[DayFile]) -> None:
    """Load days as a sync loads waiting days: several in a transaction."""
    warehouse = Warehouse(DataFolder(folder))
    for first in range(0, len(days), DAYS_AT_ONCE):
        warehouse.load(DATASET, days[first : first + DAYS_AT_ONCE])


def in_turns(folders: Sequence[Path], days: Sequence[DayFile]) -> list[float]:
    """Return for each of these tables the mean seconds of a day loaded alone.

    The tables take turns, so that both are measured under the same load. The mean counts, because every other day
    ends in the row group of the day before, which is then written again.
    """
    warehouses = [Warehouse(DataFolder(folder)) for folder in folders]
    seconds: list[list[float]] = [[] for _ in folders]
    for day in days:
        for warehouse, taken in zip(warehouses, seconds, strict=True):
            started = time.monotonic()
            warehouse.load(DATASET, [day])
            taken.append(time.monotonic() - started)
    return [fmean(taken[1:]) for taken in seconds]


def insert_select(folder: Path, days: Sequence[DayFile], *, earlier: int = 0) -> None:
    """Insert all days in one statement; `earlier` moves the rows this many days into the past."""
    rows = over_day_files(day_sql(DATASETS[DATASET], days[0].certificate), *(day.path for day in days))
    statement = _EARLIER_ROWS.format(rows=rows) if earlier else f"INSERT INTO warehouse.transactions {rows}"
    values = {"proved_at": days[0].certificate.proved_at}
    folder.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        attach(connection, folder / "warehouse.duckdb", wait=0)
        connection.execute(schema_sql())
        connection.execute(statement, values | ({"earlier": earlier} if earlier else {}))
        connection.execute("CHECKPOINT warehouse")


@cache
def costs(scale: Scale) -> Costs:
    """Measure both figures of this module with one growing table."""
    small, middle, times_over, timed = scale.of((67, 667, 2, _TIMED), (2, 4, 2, 3))
    with fresh_folder() as folder:
        days = in_copied_process(make_days, _a_day(scale, folder), folder / "made", middle + timed).result
        first, more = days[:middle], days[middle:]
        straight = in_copied_process(insert_select, folder / "straight", first)
        loaded = in_copied_process(load_days, folder / "loaded", first[:small])
        copytree(folder / "loaded", folder / "small")
        rest = in_copied_process(load_days, folder / "loaded", first[small:])
        for time_over in range(1, times_over + 1):
            in_copied_process(insert_select, folder / "loaded", first, earlier=time_over * 1000)
        in_small, in_large = in_copied_process(in_turns, [folder / "small", folder / "loaded"], more).result
        return Costs(
            sum(day.certificate.published for day in first),
            (loaded.seconds + rest.seconds, loaded.cpu_seconds + rest.cpu_seconds),
            (straight.seconds, straight.cpu_seconds),
            in_small,
            in_large,
        )


def _a_day(scale: Scale, folder: Path) -> DayFile:
    """Return a day of the usual size, stored by a sync."""
    with devnet(1, scale.of(15_000, 400)) as served:
        in_copied_process(sync, served.url, folder, served.whole_days)
        files = DayFiles(folder / "days" / DATASET)
        [(day, certificate)] = files.certificates().items()
        return DayFile(files.path(day), certificate)


def loading(scale: Scale) -> Measured:
    """Compare loading day after day with one statement, which uses all cores."""
    found = costs(scale)
    both = (found.loading, found.insert_select)
    speed = [found.rows / seconds for seconds, _ in both]
    cpu = [cpu_seconds / found.rows * 1_000_000 for _, cpu_seconds in both]
    behind = (
        f"{speed[0]:,.0f} against {speed[1]:,.0f} rows/s, {found.rows:,} rows; "
        f"{cpu[0]:.1f} against {cpu[1]:.1f} CPU-s a million"
    )
    return Measured(speed[0] / speed[1], behind)


def day_cost(scale: Scale) -> Measured:
    """Compare loading a day into a large table with loading it into a small one."""
    found = costs(scale)
    behind = f"{1000 * found.day_in_large:.0f} ms against {1000 * found.day_in_small:.0f} ms"
    return Measured(found.day_in_large / found.day_in_small, behind)


FIGURES = [
    Figure("landing", "loading against INSERT..SELECT, 10 million rows", Goal(">=", 0.5, " x"), loading),
    Figure("day_cost", "a day into 30 million rows against one into 1 million", Goal("<=", 1.2, " x"), day_cost),
]
