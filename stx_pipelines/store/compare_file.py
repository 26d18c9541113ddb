"""The comparison of a file of another tool with the day files, by transaction ids, block hashes or block numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from stx_pipelines.chains.datasets import DATASETS, Dataset
from stx_pipelines.store.day_files import DayFiles
from stx_pipelines.store.loading import DayFile
from stx_pipelines.store.other_files import Column, OtherFile, other_file
from stx_pipelines.store.statements import load_sql, named

if TYPE_CHECKING:
    import duckdb


class HeldDay(NamedTuple):
    """The part of a stored day that another file has.

    `certified` is the number of rows that our table shows, `held` the number of those that the file has. `wallets` and
    `wallets_held` count their senders, and are 0 for Ethereum. `extra` is the number of rows that the file places on
    this day and that the day does not have, None if the file does not tell the day of a row.
    """

    day: date
    certified: int
    held: int
    wallets: int
    wallets_held: int
    extra: int | None

    @property
    def missing(self) -> int:
        """The number of certified rows that the file lacks."""
        return self.certified - self.held


class Rest(NamedTuple):
    """The rows of another file that belong to no stored day, have no valid key, or repeat the key of another row."""

    elsewhere: int
    invalid: int
    repeated: int


class Comparison:
    """The comparison of another file with the stored days of a dataset, whose keys `compared_with` has loaded."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, file: OtherFile) -> None:
        self._connection = connection
        self.file = file

    def days(self) -> list[HeldDay]:
        """Return the result of each stored day, oldest first."""
        found = [HeldDay(*row) for row in self._connection.execute(load_sql("held")).fetchall()]
        return found if self.file.height else [day._replace(extra=None) for day in found]

    def rest(self) -> Rest:
        """Return the numbers of rows that belong to no stored day, have no valid key, or repeat a key."""
        [counts] = self._connection.execute(load_sql("held_rest")).fetchall()
        return Rest(*counts)


@contextmanager
def compared_with(path: Path, dataset: str, days: Sequence[DayFile], run_folder: Path) -> Iterator[Comparison]:
    """Open another file, and load its keys and those of the stored days. Raises `StoreError`."""
    of = DATASETS[dataset]
    with other_file(path, of.chain, run_folder) as (connection, file):
        connection.execute(load_sql("shown"))
        connection.execute(f"CREATE TEMP TABLE theirs AS {_theirs(file)}")
        connection.execute(f"CREATE TEMP TABLE truth ({_truth_columns(file)})")
        key, height = _our_columns(file, of)
        for day in days:
            rows = DayFiles(day.path.parent).columns(day.certificate.day, [*{key, height, *of.shown_by}])
            connection.register("day_file", rows)
            connection.execute(f"INSERT INTO truth {_truth(of, key, height)}", {"day": day.certificate.day})
        yield Comparison(connection, file)


def _theirs(file: OtherFile) -> str:
    """Return the query of the other file's keys and places."""
    key = _hash(file.key) if file.key.is_hash else _number(file.key)
    place = _number(file.height) if file.height else "NULL::BIGINT"
    return f"SELECT {key} AS key, {place} AS place FROM {file.source}"


def _truth_columns(file: OtherFile) -> str:
    key = "BLOB" if file.key.is_hash else "BIGINT"
    return f"day DATE, key {key}, place BIGINT, wallet VARCHAR, is_shown BOOLEAN"


def _our_columns(file: OtherFile, of: Dataset) -> tuple[str, str]:
    """Return our columns that mean the same as the key and the height of the other file."""
    of_hash, number = ("tx_id", "block_height") if of.chain == "stacks" else ("hash", "number")
    is_burn_height = file.height is not None and file.height.name.lower() == "burn_block_height"
    return of_hash if file.key.is_hash else number, "burn_block_height" if is_burn_height else number


def _truth(of: Dataset, key: str, height: str) -> str:
    """Return the query of a day file's rows for the table `truth`."""
    is_shown = f"shown_{of.name}({named(*of.shown_by)})" if of.shown_by else "true"
    wallet = "sender_address" if "sender_address" in of.shown_by else "NULL"
    ours = _hash(Column(key, "VARCHAR")) if key in ("tx_id", "hash") else named(key)
    return f"SELECT $day, {ours}, {named(height)}, {wallet}, {is_shown} FROM day_file"


def _number(column: Column) -> str:
    return f"TRY_CAST({named(column.name)} AS BIGINT)"


def _hash(column: Column) -> str:
    """Return the SQL of the 32 bytes of a hash, NULL for anything else. They take half the memory of their text."""
    name = named(column.name)
    if column.kind == "BLOB":
        return f"CASE WHEN octet_length({name}) = 32 THEN {name} END"
    text = f"{name}::VARCHAR"
    return f"CASE WHEN regexp_full_match({text}, '(0[xX])?[0-9a-fA-F]{{64}}') THEN unhex(right({text}, 64)) END"
