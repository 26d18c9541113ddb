"""Every run shows in the UI whether its days are proved, and how far the coverage is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from stx_pipelines.definitions import build_defs
from stx_pipelines.defs.assets.coverage import KEYS
from stx_pipelines.defs.assets.proofs import proof_key
from stx_pipelines.defs.partitions import BY_A_PERSON, STARTED_BY_TAG
from stx_pipelines_tests.world import World, recent_chain, truth

DAYS = 3


@pytest.fixture
def here(make_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch) -> World:
    made = make_world(recent_chain(DAYS), stx_target_days=DAYS)
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    return made


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral(str(tmp_path)) as made:
        yield made


def sync(instance: dg.DagsterInstance, days: list[date]) -> dg.ExecuteInProcessResult:
    """Run the job of the coverage sensor for these days."""
    tags = {"dagster/asset_partition_range_start": str(days[0]), "dagster/asset_partition_range_end": str(days[-1])}
    job = build_defs().resolve_job_def("stacks_sync")
    return job.execute_in_process(instance=instance, tags=tags, raise_on_error=False)


def checked(instance: dg.DagsterInstance) -> dg.AssetCheckEvaluation:
    """Return the newest result of the check, as the UI shows it."""
    key = proof_key("transactions")
    [record] = instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
    assert record.event
    assert record.event.dagster_event
    return record.event.dagster_event.asset_check_evaluation_data


def observed(instance: dg.DagsterInstance) -> list[dict[str, Any]]:
    """Return the metadata of the observations of `coverage`, newest first."""
    records = instance.fetch_observations(KEYS["stacks"], limit=100).records
    events = [record.asset_observation for record in records]
    return [{name: each.value for name, each in event.metadata.items()} for event in events if event]


def test_a_run_of_the_sensor_reports_the_proof_and_the_coverage(here: World, instance: dg.DagsterInstance) -> None:
    done = sync(instance, here.days)
    assert done.success
    run = instance.get_run_by_id(done.run_id)
    assert run
    assert run.tags[STARTED_BY_TAG] == BY_A_PERSON
    check = checked(instance)
    assert (check.check_name, check.passed) == ("days_are_proved", True)
    assert check.description == f"proved and stored: {DAYS + 1} of {DAYS + 1} days"
    [now] = observed(instance)
    assert [now[name] for name in ("days_wanted", "days_complete", "days_failing", "days_set_aside")] == [4, 4, 0, 0]
    assert "Mon" in now["calendar"]
    assert now["calendar"].count("■") == DAYS + 1 - now["days_open"] + 1  # and one in the legend


def test_a_day_that_fails_its_proof_is_named_by_a_check_that_fails(here: World, instance: dg.DagsterInstance) -> None:
    day = here.days[1]
    here.knobs.hidden_transactions = {truth(here.chain, day)[0][0]}
    done = sync(instance, here.days)
    assert not done.success
    check = checked(instance)
    assert not check.passed
    assert str(day) in (check.description or "")
    assert check.metadata["failing"].value == str(day)
    assert observed(instance)[0]["failing"] == str(day)


def test_the_sensor_observes_a_change_once(here: World, instance: dg.DagsterInstance) -> None:
    def events() -> list[Any]:
        with dg.build_sensor_context(instance=instance, definitions=build_defs()) as context:
            found = build_defs().resolve_sensor_def("stacks_coverage").evaluate_tick(context).asset_events
        for event in found:
            instance.report_runless_asset_event(event)
        return [event.asset_key for event in found]

    assert events() == [KEYS["stacks"]]
    assert events() == []
    here.stored([here.days[1]])  # a `sync` without Dagster's history
    assert events() == [KEYS["stacks"]]
    assert [each["days_complete"] for each in observed(instance)] == [1, 0]
