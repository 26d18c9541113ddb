"""A Parquet file made of an earlier file and of new rows has all rows, for every reader, or is not made."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
import msgspec
import pandas as pd
import pyarrow.parquet as pq
import pytest

from stx_pipelines.store.append import write_after
from stx_pipelines.store.files import StoreError
from stx_pipelines.store.parquet import read_metadata

OLD = "SELECT range AS n, concat('SP', range) AS address, (range / 7)::DECIMAL(38, 6) AS fee_stx FROM range(300_000)"
NEW = OLD.replace("range(300_000)", "range(300_000, 300_005)")


class Note(msgspec.Struct):
    """Metadata of a file."""

    number: int


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    """Return a connection that keeps the order of rows."""
    return duckdb.connect(config={"threads": 2})


@pytest.fixture
def base(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> Path:
    """Return a file of several row groups."""
    path = tmp_path / "files" / "base.parquet"
    path.parent.mkdir()
    assert write_after(connection, None, OLD, path, {"note": Note(1)}) == 300_000
    return path


@pytest.mark.parametrize("more", [NEW, f"FROM ({NEW}) LIMIT 0", OLD])
def test_new_rows_follow_those_of_the_base(connection: duckdb.DuckDBPyConnection, base: Path, more: str) -> None:
    """DuckDB and pandas read the same rows, and the metadata is that of the new file."""
    path = base.with_name("whole.parquet")
    expected = connection.execute(f"{OLD} UNION ALL ({more})").fetchall()
    assert write_after(connection, base, more, path, {"note": Note(2)}) == len(expected)
    assert connection.execute(f"FROM '{path}'").fetchall() == expected
    assert [tuple(row) for row in pd.read_parquet(path).itertuples(index=False)] == expected
    assert read_metadata(path, "note", Note) == Note(2)
    assert read_metadata(base, "note", Note) == Note(1)


def test_a_file_can_be_added_to_again_and_again(connection: duckdb.DuckDBPyConnection, base: Path) -> None:
    """Also a file without rows."""
    empty = base.with_name("0.parquet")
    write_after(connection, None, f"FROM ({OLD}) LIMIT 0", empty, {"note": Note(0)})
    for number in range(3):
        write_after(connection, base.with_name(f"{number}.parquet"), NEW, base.with_name(f"{number + 1}.parquet"), {})
    assert connection.execute(f"SELECT count(*), sum(n) FROM '{base.with_name('3.parquet')}'").fetchall() == [
        (15, 3 * sum(range(300_000, 300_005)))
    ]


def test_only_the_rows_asked_for_are_read(connection: duckdb.DuckDBPyConnection, base: Path) -> None:
    """The copied row groups keep their statistics."""
    path = base.with_name("whole.parquet")
    write_after(connection, base, NEW, path, {})
    known = pq.read_metadata(path)
    spans = [known.row_group(group).column(0).statistics for group in range(known.num_row_groups)]
    assert [(span.min, span.max) for span in spans] == [
        (0, 122_879),
        (122_880, 245_759),
        (245_760, 299_999),
        (300_000, 300_004),
    ]


@pytest.mark.parametrize("query", ["SELECT error('no such day')", "FROM missing_table"])
def test_the_old_file_is_kept_if_the_query_fails(connection: duckdb.DuckDBPyConnection, base: Path, query: str) -> None:
    """Nothing else is left in the folder."""
    path = base.with_name("whole.parquet")
    path.write_bytes(b"old")
    with pytest.raises(StoreError, match=r"whole\.parquet could not be written .*the old file, if any, is kept"):
        write_after(connection, base, query, path, {})
    assert path.read_bytes() == b"old"
    assert sorted(each.name for each in base.parent.iterdir()) == ["base.parquet", "whole.parquet"]


def test_a_full_disk_is_told_in_a_sentence(connection: duckdb.DuckDBPyConnection, base: Path) -> None:
    """In a process of its own, which may write files of 500 kB only."""
    script = f"""
import resource, signal, duckdb
from pathlib import Path
from stx_pipelines.store.append import write_after
from stx_pipelines.store.files import StoreError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, resource.RLIM_INFINITY))
for before in (None, Path({str(base)!r})):
    try:
        write_after(duckdb.connect(), before, {OLD!r}, Path({str(base)!r}).with_name("whole.parquet"), {{}})
    except StoreError as error:
        print(error)
"""
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout.count("whole.parquet could not be written") == 2, told.stdout
    assert "Traceback" not in told.stderr
    assert [each.name for each in base.parent.iterdir()] == ["base.parquet"]
