"""`verify --db` counts the rows that a file of another tool has, lacks, and has too many, without the network."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import Result

from stx_pipelines_tests.cli.folders import DONE, ERROR, Run
from stx_pipelines_tests.sync.ethereum.world import DevnetWorld, make_chain
from stx_pipelines_tests.world import World

MADE_UP = "0x" + "ab" * 32
DAY = "burn_block_time::DATE"


class Other:
    """A table of another tool, made from our table `transactions`, which is changed and then written to a file."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.connection = duckdb.connect()
        self.connection.execute(f"ATTACH '{world.data}/warehouse.duckdb' AS ours (READ_ONLY)")
        self.run("CREATE TABLE transactions AS FROM ours.transactions")
        self.run("DETACH ours")

    def run(self, statement: str) -> list[Any]:
        return self.connection.execute(statement).fetchall()

    def write(self, path: Path, columns: str = "*") -> Path:
        if path.suffix == ".duckdb":
            self.run(f"ATTACH '{path}' AS file")
            self.run(f"CREATE TABLE file.transactions AS SELECT {columns} FROM transactions")
            self.run("CREATE TABLE file.another AS SELECT 1 AS tx_id")
            self.run("DETACH file")
        else:
            self.run(f"COPY (SELECT {columns} FROM transactions) TO '{path}'")
        return path


@pytest.fixture
def other(full: World) -> Other:
    return Other(full)


def compared(run: Run, world: World | DevnetWorld, file: Path, *options: str) -> list[dict[str, Any]]:
    done = run(world, "verify", "--json", "--db", str(file), *options)
    assert done.exit_code == DONE, done.output
    findings: list[dict[str, Any]] = json.loads(done.stdout)["findings"]
    return findings


@pytest.mark.parametrize("ending", [".duckdb", ".parquet", ".csv.gz"])
def test_rows_that_are_missing_and_rows_that_are_too_many_are_counted_per_day(
    other: Other, run: Run, tmp_path: Path, ending: str
) -> None:
    world, days = other.world, other.world.days
    [(all_rows,)] = other.run("SELECT count(*) FROM transactions")
    [(of_first,)] = other.run(f"SELECT count(*) FROM transactions WHERE {DAY} = '{days[0]}'")
    other.run(f"DELETE FROM transactions WHERE {DAY} = '{days[0]}' AND rowid % 2 = 0")
    [(held,)] = other.run(f"SELECT count(*) FROM transactions WHERE {DAY} = '{days[0]}'")
    made_up = f"SELECT * REPLACE ('{MADE_UP}' AS tx_id) FROM transactions WHERE {DAY} = '{days[1]}' LIMIT 1"
    other.run(f"INSERT INTO transactions {made_up}")
    world.requests()
    file = other.write(tmp_path / f"old{ending}")
    *by_day, total = compared(run, world, file)
    assert world.requests() == 0
    assert [(each["day"], each["missing"], each["extra"]) for each in by_day] == [
        (str(days[0]), of_first - held, 0),
        (str(days[1]), 0, 1),
        *((str(day), 0, 0) for day in days[2:]),
    ]
    assert [each["agrees"] for each in by_day] == [False, False, *(True for _ in days[2:])]
    assert by_day[0]["share"] == pytest.approx(held / of_first)
    assert total["missing"] == of_first - held
    assert total["sentence"].endswith(f"of the {all_rows:,} certified transactions of {len(days)} days")


def test_the_sentences_name_the_columns_and_what_was_not_compared(other: Other, run: Run, tmp_path: Path) -> None:
    days = other.world.days
    other.run(f"DELETE FROM transactions WHERE {DAY} = '{days[0]}'")
    other.run("INSERT INTO transactions FROM transactions LIMIT 1")
    other.run("INSERT INTO transactions BY NAME SELECT 'none' AS tx_id")
    file = other.write(tmp_path / "a.csv", "upper(right(tx_id, 64)) AS TxID, block_height AS height")
    done = run(other.world, "verify", "--db", str(file))
    assert done.exit_code == DONE, done.output
    assert done.stderr == f"{file}: rows by column TxID, days by column height\n"
    lines = done.stdout.splitlines()
    assert lines[0].startswith(f"{days[0]}: 0% of transactions, 0% of wallets; ")
    assert lines[1] == f"{days[1]}: 100% of transactions, 100% of wallets; 0 missing, 0 extra"
    # The text "none" has no 64 digits.
    assert lines[-3:-1] == [
        "1 of its rows have no valid value in that column and were not compared",
        "1 of its rows repeat another row",
    ]


