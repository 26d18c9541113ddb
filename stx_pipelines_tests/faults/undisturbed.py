"""The comparison at the end of every test: the data folder equals that of an undisturbed sync.

Not here: tests (test_*.py), faults. No dataset is named: every table, day file and metric of either folder is
compared, so that a new dataset is included automatically.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import msgspec
import pyarrow.parquet as pq

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.clients.errors import ApiError
from stx_pipelines.metrics.open import open_metrics
from stx_pipelines.store.files import StoreError
from stx_pipelines.sync.outcome import FailedDay
from stx_pipelines_tests.sync.ethereum.world import DevnetWorld
from stx_pipelines_tests.world import World

Rows = list[tuple[Any, ...]]

Followed = World | DevnetWorld
"""A devnet of either chain and the data folder that follows it."""

_OF_A_RUN = {"ingested_at"}
"""Columns that depend on the run."""


class Holding(NamedTuple):
    """The content of a data folder: rows by table, by day file and by metrics file; certificates by day file."""

    tables: dict[str, Rows]
    day_files: dict[str, Rows]
    metrics: dict[str, Rows]
    certificates: dict[str, tuple[Any, ...]]


def holding(data: Path, without: Sequence[str] = ()) -> Holding:
    """Read everything in the folder that must not depend on the run, without the columns in `without`."""
    left_out = _OF_A_RUN | set(without)
    day_files = {f"{path.parent.name}/{path.stem}": path for path in data.glob("days/*/????-??-??.parquet")}
    metrics = {path.stem: path for path in _metrics_files(data)}
    return Holding(
        _tables(data / "warehouse.duckdb", left_out),
        {name: _rows(path, left_out) for name, path in day_files.items()},
        {name: sorted(_rows(path, left_out), key=repr) for name, path in metrics.items()},
        {name: _promise(path) for name, path in day_files.items()},
    )


def assert_undisturbed(world: Followed, calm: Followed, without: Sequence[str] = ()) -> None:
    """Assert that tables, day files, metrics and certificates of both are equal, row for row."""
    ours, theirs = holding(world.data, without), holding(calm.data, without)
    for part, mine, other in zip(Holding._fields, ours, theirs, strict=True):
        assert sorted(mine) == sorted(other), part
        wrong = [name for name in other if mine[name] != other[name]]
        assert not wrong, f"{part} differ: {wrong}; first differing row: {_first(mine[wrong[0]], other[wrong[0]])}"


def has_metrics(world: Followed) -> bool:
    """Say whether the data folder has a file of metrics."""
    return bool(_metrics_files(world.data))


def refresh_metrics(world: Followed) -> None:
    """Refresh every metric from the days that are closed now."""
    open_metrics(world.project()).refresh()


def calm_down(world: Followed) -> None:
    """Reset all knobs of the server."""
    vars(world.knobs).update(vars(type(world.knobs)()))


def sync_until_complete(world: World, days: Sequence[date] | None = None, tries: int = 200) -> int:
    """Sync until no day fails; return the number of runs. Only documented errors are caught."""
    for attempt in range(1, tries + 1):
        with suppress(ApiError, StoreError):
            if not any(isinstance(result, FailedDay) for result in world.sync(days)):
                return attempt
    raise AssertionError(f"days still fail after {tries} runs")


def _metrics_files(data: Path) -> list[Path]:
    return [*data.glob("metrics/*.parquet"), *data.glob("*.parquet")]


def _tables(database: Path, left_out: set[str]) -> dict[str, Rows]:
    with duckdb.connect(str(database), read_only=True) as connection:
        columns = connection.execute(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_name <> 'coverage' "
            "ORDER BY table_name, ordinal_position"
        ).fetchall()
        known: dict[str, list[str]] = {}
        for table, column in columns:
            known.setdefault(table, []).extend([f'"{column}"'] if column not in left_out else [])
        return {
            table: connection.execute(f"SELECT {', '.join(names)} FROM {table} ORDER BY ALL").fetchall()
            for table, names in known.items()
        }


def _rows(path: Path, left_out: set[str]) -> Rows:
    table = pq.read_table(path, partitioning=None)
    kept = [name for name in table.column_names if name not in left_out]
    return list(zip(*(table.column(name).to_pylist() for name in kept), strict=True))


def _promise(path: Path) -> tuple[Any, ...]:
    metadata = pq.read_metadata(path).metadata
    known = msgspec.json.decode(metadata[b"stx_pipelines.certificate"], type=Certificate)
    return known.expected, known.seen, known.first_height, known.last_height, known.state


def _first(mine: Sequence[Any], other: Sequence[Any]) -> object:
    return next(((a, b) for a, b in zip(mine, other, strict=False) if a != b), f"{len(mine)} and {len(other)} rows")
