"""Run config can set only the size and number of batches. Code can also set addresses, folders and budgets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster_duckdb import DuckDBResource

from stx_pipelines.clients.errors import ApiError
from stx_pipelines.definitions import build_defs, defs
from stx_pipelines.defs.resources import EthereumNode, Metrics, StacksApi
from stx_pipelines.project import Project
from stx_pipelines.settings import SettingsError
from stx_pipelines_tests.noting import noting_server
from stx_pipelines_tests.world import today

OURS = {"stacks_api", "ethereum_node", "metrics", "duckdb"}
KEY = "hiro-key-0123456789"


def ask(settings: Any) -> None:
    """Send one request. The server responds with 404."""
    with pytest.raises(ApiError):
        Project(settings).stacks_api().tip()


@pytest.mark.parametrize("job", [job.name for job in build_defs().resolve_all_job_defs()])
def test_only_batches_are_run_config(job: str) -> None:
    schema: Any = defs.resolve_job_def(job).run_config_schema.config_type
    resources = schema.fields["resources"].config_type.fields
    settable = {
        (name, key)
        for name in OURS & set(resources)
        for key in resources[name].config_type.fields["config"].config_type.fields
    }
    assert settable == {("ethereum_node", "batch_size"), ("ethereum_node", "parallel_batches")}


@pytest.mark.parametrize(
    ("resource", "name", "value"),
    [
        ("stacks_api", "api_url", "URL"),
        ("stacks_api", "api_url", {"env": "HIRO_API_KEY"}),
        ("stacks_api", "requests_per_minute", 0),
        ("stacks_api", "data_dir", "FOLDER"),
        ("ethereum_node", "data_dir", "FOLDER"),
        ("metrics", "data_dir", "FOLDER"),
        ("duckdb", "database", "FOLDER"),
        ("duckdb", "connection_config", {"access_mode": "read_write"}),
    ],
)
def test_an_address_a_folder_a_budget_is_refused_before_anything_runs(
    resource: str, name: str, value: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HIRO_API_KEY", KEY)
    monkeypatch.setenv("HIRO_ATTEMPTS", "1")
    evil = tmp_path / "evil"
    with noting_server() as home, noting_server() as other:
        monkeypatch.setenv("HIRO_API_URL", home.url)
        given = {"URL": other.url, "FOLDER": str(evil)}.get(value, value) if isinstance(value, str) else value
        with (
            dg.DagsterInstance.ephemeral() as instance,
            pytest.raises(dg.DagsterInvalidConfigError, match=f'unexpected config entry "{name}"'),
        ):
            defs.resolve_job_def("stacks_sync").execute_in_process(
                instance=instance,
                partition_key=str(today()),
                run_config={"resources": {resource: {"config": {name: given}}}},
            )
        assert home.keys == other.keys == []
    assert not evil.exists()


def test_code_still_says_where_to_and_run_config_how_fast(tmp_path: Path) -> None:
    """A resource keeps the values given in code when Dagster copies it for a run."""
    seen: dict[str, Any] = {}

    @dg.asset
    def mine(stacks_api: StacksApi, ethereum_node: EthereumNode, metrics: Metrics, duckdb: DuckDBResource) -> None:
        seen.update(stacks=stacks_api.settings(), ethereum=ethereum_node.settings(), metrics=metrics.settings())
        with duckdb.get_connection() as connection:
            seen["answer"] = connection.execute("SELECT 42").fetchone()

    resources = build_defs(
        stacks_api=StacksApi(api_url="http://127.0.0.1:9/here", requests_per_minute=7, data_dir=str(tmp_path / "mine")),
        ethereum_node=EthereumNode(data_dir=str(tmp_path / "mine"), parallel_batches=3),
        metrics=Metrics(data_dir=str(tmp_path / "mine")),
        duckdb=DuckDBResource(database=":memory:"),
    ).resources
    run_config = {"resources": {"ethereum_node": {"config": {"batch_size": 11, "parallel_batches": 4}}}}
    assert dg.materialize([mine], resources=resources, run_config=run_config).success
    assert (seen["stacks"].hiro_api_url, seen["stacks"].budget) == ("http://127.0.0.1:9/here", 7)
    assert [seen[name].stx_data_dir.name for name in ("stacks", "ethereum", "metrics")] == ["mine"] * 3
    assert (seen["ethereum"].eth_batch_size, seen["ethereum"].eth_parallel_batches) == (11, 4)
    assert seen["answer"] == (42,)


def test_code_may_name_an_environment_variable_instead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    metrics, api = Metrics(data_dir=dg.EnvVar("MY_FOLDER")), StacksApi(requests_per_minute=dg.EnvVar.int("MY_PACE"))
    with pytest.raises(SettingsError, match="MY_FOLDER is not set in the environment"):
        metrics.settings()
    monkeypatch.setenv("MY_FOLDER", str(tmp_path))
    monkeypatch.setenv("MY_PACE", "7")
    assert metrics.settings().stx_data_dir == tmp_path
    assert api.settings().budget == 7


def test_the_key_is_sent_to_the_host_of_its_setting_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HIRO_API_KEY", KEY)
    monkeypatch.setenv("HIRO_ATTEMPTS", "1")
    monkeypatch.setenv("HIRO_REQUESTS_PER_MINUTE", "0")
    with noting_server() as home, noting_server() as other:
        monkeypatch.setenv("HIRO_API_URL", home.url)
        ask(StacksApi().settings())
        ask(StacksApi(api_url=f"{home.url}/v9").settings())
        ask(StacksApi(api_url=other.url).settings())
        assert (set(home.keys), set(other.keys)) == ({KEY}, {None})