def test_failed_transactions_and_those_of_other_days_are_not_extra(other: Other, run: Run, tmp_path: Path) -> None:
    world = other.world
    day = world.days[1]
    file = world.data / "days" / "transactions" / f"{day}.parquet"
    assert other.run(f"SELECT count(*) FROM '{file}' WHERE tx_status <> 'success'") != [(0,)]
    *_, elsewhere, total = compared(run, world, file, "--from", str(day), "--to", str(day))
    assert (total["missing"], total["extra"], total["agrees"]) == (0, 0, True)
    assert elsewhere["sentence"].startswith(f"{day}: 100%")
    every = other.write(tmp_path / "all.parquet")
    found = compared(run, world, every, "--from", str(day), "--to", str(day))
    assert found[-1]["extra"] == 0
    assert found[-2]["sentence"].endswith("belong to none of these days and were not compared")


def test_a_file_without_heights_has_extra_rows_of_no_day(other: Other, run: Run, tmp_path: Path) -> None:
    other.run(f"INSERT INTO transactions BY NAME SELECT '{MADE_UP}' AS tx_id")
    file = other.write(tmp_path / "ids.parquet", "unhex(right(tx_id, 64)) AS tx_hash")
    *by_day, rest, total = compared(run, other.world, file)
    assert {each["extra"] for each in (*by_day, total)} == {None}
    assert rest["sentence"].startswith("1 of its rows belong to none of these days")


@pytest.mark.parametrize("name", ["text.duckdb", "empty.duckdb", "other.csv", "broken.parquet", "none.csv"])
def test_something_else_is_one_sentence(full: World, run: Run, tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    if name == "empty.duckdb":
        duckdb.connect(str(file)).close()
    elif name != "none.csv":
        file.write_text("PAR1" if name == "broken.parquet" else "fee,sender\n1,2\n")
    done = run(full, "verify", "--db", str(file))
    assert done.exit_code == ERROR
    assert done.output.startswith(f"error: {file} cannot be read")
    assert "rebuild" not in done.output  # this would be advice for our database
    assert len(done.output.splitlines()) == 1


def test_ethereum_blocks_are_compared_by_hash_and_by_number(
    make_ethereum: Callable[..., DevnetWorld], run: Callable[..., Result], tmp_path: Path
) -> None:
    world = make_ethereum(make_chain(1))
    world.sync()
    file = tmp_path / "blocks.csv"
    with duckdb.connect(str(world.data / "warehouse.duckdb"), read_only=True) as connection:
        hashes = f"CASE WHEN number % 10 = 0 THEN '{MADE_UP[:-4]}' || lpad(number::VARCHAR, 4, '0') ELSE hash END"
        connection.execute(f"COPY (SELECT number, {hashes} AS hash FROM blocks WHERE number % 10 <> 1) TO '{file}'")
        [(lost, altered)] = connection.execute(
            "SELECT count(*) FILTER (number % 10 = 1), count(*) FILTER (number % 10 = 0) FROM blocks"
        ).fetchall()
        numbers = tmp_path / "numbers.csv"
        connection.execute(f"COPY (SELECT number AS block_number FROM '{file}') TO '{numbers}'")
    total = compared(run, world, file, "--chain", "ethereum")[-1]
    assert (total["missing"], total["extra"]) == (lost + altered, altered)
    total = compared(run, world, numbers, "--chain", "ethereum")[-1]
    assert (total["missing"], total["extra"]) == (lost, 0)
