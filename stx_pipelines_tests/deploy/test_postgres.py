"""`deploy/dagster.yaml`: Dagster's history in a real PostgreSQL."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster import RunsFilter

from stx_pipelines.chains.days import DAY
from stx_pipelines.settings import Settings
from stx_pipelines_tests.defs import old_runs
from stx_pipelines_tests.postgres import PASSWORD, Postgres
from stx_pipelines_tests.world import ROOT, World, at, command, recent_chain, today

HOME = ROOT / "deploy"


@pytest.fixture
def postgres(postgres_server: Postgres) -> str:
    """The URL of a new database, with the driver's name."""
    return postgres_server.new_database("postgresql+psycopg2")


def ask(url: str, sql: str) -> list[tuple[Any, ...]]:
    """An answer of PostgreSQL itself, without Dagster."""
    import psycopg2

    connection = psycopg2.connect(url.replace("+psycopg2", ""))
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())
    finally:
        connection.close()


def materialize_yesterday(world: World, url: str) -> subprocess.CompletedProcess[str]:
    """As a person would, with the one switch."""
    day = str(today() - DAY)
    return command(
        ["asset", "materialize", "-m", "stx_pipelines.definitions", "--select", "transactions", "--partition", day],
        world.environment | {"DAGSTER_HOME": str(HOME), "DAGSTER_POSTGRES_URL": url},
        module="dagster",
    )


def test_a_materialization_is_in_postgres_and_every_instance_reads_it(
    postgres: str, make_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked by SQL, and through a second instance; nothing lands in deploy/, and the password nowhere."""
    before = set(HOME.iterdir())
    day = str(today() - DAY)
    run = materialize_yesterday(make_world(recent_chain(days=2)), postgres)
    assert run.returncode == 0, run.stderr

    found = ask(
        postgres,
        "SELECT DISTINCT asset_key, partition FROM event_logs WHERE dagster_event_type = 'ASSET_MATERIALIZATION'",
    )
    assert found == [('["transactions"]', day)]

    monkeypatch.setenv("DAGSTER_HOME", str(HOME))
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", postgres)
    key = dg.AssetKey("transactions")
    with dg.DagsterInstance.get() as second:
        assert second.get_materialized_partitions(key) == {day}
        event = second.get_latest_materialization_event(key)
        assert event is not None
        assert event.asset_materialization is not None
        assert event.asset_materialization.metadata

    assert set(HOME.iterdir()) == before
    assert list(Path.cwd().rglob("*.db")) == []
    assert PASSWORD not in run.stdout + run.stderr + written_here()
    assert ask(postgres, f"SELECT count(*) FROM event_logs WHERE event LIKE '%{PASSWORD}%'") == [(0,)]
    assert ask(postgres, f"SELECT count(*) FROM runs WHERE run_body LIKE '%{PASSWORD}%'") == [(0,)]


def test_old_runs_are_deleted_and_runs_of_others_are_not(postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every day stays materialized."""
    monkeypatch.setenv("DAGSTER_HOME", str(HOME))
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", postgres)
    days = [old_runs.BEGAN + number * DAY for number in range(3)]
    with dg.DagsterInstance.get() as instance:
        foreign = old_runs.run(instance, at(days[0], 12), tags={})
        for day in days:
            old_runs.pass_day(instance, day, 1, Settings(stx_keep_runs_days=1))
        assert old_runs.missing(instance, days[-1]) == {}
        assert instance.has_run(foreign)
        old = RunsFilter(created_before=at(days[-1], 12))
        assert {each.run_id for each in instance.get_runs(old)} == {foreign}
    assert len(list(Path(".dagster/compute_logs").iterdir())) == 1 + len(old_runs.ASSETS)


def test_a_server_that_is_away_is_named_without_its_password(make_world: Callable[..., World]) -> None:
    """The error of the driver says where it knocked, and no more."""
    url = f"postgresql+psycopg2://dagster:{PASSWORD}@127.0.0.1:1/dagster"
    run = materialize_yesterday(make_world(recent_chain(days=1)), url)
    assert run.returncode != 0
    assert "port 1 failed: Connection refused" in run.stderr
    assert PASSWORD not in run.stdout + run.stderr + written_here()


@pytest.mark.parametrize(
    ("home", "added"),
    [(HOME, set()), (HOME / "celery", {"run_launcher", "run_monitoring"})],
    ids=["postgres", "celery"],
)
def test_only_the_storage_differs_from_the_usual_instance(home: Path, added: set[str]) -> None:
    """A switch changes one thing. Celery adds its launcher, whose runs are monitored."""
    usual, here = (yaml.safe_load((folder / "dagster.yaml").read_text()) for folder in (ROOT, home))
    assert usual.pop("storage") != here.pop("storage")
    assert {name: value for name, value in here.items() if name not in added} == usual
    assert here.keys() - usual.keys() == added


def written_here() -> str:
    """Every file that was written into the working folder: compute logs, artifacts."""
    return "".join(path.read_text(errors="replace") for path in Path.cwd().rglob("*") if path.is_file())
