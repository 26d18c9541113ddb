"""Files of other tools: DuckDB databases, Parquet and CSV files with a row per transaction or per block.

This module finds the columns by their names. The comparison with the day files is in `compare_file`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from stx_pipelines.chains.datasets import BLOCKS, TRANSACTIONS
from stx_pipelines.store.files import StoreError, first_line
from stx_pipelines.store.parquet import csv_rows, parquet_rows
from stx_pipelines.store.scratch import Engine, quoted, scratch_database
from stx_pipelines.store.statements import named

if TYPE_CHECKING:
    import duckdb

_ADVICE = "nothing was changed: give a DuckDB database, a Parquet file or a CSV file"
_CSV_ENDINGS = (".csv", ".csv.gz", ".tsv", ".tsv.gz")


class Names(NamedTuple):
    """The names of columns that other tools use, the likeliest first.

    `hashes` identify a row, `heights` tell its day. If a file has no hashes, `numbers` identify its rows.
    """

    table: str
    hashes: tuple[str, ...]
    numbers: tuple[str, ...]
    heights: tuple[str, ...]
    noun: str


NAMES: Mapping[str, Names] = {
    "stacks": Names(
        TRANSACTIONS,
        ("tx_id", "txid", "tx_hash", "txhash", "transaction_id", "transaction_hash"),
        ("block_height", "height", "block_number"),
        ("burn_block_height", "block_height", "height", "block_number"),
        "transaction ids",
    ),
    "ethereum": Names(
        BLOCKS,
        ("block_hash", "blockhash", "hash"),
        ("block_number", "blocknumber", "number", "block_height", "height"),
        ("block_number", "blocknumber", "number", "block_height", "height"),
        "block numbers or block hashes",
    ),
}


class Column(NamedTuple):
    """A column of the other file: its name in the file's spelling, DuckDB's type, and whether it holds hashes."""

    name: str
    kind: str
    is_hash: bool = False


class OtherFile(NamedTuple):
    """The part of another file that is compared.

    `source` is its table as SQL text, `table` the name of the table, None for a file that is a single table. `key` is
    the column that identifies a row, `height` the column that tells its day, None if there is none.
    """

    path: Path
    source: str
    table: str | None
    key: Column
    height: Column | None

    @property
    def description(self) -> str:
        """The table and the columns that are compared, in one line."""
        table = f"table {self.table}, " if self.table else ""
        days = f"days by column {self.height.name}" if self.height else "no column tells the day of a row"
        return f"{self.path}: {table}rows by column {self.key.name}, {days}"


@contextmanager
def other_file(path: Path, chain: str, run_folder: Path) -> Iterator[tuple[duckdb.DuckDBPyConnection, OtherFile]]:
    """Open another file read-only. The connection is in memory and spills to a folder below `run_folder`.

    Raises `StoreError` if the file cannot be read or has no column of ids or block numbers.
    """
    import duckdb

    try:
        with scratch_database(run_folder, Engine()) as connection:
            yield connection, _find(connection, path, NAMES[chain])
    except duckdb.Error as error:
        reason = first_line(error)
        raise _unreadable(path, reason) from error


def _unreadable(path: Path, reason: str) -> StoreError:
    return StoreError(f"{path} cannot be read ({reason}); {_ADVICE}")


def _find(connection: duckdb.DuckDBPyConnection, path: Path, names: Names) -> OtherFile:
    """Return the first table with a column that identifies its rows."""
    for source, table in _tables(connection, path, names.table):
        described = connection.execute(f"DESCRIBE FROM {source}").fetchall()
        columns = {name.lower(): Column(name, kind, name.lower() in names.hashes) for name, kind, *_ in described}
        if (key := _first(columns, names.hashes + names.numbers)) is not None:
            return OtherFile(path, source, table, key, _first(columns, names.heights))
    wanted = ", ".join(names.hashes + names.numbers)
    raise _unreadable(path, f"it has no column of {names.noun}, named {wanted}")


def _first(columns: Mapping[str, Column], wanted: Sequence[str]) -> Column | None:
    return next((columns[name] for name in wanted if name in columns), None)


def _tables(connection: duckdb.DuckDBPyConnection, path: Path, preferred: str) -> Iterator[tuple[str, str | None]]:
    """Yield the tables of a file as SQL text with their names. Of a database, the one named `preferred` comes first."""
    try:
        with path.open("rb") as file:
            start = file.read(12)
    except OSError as error:
        raise _unreadable(path, error.strerror or "unknown") from error
    if start[8:] == b"DUCK":
        connection.execute(f"ATTACH {quoted(str(path.absolute()))} AS other (READ_ONLY)")
        query = (
            "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = 'other' "
            "ORDER BY table_name <> $preferred, estimated_size DESC"
        )
        for schema, table in connection.execute(query, {"preferred": preferred}).fetchall():
            yield f"other.{named(schema)}.{named(table)}", table
    elif start[:4] == b"PAR1":
        yield parquet_rows(path), None
    elif path.name.lower().endswith(_CSV_ENDINGS):
        yield csv_rows(path), None
    else:
        raise _unreadable(path, f"it is none of them: a CSV file's name ends with {', '.join(_CSV_ENDINGS)}")
