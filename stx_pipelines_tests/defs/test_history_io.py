"""A user's own assets take rows of ours as inputs, with `Definitions.merge`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pandas as pd
import pyarrow as pa
import pytest

from stx_pipelines import read
from stx_pipelines.definitions import build_defs
from stx_pipelines.defs.partitions import stacks_days
from stx_pipelines.metrics.open import open_metrics
from stx_pipelines.project import Project
from stx_pipelines_tests.world import ROOT, World, make_chain, query, world


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world of four days with their metrics; the newest is open."""
    with world(make_chain(4), tmp_path_factory.mktemp("data"), stx_tip_age_minutes=0) as made:
        made.stored()
        open_metrics(Project(made.settings())).refresh()
        yield made


@pytest.fixture(autouse=True)
def environment(full: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in full.environment.items():
        monkeypatch.setenv(name, value)


def run(asset: dg.AssetsDefinition, folder: Path, **options: Any) -> dg.ExecuteInProcessResult:
    """Materialize a user's asset beside ours. The user's output goes to the user's own manager."""
    mine = dg.Definitions(
        assets=[asset],
        jobs=[dg.define_asset_job("mine_job", selection=[asset])],
        resources={"io_manager": dg.FilesystemIOManager(base_dir=str(folder))},
    )
    job = dg.Definitions.merge(build_defs(), mine).resolve_job_def("mine_job")
    with dg.DagsterInstance.ephemeral() as instance:
        return job.execute_in_process(instance=instance, raise_on_error=False, **options)


@dg.asset
def in_pandas(wallets_daily: pd.DataFrame) -> int:
    return int(wallets_daily["active_wallets"].sum())


@dg.asset
def in_arrow(wallets_daily: pa.Table) -> int:
    return sum(wallets_daily["active_wallets"].to_pylist())


@dg.asset
def in_duckdb(wallets_daily: duckdb.DuckDBPyRelation) -> int:
    return int(wallets_daily.sum("active_wallets").fetchall()[0][0])


@dg.asset
def in_rows(wallets_daily: read.Rows) -> int:
    return int(wallets_daily.sql("SELECT sum(active_wallets) FROM rows").relation.fetchall()[0][0])


@dg.asset
def in_nothing(wallets_daily: dict) -> int:  # type: ignore[type-arg]
    return len(wallets_daily)


@dg.asset
def all_days(transactions: pa.Table) -> int:
    return transactions.num_rows


@dg.asset(partitions_def=stacks_days)
def one_day(transactions: pa.Table) -> int:
    return transactions.num_rows


@dg.asset(partitions_def=stacks_days, ins={"transactions": dg.AssetIn(metadata={"partial": True})})
def one_partial_day(transactions: pa.Table) -> int:
    return transactions.num_rows


@pytest.mark.parametrize("asset", [in_pandas, in_arrow, in_duckdb, in_rows], ids=lambda asset: asset.key.path[0])
def test_a_result_is_given_in_the_form_that_the_type_asks_for(
    full: World, tmp_path: Path, asset: dg.AssetsDefinition
) -> None:
    done = run(asset, tmp_path)
    assert done.success
    [(wallets,)] = query(full.data, "SELECT sum(active_wallets) FROM wallets_daily")
    assert done.output_for_node(asset.op.name) == wallets > 0
    assert (tmp_path / asset.op.name).exists()


def test_a_partitioned_asset_gets_its_partition(full: World, tmp_path: Path) -> None:
    day = full.days[1]
    done = run(one_day, tmp_path, partition_key=str(day))
    assert done.success
    rows = read.open(full.data).transactions(day, full.days[2]).arrow().num_rows
    assert done.output_for_node("one_day") == rows > 0


def test_an_asset_without_partitions_gets_all_that_is_covered(full: World, tmp_path: Path) -> None:
    done = run(all_days, tmp_path)
    assert done.success
    assert done.output_for_node("all_days") == read.open(full.data).transactions().arrow().num_rows


def test_a_day_that_is_not_whole_is_named(full: World, tmp_path: Path) -> None:
    newest = str(full.days[-1])  # open
    refused = run(one_day, tmp_path, partition_key=newest)
    assert not refused.success
    [event] = refused.get_step_failure_events()
    assert newest in str(event.step_failure_data.error)
    assert run(one_partial_day, tmp_path, partition_key=newest).success


def test_another_type_is_refused_in_one_sentence(tmp_path: Path) -> None:
    [event] = run(in_nothing, tmp_path).get_step_failure_events()
    assert "annotate it with pandas.DataFrame" in str(event.step_failure_data.error)


def test_the_example_of_the_readme(full: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [code] = re.findall(r"^```python\n([^`]*busiest_day[^`]*)^```", (ROOT / "README.md").read_text(), re.MULTILINE)
    monkeypatch.chdir(tmp_path)
    module: dict[str, Any] = {"__name__": "another_project"}
    exec(code, module)
    job = module["defs"].resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.ephemeral(str(tmp_path)) as instance:
        done = job.execute_in_process(instance=instance, asset_selection=[dg.AssetKey("busiest_day")])
    [(most,)] = query(full.data, "SELECT max(active_wallets) FROM wallets_daily")
    day = done.output_for_node("busiest_day")[:10]
    assert query(full.data, f"SELECT active_wallets FROM wallets_daily WHERE date = '{day}'") == [(most,)]
