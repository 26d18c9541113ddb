"""Each asset has an owner, a version, a source and the same columns as its tables in the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from stx_pipelines.chains.datasets import DATASETS
from stx_pipelines.definitions import defs
from stx_pipelines.metrics.results import RESULTS
from stx_pipelines_tests.metrics.history import store_history, store_in
from stx_pipelines_tests.store.ethereum_days import store_days
from stx_pipelines_tests.world import World, make_chain

GRAPH = defs.resolve_asset_graph()
ASSETS = {key.to_user_string(): GRAPH.get(key) for key in GRAPH.get_all_asset_keys()}


def schemas(asset: str) -> Iterator[tuple[str, dg.TableSchema]]:
    """Yield each table of an asset with its columns, as the UI shows them."""
    for key, value in ASSETS[asset].metadata.items():
        schema = value.value if isinstance(value, dg.MetadataValue) else value
        if isinstance(schema, dg.TableSchema):
            yield asset if key == "dagster/column_schema" else key.removeprefix("columns_"), schema


def assert_as_in_database(database: Path, asset: str) -> None:
    """Assert that each column's name, type and comment equal the database's, and that nulls are only where allowed."""
    tables = dict(schemas(asset))
    details = DATASETS[asset].details if asset in DATASETS else None
    assert list(tables) == list(RESULTS.get(asset, [asset, details.name] if details else [asset]))
    with duckdb.connect(str(database), read_only=True) as connection:
        for table, schema in tables.items():
            listed = f"SELECT column_name, data_type, comment FROM duckdb_columns() WHERE table_name = '{table}'"
            found = connection.execute(f"{listed} ORDER BY column_index").fetchall()
            told = [(column.name, column.type.replace(" ", ""), column.description) for column in schema.columns]
            assert told == found
            full = [column.name for column in schema.columns if not column.constraints.nullable]
            [nulls] = connection.execute(
                f"SELECT {', '.join(f'count(*) - count({n})' for n in full)} FROM {table}"
            ).fetchall()
            assert dict(zip(full, nulls, strict=True)) == dict.fromkeys(full, 0), table


@pytest.mark.parametrize("asset", RESULTS)
def test_a_metric_has_the_columns_of_its_tables(metrics: Path, asset: str) -> None:
    assert_as_in_database(metrics, asset)


@pytest.fixture(scope="module")
def metrics(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with the metrics of 70 closed days, with windows that are over and windows that are not."""
    store = store_history(store_in(tmp_path_factory.mktemp("metrics") / "data"), range(70))
    store.refresh()
    return store.folder.database


@pytest.mark.parametrize("asset", ["blocks", "miners_balance"])
def test_a_dataset_of_ethereum_has_the_columns_of_its_table(data: Path, asset: str) -> None:
    assert_as_in_database(store_days(data), asset)


def test_transactions_have_the_columns_of_their_table(make_world: Callable[..., World]) -> None:
    world = make_world(make_chain(1))
    world.stored()
    assert_as_in_database(world.folder.database, "transactions")


NOT = {"coverage", "stacks_balances_coverage", "ethereum_coverage", "prices_coverage"}


@pytest.mark.parametrize("name", sorted(ASSETS.keys() - NOT))
def test_every_asset_names_its_owner_its_version_and_its_source(name: str) -> None:
    asset = ASSETS[name]
    assert list(asset.owners) == ["team:stx-pipelines"]
    assert asset.code_version
    assert asset.tags["chain"] in {"stacks", "stacks_balances", "ethereum", "prices"}
    [source] = asset.metadata["dagster/code_references"].code_references
    assert Path(source.file_path).exists()
    if name != "wallet_dashboard":
        assert asset.metadata["dagster/table_name"] == f"warehouse.main.{name}"
