"""docs/ethereum.md is right about the tables, the checks, the queries and the defaults."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest

from stx_pipelines.defs.checks import ethereum_checks
from stx_pipelines.settings import Settings
from stx_pipelines.store.ethereum_checks import BEFORE_MERGE, SINCE_MERGE
from stx_pipelines.store.statements import load_sql, schema_sql
from stx_pipelines_tests.store.ethereum_days import ALICE, blocks_of, changes_of, store_days, store_parts
from stx_pipelines_tests.store.ethereum_days import DAYS as HAND_MADE
from stx_pipelines_tests.world import ROOT

TEXT = (ROOT / "docs" / "ethereum.md").read_text()
QUERIES = re.findall(r"```sql\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("table", ["blocks", "miners_balance", "increase_parts"])
def test_the_columns_are_those_of_the_table(table: str) -> None:
    [described] = re.findall(rf"\| `{table}` \| \|\n(.*?)\n\n", TEXT, re.DOTALL)
    rows = [row for row in described.splitlines() if not row.startswith("|---")]
    named = [name.strip() for row in rows for name in row.split("|")[1].split(",")]
    with duckdb.connect() as connection:
        connection.execute("ATTACH ':memory:' AS warehouse")
        connection.execute(schema_sql())
        columns = [name for (name, *_) in connection.execute(f"DESCRIBE warehouse.{table}").fetchall()]
    assert sorted(named) == sorted(columns)


def test_the_queries_return_rows(data: Path) -> None:
    """The address of the second query is replaced by a known one. The third query is that of the demo."""
    database = store_days(data)
    store_parts(data, HAND_MADE[0], blocks_of(HAND_MADE[0]), changes_of(HAND_MADE[0]))
    parts, one, top = QUERIES
    asked = re.sub(r"0x[0-9a-f]{40}", ALICE, one)
    with duckdb.connect(str(database), read_only=True) as connection:
        rows = connection.execute(asked).fetchall()
        assert len(connection.execute(parts).fetchall()) == 3
    mine = [change for day in HAND_MADE for change in changes_of(day) if change.miner == ALICE]
    assert [(row[0], int(row[2])) for row in rows] == [(each.block_number, each.balance_increase) for each in mine]
    kept = re.sub(r"--.*\n", "", load_sql("top_fee_recipients")).replace("$limit", "10")
    assert top.split() == kept.split()


def test_the_checks_and_their_bounds_are_named() -> None:
    [checks] = re.findall(r"\| check \|.*?\n\n", TEXT, re.DOTALL)
    named = re.findall(r"^\| `(\w+)` \|", checks, re.MULTILINE)
    assert named == [spec.name for check in ethereum_checks for spec in check.check_specs]
    shares = [float(share) / 100 for share in re.findall(r"(\d+) %", checks)]
    assert shares == [SINCE_MERGE.negative, SINCE_MERGE.zero, BEFORE_MERGE.negative, BEFORE_MERGE.zero]


def test_the_defaults_are_those_of_the_settings() -> None:
    table = dict(re.findall(r"^\| `(ETH_\w+)` \| (\d+)", TEXT, re.MULTILINE))
    defaults = {name.upper(): str(field.default) for name, field in Settings.model_fields.items()}
    assert table
    assert table == {name: defaults[name] for name in table}
