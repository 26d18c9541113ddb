"""Old runs are deleted from Dagster's history, and the stored days stay materialized whatever happens."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy.exc import OperationalError

from stx_pipelines.chains.days import DAY
from stx_pipelines.cli.materialize import clean_history, open_instance
from stx_pipelines.defs.build import build_defs
from stx_pipelines.defs.cleanup import DELETED, clean_up
from stx_pipelines.defs.partitions import BY_A_PERSON, BY_SENSOR, BY_SYNC, DATASET_TAG, STARTED_BY_TAG
from stx_pipelines.project import Project
from stx_pipelines.settings import Settings
from stx_pipelines_tests.defs.old_runs import ASSETS, BEGAN, KEYS, Size, missing, pass_day, run, size_of
from stx_pipelines_tests.world import ROOT

NOON = datetime(2026, 1, 10, 12, tzinfo=UTC)
SETTINGS = Settings()
HISTORY = Path(".dagster")


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """Return the instance of a folder with our dagster.yaml, which keeps its history in SQLite."""
    shutil.copy(ROOT / "dagster.yaml", ".")
    with open_instance() as opened:
        yield opened


def ids(instance: dg.DagsterInstance) -> set[str]:
    return {each.run_id for each in instance.get_runs()}


def clean(instance: dg.DagsterInstance, days: float) -> int:
    """Clean up this many days after the runs; return the number of deleted runs."""
    return list(clean_up(instance, SETTINGS, NOON + timedelta(days=days))).count(DELETED)


def test_each_run_is_kept_for_its_time_and_runs_of_others_for_ever(instance: dg.DagsterInstance) -> None:
    by_sync, by_person = {STARTED_BY_TAG: BY_SYNC}, {STARTED_BY_TAG: BY_A_PERSON}
    short = {run(instance, NOON, tags=tags) for tags in (None, {STARTED_BY_TAG: BY_SENSOR}, by_sync)}
    long = {
        run(instance, NOON, tags=by_person),
        *(run(instance, NOON, tags=tags, fails=True) for tags in (None, by_sync)),
    }
    others = {run(instance, NOON, tags=tags) for tags in ({}, {DATASET_TAG: "another"})}
    newest = {run(instance, NOON + timedelta(minutes=1))}
    assert clean(instance, 2.9) == 0
    assert (clean(instance, 3.1), ids(instance)) == (3, long | others | newest)
    assert clean(instance, 29.9) == 0
    assert (clean(instance, 30.1), ids(instance)) == (3, others | newest)
    assert short.isdisjoint(ids(instance))


def test_a_year_in_small(instance: dg.DagsterInstance) -> None:
    """The history stops growing, and every day stays materialized with what was known about it."""
    settings, days = Settings(stx_keep_runs_days=1), [BEGAN + number * DAY for number in range(3)]
    sizes: list[Size] = []
    for day in days:
        pass_day(instance, day, 1, settings)
        sizes.append(size_of(HISTORY))
    assert missing(instance, days[-1]) == {}
    assert instance.get_runs_count() == len(ASSETS)
    assert sizes[2].files <= sizes[1].files + 2  # SQLite's own; a day of runs has eight
    assert sizes[2].size < sizes[1].size + 300_000  # a day of runs has 480,000 bytes
    for key in KEYS:
        wanted = dg.AssetRecordsFilter(key, asset_partitions=[str(BEGAN)])
        [record] = instance.fetch_materializations(wanted, limit=10).records
        assert record.asset_materialization
        assert record.asset_materialization.metadata["fact_7"].value == 7
    check = dg.AssetCheckKey(KEYS[0], "days_are_proved")
    results = instance.event_log_storage.get_asset_check_execution_history(check, limit=100)
    assert {each.run_id for each in results} <= ids(instance)


def test_a_kill_at_any_moment_loses_no_day_and_reports_none_twice(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = [NOON.date() - number * DAY for number in range(4)]
    run(instance, NOON - timedelta(minutes=2), days=days)
    run(instance, NOON - timedelta(minutes=1), "ethereum", days=days)
    run(instance, NOON)  # its days are those of the newest run
    left = size_of(HISTORY)

    def of_transactions() -> set[str]:
        return instance.get_materialized_partitions(KEYS[0])

    def kill(_: str) -> None:
        raise KeyboardInterrupt

    green, deleted, kills = of_transactions(), 0, 0
    while deleted < 2:
        with monkeypatch.context() as patched, suppress(KeyboardInterrupt):
            if deleted and not kills:  # killed after the events of a run are deleted, before the run is
                patched.setattr(instance.run_storage, "delete_run", kill)
                kills += 1
            deleted += next(clean_up(instance, SETTINGS, NOON + timedelta(days=4))) == DELETED
        assert of_transactions() == green
    assert clean(instance, 4) == 0
    records = [each for key in KEYS for each in instance.fetch_materializations(key, limit=100).records]
    again = Counter((each.asset_key, each.partition_key) for each in records if each.run_id == "")
    assert len(again) == 2 + 2 * 4
    assert set(again.values()) == {1}
    assert size_of(HISTORY).files < left.files


def test_the_sensor_says_what_it_deleted(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    defs = build_defs(Project(Settings(stx_data_dir=tmp_path / "data")))

    def said() -> str | None:
        with dg.build_sensor_context(instance=instance, definitions=defs) as context:
            skipped = defs.resolve_sensor_def("old_runs").evaluate_tick(context)
        assert not skipped.run_requests
        return skipped.skip_message

    for minute in range(2):
        run(instance, NOON + timedelta(minutes=minute))
    assert said() == "old runs deleted: 1"
    assert said() == "no run is old"


def test_sync_cleans_up_once_a_day_and_says_why_it_could_not(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = Project(Settings(stx_data_dir=tmp_path / "data"))
    first, second, third = (run(instance, NOON + timedelta(minutes=minute)) for minute in range(3))

    def fail(_: str) -> None:
        raise OperationalError("DELETE", {}, Exception()) from Exception("database or disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(instance.run_storage, "delete_run", fail)
        assert clean_history(project, instance) == (
            "old runs could not be deleted from Dagster's history (database or disk is full); the next sync tries again"
        )
    assert clean_history(project, instance) is None
    assert ids(instance) == {third}
    fourth = run(instance, NOON + timedelta(minutes=4))
    assert clean_history(project, instance) is None
    assert ids(instance) == {third, fourth}
    assert first != second
