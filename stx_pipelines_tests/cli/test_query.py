"""`query` prints exact results in every format, changes nothing, and names what is wrong; `tables` describes tables."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from stx_pipelines.cli.tables import all_tables
from stx_pipelines_tests.cli.folders import DONE, ERROR, MakeWorld, Run
from stx_pipelines_tests.world import World, recent_chain, table_rows

WEI = "SELECT 12345678901234567890123456789012345678::DECIMAL(38,0) AS wei, NULL AS nothing, 'a,\"b' AS text"


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """Return one stored and loaded day, and today."""
    world = make_world(recent_chain(1, transactions_per_day=60), stx_target_days=1)
    world.stored()
    return world


def test_a_query_of_the_table_is_printed(world: World, run: Run) -> None:
    done = run(world, "query", "SELECT count(*) AS n FROM transactions -- all of them")
    assert done.exit_code == DONE, done.output
    assert str(len(table_rows(world.data))) in done.stdout


def test_csv_and_json_keep_every_digit(world: World, run: Run) -> None:
    done = run(world, "query", WEI, "--format", "csv")
    assert done.stdout == 'wei,nothing,text\n12345678901234567890123456789012345678,,"a,""b"\n'
    done = run(world, "query", WEI, "--format", "json")
    [row] = json.loads(done.stdout, parse_int=Decimal)
    assert row == {"wei": Decimal("12345678901234567890123456789012345678"), "nothing": None, "text": 'a,"b'}


def test_a_file_is_written_as_its_name_says(world: World, run: Run, tmp_path: Path) -> None:
    path = tmp_path / "all.parquet"
    done = run(world, "query", "FROM transactions", "--output", str(path))
    assert done.exit_code == DONE, done.output
    assert done.stdout == f"{len(table_rows(world.data)):,} rows written to {path}\n"
    assert pq.read_table(path).num_rows == len(table_rows(world.data))


WRONG = {
    "a write": (["DROP TABLE transactions"], "read-only"),
    "a typing error": (["SELEC 1"], "syntax error"),
    "an unknown table": (["FROM nobody"], "nobody"),
    "nothing": ([""], "has no result"),
    "parquet on the screen": (["SELECT 1", "--format", "parquet"], "--output FILE"),
    "an unknown ending": (["SELECT 1", "--output", "x.xlsx"], "--format"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_done_is_one_error_and_changes_nothing(world: World, run: Run, case: str) -> None:
    before = world.folder.database.read_bytes()
    arguments, word = WRONG[case]
    done = run(world, "query", *arguments)
    assert done.exit_code == ERROR
    assert done.stderr.startswith("error: ")
    assert word in done.stderr
    assert world.folder.database.read_bytes() == before


def test_without_a_database_the_command_says_what_to_do(make_world: MakeWorld, run: Run) -> None:
    done = run(make_world(recent_chain(1)), "query", "SELECT 1")
    assert done.exit_code == ERROR
    assert "does not exist" in done.stderr


def test_a_failed_query_keeps_the_file_that_was_there(world: World, run: Run, tmp_path: Path) -> None:
    path = tmp_path / "kept.csv"
    path.write_text("kept")
    done = run(world, "query", "SELECT error('no') FROM transactions", "--output", str(path))
    assert done.exit_code == ERROR
    assert path.read_text() == "kept"
    assert [kept.name for kept in tmp_path.glob("*kept*")] == ["kept.csv"]


def test_every_table_of_the_database_is_described_as_it_is(world: World, run: Run) -> None:
    assert run(world, "sync").exit_code == DONE
    described = json.loads(run(world, "tables", "--json").stdout)
    known = {table["name"]: [(c["name"], c["type"]) for c in table["columns"]] for table in described}
    with duckdb.connect(str(world.folder.database), read_only=True) as connection:
        for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall():
            if name != "coverage":
                columns = connection.execute(f"DESCRIBE {name}").fetchall()
                assert known[name] == [(column, kind) for column, kind, *_ in columns]


def test_one_table_is_described_with_units(world: World, run: Run) -> None:
    done = run(world, "tables", "transactions")
    assert "the whole fee in microSTX" in done.stdout
    assert all(table.name in run(world, "tables").stdout for table in all_tables())
    done = run(world, "tables", "nobody")
    assert done.exit_code == ERROR
    assert "no table nobody" in done.stderr
