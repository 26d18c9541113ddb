"""`status` and `health` during a run, and between two runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

from click.testing import Result

from stx_pipelines.coverage.chains import STACKS
from stx_pipelines.coverage.health import judge
from stx_pipelines.store.locks import locked
from stx_pipelines_tests.cli.folders import (
    DATASET,
    DONE,
    HEALTHY,
    NOT_RUNNING,
    NOT_YET,
    STALLED,
    MakeWorld,
    Run,
    day_file,
    report,
    shown,
)
from stx_pipelines_tests.runbook import assert_shown
from stx_pipelines_tests.waiting import answers_only_while, wait_until
from stx_pipelines_tests.world import World, child_environment, recent_chain


def test_the_progress_of_an_earlier_run_is_not_that_of_the_present_one(world: World, run: Run) -> None:
    report(world, minutes_ago=300, pid=1)
    with locked(world.folder.lock(DATASET), "the dataset", wait=0):
        assert shown(run, world)["progress"] is None
        assert f"running       process {os.getpid()}\n" in run(world, "status").stdout
        assert run(world, "health").exit_code == HEALTHY


def test_between_two_runs_status_says_when_the_last_one_ended(world: World, run: Run) -> None:
    report(world, minutes_ago=1.5)
    assert "running       nothing; the last run ended 1 min ago\n" in run(world, "status").stdout
    assert (shown(run, world)["running"], shown(run, world)["progress"]) == (None, None)


def test_status_says_what_runs_and_how_fast(world: World, run: Run) -> None:
    report(world, minutes_ago=5)
    with locked(world.folder.lock(DATASET), "the dataset", wait=0):
        status = shown(run, world)
        words = run(world, "status").stdout
    assert status["running"].startswith("process ")
    assert status["requests_per_minute"] == 40
    assert status["minutes_to_go"] == 4 * 300 / 40
    assert f"{status['running']}: 0 of 3 days of this run, 50 transactions, 20 requests, 40/min, ETA 30 min" in words
    assert shown(run, world)["running"] is None


def test_health_0_while_a_run_works(world: World, run: Run) -> None:
    report(world, minutes_ago=9)
    with locked(world.folder.lock(DATASET), "the dataset", wait=0):
        done = run(world, "health")
    assert done.exit_code == HEALTHY
    assert done.output.startswith("healthy: process ")


def test_health_0_for_two_minutes_between_two_runs(world: World, run: Run) -> None:
    report(world, minutes_ago=2)  # it worked for half a minute
    done = run(world, "health")
    assert done.exit_code == HEALTHY
    assert done.output.startswith("healthy: the last run ended 2 min ago; 0 of 4 days complete")
    report(world, minutes_ago=2.6)
    assert run(world, "health").exit_code == NOT_RUNNING


def test_health_2_a_run_that_stores_nothing(world: World, run: Run) -> None:
    report(world, minutes_ago=12)
    with locked(world.folder.lock(DATASET), "the dataset", wait=0):
        done = run(world, "health")
        patient = run(world, "health", "--stall-threshold", "3600")
    assert done.exit_code == STALLED
    assert done.output.startswith("stalled: process ")
    assert "has stored nothing for 12 min" in done.output
    assert_shown("`stalled`", done.output)
    assert patient.exit_code == HEALTHY
    assert run(world, "sync").exit_code == DONE


def test_health_a_slow_budget_is_no_stall(world: World, run: Run) -> None:
    world.overrides["hiro_requests_per_minute"] = 10  # a day takes half an hour
    report(world, minutes_ago=50)
    with locked(world.folder.lock(DATASET), "the dataset", wait=0):
        assert run(world, "health").exit_code == HEALTHY
        report(world, minutes_ago=70)
        assert run(world, "health").exit_code == STALLED


def test_health_of_a_run_that_stored_a_day_lately_is_no_stall(full: World, run: Run) -> None:
    day_file(full, full.days[0]).unlink()
    report(full, minutes_ago=120)
    with locked(full.folder.lock(DATASET), "the dataset", wait=0):
        assert run(full, "health").exit_code == HEALTHY
        later = datetime.now(UTC) + timedelta(minutes=11)
        assert judge(full.project(), [STACKS], later, timedelta(minutes=10)).code == STALLED


def test_status_answers_20_times_of_20_while_sync_writes(make_world: MakeWorld, run: Run) -> None:
    """The server holds the sync back after each day and a half until `status` has answered once more."""
    world, allowed = make_world(recent_chain(40), stx_target_days=40), 60
    asked, files = world.devnet.stats, world.data / "days" / DATASET

    def days_stored() -> int:
        return len(list(files.glob("????-??-??.parquet")))

    def next_answer() -> Result:
        nonlocal allowed
        allowed += 20
        answer = run(world, "status", "--json")
        wait_until(lambda: asked.requests > allowed, "the sync used what it was allowed")
        return answer

    writer = subprocess.Popen(
        [sys.executable, "-m", "stx_pipelines.cli", "sync"],
        env=child_environment(world.environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        with answers_only_while(world.knobs, lambda: asked.requests <= allowed):
            wait_until(lambda: days_stored() > 0, "a day is stored")
            answers, before = [next_answer()], days_stored()
            answers += [next_answer() for _ in range(18)]
            wait_until(lambda: days_stored() > before, "another day is stored")
            answers.append(next_answer())
            assert writer.poll() is None, "it ended before it had read all"
            writer.kill()
    finally:
        writer.kill()
        writer.wait()
    assert [(each.exit_code, each.stderr) for each in answers] == [(NOT_YET, "")] * 20
    known = [json.loads(each.stdout)[0] for each in answers]
    stored = [each["days_landed"] for each in known]
    assert stored == sorted(stored)
    assert stored[0] < stored[-1]
    running = {each["running"] for each in known}
    assert f"process {writer.pid}" in running
    assert running <= {f"process {writer.pid}", None}  # None: between two runs of the command
