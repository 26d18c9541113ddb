"""The one comparison every scenario ends with: what is here equals what a run without any trouble leaves.

Not here: claims (test_*.py), the troubles themselves. It asks no dataset by its name: every table, every day file and
every metric that one of the two runs has is compared, so that a dataset that is new takes part by itself.
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
"""Columns that say when, and not what."""


class Holding(NamedTuple):
    """What a data folder holds: rows by table, by day file and by file of metrics; what certificates promise."""

    tables: dict[str, Rows]
    day_files: dict[str, Rows]
    metrics: dict[str, Rows]
    certificates: dict[str, tuple[Any, ...]]


def holding(data: Path, without: Sequence[str] = ()) -> Holding:
    """Everything in the folder that must not depend on how it came there, but for the columns `without`."""
    left_out = _OF_A_RUN | set(without)
    day_files = {f"{path.parent.name}/{path.stem}": path for path in data.glob("days/*/????-??-??.parquet")}
    metrics = {path.stem: path for path in [*data.glob("metrics/*.parquet"), *data.glob("*.parquet")]}
    return Holding(
        _tables(data / "warehouse.duckdb", left_out),
        {name: _rows(path, left_out) for name, path in day_files.items()},
        {name: sorted(_rows(path, left_out), key=repr) for name, path in metrics.items()},
        {name: _promise(path) for name, path in day_files.items()},
    )


def assert_undisturbed(world: Followed, calm: Followed, without: Sequence[str] = ()) -> None:
    """Tables, day files, metrics and certificates of both are equal, row for row."""
    ours, theirs = holding(world.data, without), holding(calm.data, without)
    for part, mine, other in zip(Holding._fields, ours, theirs, strict=True):
        assert sorted(mine) == sorted(other), part
        wrong = [name for name in other if mine[name] != other[name]]
        assert not wrong, f"{part} differ: {wrong}; first differing row: {_first(mine[wrong[0]], other[wrong[0]])}"


def refresh_metrics(world: Followed) -> None:
    """Every metric, from what is closed now."""
    open_metrics(world.project()).refresh()


def calm_down(world: Followed) -> None:
    """A server without any trouble, that answers at once."""
    vars(world.knobs).update(vars(type(world.knobs)()))


def persevere(world: World, days: Sequence[date] | None = None, tries: int = 200) -> int:
    """Sync again and again, as a person or a sensor would, until every day is home; how many times it took.

    Whatever goes wrong must be one of the errors that are documented.
    """
    for attempt in range(1, tries + 1):
        with suppress(ApiError, StoreError):
            if not any(isinstance(result, FailedDay) for result in world.sync(days)):
                return attempt
    raise AssertionError(f"days are still missing after {tries} runs")


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
