"""`sync` ends at once on a signal, with a summary, and waits for another `sync` in the same data folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from stx_pipelines.store.locks import locked
from stx_pipelines_tests.cli.folders import DATASET, DONE, NOT_YET, MakeWorld, Run
from stx_pipelines_tests.waiting import LONGEST, answers_only_while, wait_until
from stx_pipelines_tests.world import World, child_environment, recent_chain

DAYS = 5


def start_sync(world: World, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "stx_pipelines.cli", "sync", *options],
        env=child_environment(world.environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def stop_after_a_day(world: World, stop: signal.Signals, *options: str) -> str:
    """Send a signal to a sync with these options once it has stored a day, and return its output.

    The server does not respond from then on, so that the sync cannot end by itself.
    """
    folder = world.data / "days" / DATASET

    def stored() -> int:
        return len(list(folder.glob("????-??-??.parquet")))

    before, process = stored(), start_sync(world, *options)
    try:
        with answers_only_while(world.knobs, lambda: stored() == before):
            wait_until(lambda: stored() > before or process.poll() is not None, "a day is stored")
            process.send_signal(stop)
            said, _ = process.communicate(timeout=LONGEST)
    finally:
        process.kill()
    assert process.returncode == NOT_YET
    return said


def test_a_stopped_sync_reports_its_coverage_and_the_next_one_continues(make_world: MakeWorld, run: Run) -> None:
    world = make_world(recent_chain(DAYS, transactions_per_day=100), stx_target_days=DAYS)
    for stop in (signal.SIGTERM, signal.SIGINT):
        said = stop_after_a_day(world, stop)
        assert said.startswith("stopped; stored days are kept: ")
        assert f" of {DAYS + 1} days complete" in said
    assert run(world, "sync").exit_code == DONE
    world.assert_true()


def test_a_second_sync_names_the_first_one_and_waits_for_it(world: World) -> None:
    with locked(world.folder.lock("sync"), "sync", wait=0):
        second = start_sync(world)
        assert second.stderr
        assert second.stderr.readline() == f"process {os.getpid()} is syncing already; waiting for it\n"
        assert second.poll() is None
    try:
        said, _ = second.communicate(timeout=LONGEST)
    finally:
        second.kill()
    assert second.returncode == DONE
    assert said.startswith("4 of 4 days complete (100 %)")
