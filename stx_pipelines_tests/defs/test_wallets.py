"""The wallet metrics as assets in Dagster."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pyarrow.parquet as pq
import pytest

from stx_pipelines.defs.assets.wallets import DEFINITIONS, wallet_metrics
from stx_pipelines.defs.checks import wallet_checks
from stx_pipelines.defs.resources import Metrics
from stx_pipelines.metrics.checks import CHECKS
from stx_pipelines.metrics.results import RESULTS
from stx_pipelines_tests.metrics.history import day, rows_of, store_day, store_history, store_in


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder in which days 0 to 39 are closed, except day 2, which is missing. Day 40 is open."""
    store = store_history(store_in(tmp_path / "data"), (n for n in range(40) if n != 2))
    store_day(store, day(40), rows_of(40), "open")
    return store.folder.path


def materialize(folder: Path, names: Sequence[str] = tuple(RESULTS)) -> dg.ExecuteInProcessResult:
    """Run these assets and their checks, and return the result."""
    return dg.materialize(
        [wallet_metrics, *wallet_checks],
        selection=dg.AssetSelection.assets(*names),
        resources={"metrics": Metrics(data_dir=str(folder))},
        raise_on_error=False,
    )


def said(result: dg.ExecuteInProcessResult, name: str) -> dict[str, Any]:
    """Return the metadata of the asset's materialization."""
    [event] = [each for each in result.get_asset_materialization_events() if each.asset_key == dg.AssetKey(name)]
    return {key: value.value for key, value in event.materialization.metadata.items()}


def test_one_run_makes_everything_and_checks_it(folder: Path) -> None:
    """Each asset's metadata names the days that it uses and those that it leaves out."""
    result = materialize(folder)
    assert result.success
    checks = result.get_asset_check_evaluations()
    assert {check.check_name for check in checks} == {check.name for check in CHECKS}
    assert all(check.passed for check in checks)
    for name in RESULTS:
        metadata = said(result, name)
        assert (metadata["coverage_start"], metadata["coverage_end"]) == (str(day(3)), str(day(39)))
        assert (metadata["left_out_islands"], metadata["left_out_open_days"]) == (2, 1)
    assert said(result, "first_seen_wallets")["dagster/row_count"] == 4
    assert said(result, "wallets_daily")["table"] == "loaded"


@pytest.mark.parametrize("name", RESULTS)
def test_each_asset_can_be_materialized_alone(folder: Path, name: str) -> None:
    """Only the files of this asset are written."""
    result = materialize(folder, [name])
    assert result.success
    made = {path.stem for path in [*folder.glob("*.parquet"), *folder.glob("metrics/*.parquet")]}
    assert made == set(RESULTS[name])


def test_a_run_without_a_closed_day_succeeds(tmp_path: Path) -> None:
    """The metadata says that there is no closed day."""
    store = store_in(tmp_path / "data")
    store_day(store, day(0), rows_of(0), "open")
    result = materialize(store.folder.path)
    assert result.success
    assert "no closed day yet" in said(result, "wallets_daily")["left_out"]


def test_a_failed_check_is_seen_in_the_run(folder: Path) -> None:
    """The result was changed between the step and its check."""
    materialize(folder)
    path = folder / "first_seen_wallets.parquet"
    metadata = pq.read_metadata(path).metadata
    with duckdb.connect() as connection:
        doubled = connection.sql(f"SELECT * FROM '{path}' UNION ALL SELECT * FROM '{path}'").to_arrow_table()
    pq.write_table(doubled.replace_schema_metadata(metadata), path)
    checks_only = dg.AssetSelection.checks_for_assets(dg.AssetKey("first_seen_wallets"))
    result = dg.materialize(
        [wallet_metrics, *wallet_checks],
        selection=checks_only,
        resources={"metrics": Metrics(data_dir=str(folder))},
        raise_on_error=False,
    )
    failed = {check.check_name for check in result.get_asset_check_evaluations() if not check.passed}
    assert failed == {"addresses_unique"}


def test_every_asset_says_its_definition() -> None:
    """Every asset also depends on the transactions."""
    for spec in wallet_metrics.specs:
        assert DEFINITIONS[spec.key.to_user_string()] in (spec.description or "")
        assert [dep.asset_key.to_user_string() for dep in spec.deps] == ["transactions"]
