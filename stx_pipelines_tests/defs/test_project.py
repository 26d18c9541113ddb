"""A code location reads and writes only in its project's data folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import msgspec
import pytest

from stx_pipelines.chains.days import DAY
from stx_pipelines.defs.alerts import Told
from stx_pipelines.defs.build import build_defs
from stx_pipelines.defs.resources import EthereumNode, Metrics, StacksApi
from stx_pipelines.devnet.server import Devnet, serve
from stx_pipelines.project import Project
from stx_pipelines.settings import SettingsError, load_settings
from stx_pipelines_tests.sync.ethereum.world import recent_chain as recent_ethereum
from stx_pipelines_tests.world import QUICK, at, query, recent_chain, today

TABLES = ("transactions", "blocks", "miners_balance")
Build = Callable[[Path], dg.Definitions]


class Greeting(EthereumNode):
    """A resource of another project."""

    greeting: str = "hello"


@pytest.fixture(scope="module")
def devnet() -> Iterator[Devnet]:
    """A devnet that serves the last four days of both chains."""
    with serve(recent_chain(4), ethereum=recent_ethereum(4)) as running:
        yield running


@pytest.fixture
def environment(devnet: Devnet, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The settings of the devnet, without a data folder, set in the environment and returned.

    The default folder, `data/` in the current folder, does not exist.
    """
    given = {"HIRO_API_URL": devnet.url, "ETH_RPC_URL": str(devnet.ethereum_url), "ETH_TIP_AGE_MINUTES": "0"}
    given |= {"STX_TARGET_DAYS": "3", "ETH_TARGET_DAYS": "3", "STX_ALERT_WEBHOOK": "http://127.0.0.1:9/hook", **QUICK}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert files_here() == []
    return given


def files_here() -> list[str]:
    """Return the names of the files in the current folder."""
    return [path.name for path in Path().iterdir()]


def project_in(folder: Path) -> Project:
    """Return a project with this data folder."""
    return Project(load_settings(stx_data_dir=folder))


BUILDS: dict[str, Build] = {
    "a project": lambda folder: build_defs(project_in(folder)),
    "a function that makes one": lambda folder: build_defs(project=lambda: project_in(folder)),
    "a project and resources": lambda folder: build_defs(
        project_in(folder), stacks_api=StacksApi(requests_per_minute=0), ethereum_node=EthereumNode(batch_size=50)
    ),
    "a resource with a folder": lambda folder: build_defs(stacks_api=StacksApi(data_dir=str(folder))),
}


def run(defs: dg.Definitions, instance: dg.DagsterInstance, job: str, day: date | None) -> set[str]:
    """Run a job and return the names of its checks. Fail the test if a check fails."""
    key = str(day) if day else None
    result = defs.resolve_job_def(job).execute_in_process(instance=instance, partition_key=key)
    checks = result.get_asset_check_evaluations()
    assert [check.check_name for check in checks if not check.passed] == []
    return {check.check_name for check in checks}


def tick(defs: dg.Definitions, instance: dg.DagsterInstance, sensor: str) -> Any:
    """Evaluate a sensor without a cursor, as the daemon does the first time."""
    with dg.build_sensor_context(instance=instance, definitions=defs) as context:
        return defs.resolve_sensor_def(sensor).evaluate_tick(context)


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("build", BUILDS.values(), ids=BUILDS)
def test_assets_checks_sensors_schedules_and_alerts_use_the_folder_of_the_project_alone(
    build: Build, tmp_path: Path
) -> None:
    folder, day = tmp_path / "mine", today() - 2 * DAY
    defs = build(folder)
    with dg.DagsterInstance.ephemeral() as instance:
        whole_table = {"days_are_proved", "transactions_are_unique", "transactions_are_certified", "nonces_have_no_gap"}
        assert run(defs, instance, "stacks_close", day) == whole_table | {"transactions_files_are_sound"}
        assert {"blocks_are_certified", "blocks_files_are_sound"} <= run(defs, instance, "ethereum_close", day)
        assert "addresses_unique" in run(defs, instance, "wallets_refresh", None)

        for chain in ("stacks", "ethereum"):
            done = tick(defs, instance, f"{chain}_coverage")
            assert "1 of 4 days" in done.cursor
            told = msgspec.json.decode(tick(defs, instance, f"{chain}_alerts").cursor, type=Told)
            assert told.closed == [(day, day)]
            scheduled = at(day + DAY, 1, 30)  # the day before is closed, this day is missing
            with dg.build_schedule_context(instance=instance, scheduled_execution_time=scheduled) as context:
                [request] = defs.resolve_schedule_def(f"{chain}_daily").evaluate_tick(context).run_requests or []
            assert request.tags["dagster/asset_partition_range_start"] == str(day + DAY)
        assert tick(defs, instance, "wallets_follow").skip_message == "waiting for a backfill: 3 days are missing"
        assert tick(defs, instance, "run_failures").skip_message

    assert {path.parent.name for path in folder.glob("days/*/*.parquet")} == set(TABLES)
    assert (folder / "public/index.html").exists()
    assert all(query(folder, f"SELECT count(*) FROM {table}") > [(0,)] for table in TABLES)
    assert files_here() == []


