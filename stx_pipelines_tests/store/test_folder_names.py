"""The name of the data folder changes no value in any table, even if it has special characters."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest
from click.testing import Result

from stx_pipelines.metrics.checks import CHECKS, judge
from stx_pipelines.metrics.open import open_metrics
from stx_pipelines.store.compare_file import compared_with
from stx_pipelines.store.fee_recipients import fee_recipients
from stx_pipelines.store.inspect import differing_days
from stx_pipelines.store.scratch import Engine
from stx_pipelines_tests.cli.conftest import run
from stx_pipelines_tests.faults.undisturbed import Followed, assert_undisturbed, refresh_metrics
from stx_pipelines_tests.store.ethereum_days import change
from stx_pipelines_tests.sync.ethereum import world as ethereum
from stx_pipelines_tests.world import FIRST_DAY, ROOT, World, make_chain, query, recent_chain

__all__ = ["run"]  # a fixture, found by its name

MakeWorld = Callable[..., World]
DONE = 0
PACKAGE = ROOT / "stx_pipelines"
NAMES = [
    "date=2026-01-01/sender_address=SPX/fee_ustx=7/tx_status=x",
    "miner=me/balance_after=5/number=1/canonical=false/ingested_at=2000-01-01",
    "a[bc]d *",
    'it\'s {one,two} "three" ]',
]
NAMES_OF_SYNCS = ["sender_address=SPX/burn_block_time=2026-01-01", "[ab]*=1 {x} \"y\" 'z'"]


@pytest.fixture
def make_ethereum() -> Iterator[Callable[..., ethereum.DevnetWorld]]:
    with ExitStack() as open_worlds:
        yield lambda *arguments: open_worlds.enter_context(ethereum.world(*arguments))


def decoys(folder: Path) -> None:
    """Create folders that the tested names would match if they were read as patterns."""
    for name in ("abd x", "acd ", "a1", "bx=1 {x} \"y\" 'z'"):
        (folder / name / "days" / "transactions").mkdir(parents=True, exist_ok=True)
        (folder / name / "days" / "transactions" / f"{FIRST_DAY}.parquet").write_bytes(b"not to be read")


def with_all_results(world: Followed) -> Followed:
    world.sync()
    refresh_metrics(world)
    return world


@pytest.mark.parametrize("name", NAMES)
def test_a_folders_name_changes_no_transaction_and_no_metric(make_world: MakeWorld, tmp_path: Path, name: str) -> None:
    decoys(tmp_path)
    chain = make_chain(2, 12, transactions_per_day=60)
    named, plain = make_world(chain, data=tmp_path / name), make_world(chain)
    assert_undisturbed(with_all_results(named), with_all_results(plain))
    named.assert_true()
    store = named.open_sync().store
    proved = {(day.certificate.proved_at.replace(tzinfo=None),) for day in store.stored()}
    assert set(query(named.data, "SELECT DISTINCT ingested_at FROM transactions")) == proved
    store.warehouse.rebuild({"transactions": store.stored()})
    named.assert_true()
    days = store.stored()
    assert differing_days(store.warehouse.path, "transactions", days) == []
    with compared_with(store.warehouse.path, "transactions", days, named.folder.run) as comparison:
        assert {(each.missing, each.extra) for each in comparison.days()} == {(0, 0)}
    verdicts = {check.name: judge(open_metrics(named.project()), check) for check in CHECKS}
    assert {name: verdict for name, verdict in verdicts.items() if verdict.broken != 0} == {}


@pytest.mark.parametrize("name", NAMES)
def test_a_folders_name_changes_no_block_and_no_balance(
    make_ethereum: Callable[..., ethereum.DevnetWorld], tmp_path: Path, name: str
) -> None:
    decoys(tmp_path)
    chain = ethereum.make_chain(1)
    named, plain = make_ethereum(chain, tmp_path / name), make_ethereum(chain, tmp_path / "plain")
    for world in (named, plain):
        world.sync()
    assert_undisturbed(named, plain)
    named.assert_true()
    database = named.data / "warehouse.duckdb"
    for dataset in ("blocks", "miners_balance"):
        assert differing_days(database, dataset, ethereum.open_store(named.data, dataset).stored()) == []
    theirs, ours = (fee_recipients(world.folder, Engine(), 9) for world in (plain, named))
    assert ours is not None
    assert ours == theirs


@pytest.mark.parametrize("name", NAMES_OF_SYNCS)
def test_the_commands_work_in_a_folder_of_any_name(
    make_world: MakeWorld, run: Callable[..., Result], tmp_path: Path, name: str
) -> None:
    decoys(tmp_path)
    chain = recent_chain(2, transactions_per_day=60)
    named, plain = (make_world(chain, data=tmp_path / each, stx_target_days=2) for each in (name, "plain"))
    for world in (named, plain):
        done = run(world, "sync")
        assert done.exit_code == DONE, done.output
    assert_undisturbed(named, plain)
    for command in (
        ["verify"],
        ["rebuild"],
        ["status"],
        ["health"],
        ["verify", "--db", f"{named.data}/warehouse.duckdb"],
    ):
        done = run(named, *command)
        assert done.exit_code == DONE, (command, done.output)
    named.assert_true()


def test_a_table_that_took_a_folders_name_for_a_column_is_noticed(make_world: MakeWorld, tmp_path: Path) -> None:
    """Earlier versions loaded such tables. The comparison of table and file must not make the same mistake."""
    world = make_world(make_chain(1, 12), data=tmp_path / "fee_ustx=7")
    world.stored()
    store = world.open_sync().store
    assert differing_days(store.warehouse.path, "transactions", store.stored()) == []
    change(store.warehouse.path, f"UPDATE transactions SET fee_ustx = 7 WHERE burn_block_time::DATE = '{FIRST_DAY}'")
    assert differing_days(store.warehouse.path, "transactions", store.stored()) == [FIRST_DAY]


@pytest.mark.parametrize("dataset", ["blocks", "miners_balance"])
def test_a_single_wei_or_second_is_noticed(
    make_ethereum: Callable[..., ethereum.DevnetWorld], tmp_path: Path, dataset: str
) -> None:
    world = make_ethereum(ethereum.make_chain(1), tmp_path / "data")
    world.sync()
    database, days = world.data / "warehouse.duckdb", ethereum.open_store(world.data, dataset).stored()
    column = {"blocks": "number", "miners_balance": "block_number"}[dataset]
    spoiled = {
        "blocks": "ingested_at = ingested_at + INTERVAL 1 MICROSECOND",
        "miners_balance": "balance_after = balance_after + 1",
    }[dataset]
    change(database, f"UPDATE {dataset} SET {spoiled} WHERE {column} = (SELECT max({column}) FROM {dataset})")
    assert differing_days(database, dataset, days) == [FIRST_DAY + timedelta(days=1)]


def test_parquet_files_are_read_in_one_place_only() -> None:
    """Elsewhere DuckDB could take a folder's name for a column or a pattern."""
    forms = (r"read_parquet\s*\(", r"parquet_scan\s*\(", r"from_parquet\s*\(", r"\b(FROM|JOIN)\s+['\"].*\.parquet")
    reads = re.compile("|".join(forms), re.IGNORECASE)
    sources = [path for path in sorted(PACKAGE.rglob("*")) if path.suffix in {".py", ".sql"}]
    found = [
        f"{path.relative_to(PACKAGE)}: {line.strip()}"
        for path in sources
        for line in path.read_text(encoding="utf-8").splitlines()
        if reads.search(line)
    ]
    options = "hive_partitioning = false, union_by_name = {str(not same_columns).lower()}"
    assert found == [f'store/parquet.py: return f"read_parquet([{{names}}], {options})"']


def test_arrow_reads_no_column_from_a_folders_name() -> None:
    """By default `read_table` reads columns from the path. Arrow's datasets do too, and are not used."""
    source = "\n".join(path.read_text(encoding="utf-8") for path in sorted(PACKAGE.rglob("*.py")))
    assert re.findall(r"pyarrow\.dataset|ParquetDataset", source) == []
    calls = [line for line in source.splitlines() if "pq.read_table(" in line]
    assert calls
    assert [call for call in calls if "partitioning=None" not in call] == []


def test_duckdb_still_takes_a_folders_name_for_a_column_by_default(tmp_path: Path) -> None:
    """If this fails, the folder names in this file no longer test anything."""
    folder = tmp_path / "fee_ustx=7"
    folder.mkdir()
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT 1 AS fee_ustx) TO '{folder / 'day.parquet'}' (FORMAT parquet)")
        assert connection.execute(f"SELECT fee_ustx FROM read_parquet('{folder / 'day.parquet'}')").fetchall() == [(7,)]
