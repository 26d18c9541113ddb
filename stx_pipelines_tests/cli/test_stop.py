"""`sync` ends at once when it is told to, with a summary, and waits for another `sync` in the same data folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from stx_pipelines.store.locks import locked
from stx_pipelines_tests.cli.folders import DATASET, DONE, NOT_YET, MakeWorld, Run
from stx_pipelines_tests.waiting import LONGEST, answers_only_while, wait_until
from stx_pipelines_tests.world import World, child_environment, recent_chain

DAYS = 12


def start_sync(world: World) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "stx_pipelines.cli", "sync"],
        env=child_environment(world.environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
def test_a_sync_that_is_stopped_says_how_far_it_came_and_the_next_one_goes_on(
    make_world: MakeWorld, run: Run, told: signal.Signals
) -> None:
    """The server keeps back its answers from the first stored day on, so that it cannot end by itself."""
    world = make_world(recent_chain(DAYS), stx_target_days=DAYS)
    folder = world.data / "days" / DATASET

    def stored() -> int:
        return len(list(folder.glob("????-??-??.parquet")))

    process = start_sync(world)
    try:
        with answers_only_while(world.knobs, lambda: not stored()):
            wait_until(lambda: stored() or process.poll() is not None, "a day is stored")
            process.send_signal(told)
            said, _ = process.communicate(timeout=LONGEST)
    finally:
        process.kill()
    assert process.returncode == NOT_YET
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