@pytest.mark.usefixtures("environment")
def test_a_relative_folder_of_one_resource_holds_for_all_and_for_duckdb() -> None:
    defs = build_defs(stacks_api=StacksApi(data_dir="mine"))
    day, counted = today() - 2 * DAY, []

    @dg.asset
    def mine(duckdb: dg.ResourceParam[Any]) -> None:
        with duckdb.get_connection() as connection:
            counted.extend(connection.execute("SELECT count(*) FROM transactions").fetchone())

    with dg.DagsterInstance.ephemeral() as instance:
        run(defs, instance, "stacks_close", day)
        run(defs, instance, "wallets_refresh", None)
        dg.materialize([mine], resources={"duckdb": (defs.resources or {})["duckdb"]}, instance=instance)
    assert counted == [query(Path("mine"), "SELECT count(*) FROM transactions")[0][0]]
    assert files_here() == ["mine"]


@pytest.mark.usefixtures("environment")
def test_resources_with_different_folders_are_refused_in_a_sentence() -> None:
    with pytest.raises(SettingsError) as error:
        build_defs(stacks_api=StacksApi(data_dir="mine"), metrics=Metrics(data_dir="yours"))
    assert str(error.value) == (
        "two resources were given different values of STX_DATA_DIR: mine and yours; "
        "give both the same value, or give it to only one of them"
    )


def test_a_resource_keeps_what_code_gave_it_over_another_project(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The resource keeps its values, its environment variables and the fields of a subclass."""

    monkeypatch.setenv("MY_BATCH", "17")
    seen: dict[str, Any] = {}

    @dg.asset
    def mine(ethereum_node: Greeting, stacks_api: StacksApi) -> None:
        seen.update(node=ethereum_node.settings(), api=stacks_api.settings(), greeting=ethereum_node.greeting)

    defs = build_defs(
        project_in(tmp_path / "mine"),
        ethereum_node=Greeting(batch_size=dg.EnvVar.int("MY_BATCH"), greeting="hi"),
        stacks_api=StacksApi(api_url="http://127.0.0.1:9/here", requests_per_minute=7),
    )
    assert dg.materialize([mine], resources=defs.resources).success
    assert (seen["node"].eth_batch_size, seen["greeting"]) == (17, "hi")
    assert (seen["api"].hiro_api_url, seen["api"].budget) == ("http://127.0.0.1:9/here", 7)
    assert seen["node"].eth_rpc_url.get_secret_value() == environment["ETH_RPC_URL"]
    assert seen["node"].stx_data_dir == seen["api"].stx_data_dir == tmp_path / "mine"


def test_a_run_uses_the_settings_of_its_start_to_its_end(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The next run uses the settings of its own start."""
    seen: list[str] = []

    @dg.asset
    def mine(stacks_api: StacksApi) -> None:
        for name in ("before", "after"):
            monkeypatch.setenv("STX_DATA_DIR", str(tmp_path / name))
            seen.append(stacks_api.settings().stx_data_dir.name)

    resources = build_defs().resources
    for _ in range(2):
        monkeypatch.setenv("STX_DATA_DIR", str(tmp_path / "start"))
        dg.materialize([mine], resources=resources)
    assert seen == ["before"] * 4


def test_a_resource_with_its_own_project_is_refused_in_a_sentence(tmp_path: Path) -> None:
    """Otherwise a day could be stored in one folder and checked in another."""
    with pytest.raises(SettingsError, match="give `project` to build_defs instead"):
        build_defs(stacks_api=StacksApi(make=lambda: project_in(tmp_path / "mine")))
