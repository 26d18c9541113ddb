"""`health` names the failure of the last run, until a run ends well, and a command that fetches nothing is no run."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from stx_pipelines.coverage import room
from stx_pipelines.store.day_files import DayFiles
from stx_pipelines.store.files import replace_file
from stx_pipelines.store.locks import locked
from stx_pipelines_tests.cli.folders import (
    DATASET,
    DONE,
    ERROR,
    HEALTHY,
    NOT_RUNNING,
    NOT_YET,
    MakeWorld,
    Run,
    report,
    shown,
)
from stx_pipelines_tests.runbook import assert_shown
from stx_pipelines_tests.world import World, recent_chain


def refuse_day_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every write of a day file fail as on a full disk."""

    def write(self: DayFiles, *_: object) -> None:
        def fail(_: Path) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        replace_file(self.folder / "2026-01-01.parquet", fail)

    monkeypatch.setattr(DayFiles, "write", write)


def test_a_full_disk_is_named_until_a_run_ends_well(world: World, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        refuse_day_files(patched)
        assert run(world, "sync").exit_code == ERROR
    done = run(world, "health")
    assert done.exit_code == NOT_RUNNING
    assert done.output.startswith("the last run failed ")
    assert "could not be written (No space left on device)" in done.output
    assert_shown("`health` ends with 1: `the last run failed ...`", done.output)
    assert "make up" not in done.output
    assert run(world, "sync").exit_code == DONE
    assert run(world, "health").exit_code == HEALTHY


def test_another_chain_is_named_even_while_all_days_are_complete(full: World, make_world: MakeWorld, run: Run) -> None:
    other = make_world(recent_chain(3, seed=9), data=full.data, stx_target_days=3)
    assert run(other, "health").exit_code == HEALTHY
    assert (
        run(other, "sync", "--force-refresh", "--from", str(full.days[0]), "--to", str(full.days[0])).exit_code == ERROR
    )
    done = run(other, "health")
    assert done.exit_code == NOT_RUNNING
    assert "serves another chain: change STX_DATA_DIR or HIRO_API_URL" in done.output
    assert run(full, "sync").exit_code == DONE
    assert run(full, "health").exit_code == HEALTHY


def test_an_address_without_the_routes_of_a_hiro_api_is_named_as_such(world: World, run: Run) -> None:
    """Block 1 is not there either, but STX_FIRST_DAY would not help."""
    world.overrides["hiro_api_url"] = f"{world.url}/extended/v2"
    done = run(world, "sync")
    assert done.exit_code == ERROR
    assert "STX_FIRST_DAY" not in done.stderr
    assert f"{world.url}/extended/v2 is not a Hiro API for Stacks: check HIRO_API_URL" in done.stderr
    assert "check HIRO_API_URL" in run(world, "health").output
    assert_shown("`... is not a Hiro API for Stacks`", done.stderr)
    world.overrides["hiro_api_url"] = world.url
    assert run(world, "sync").exit_code == DONE


def test_a_server_that_is_down_is_named_beside_the_advice(world: World, run: Run) -> None:
    world.knobs.fault_kinds, world.knobs.fault_rate = ("503",), 1.0
    assert run(world, "sync").exit_code == NOT_YET
    done = run(world, "health")
    assert done.exit_code == NOT_RUNNING
    assert done.output.startswith("the last run failed ")
    assert "gave no usable response" in done.output
    assert "start `make up` or `stx-pipelines sync`" in done.output
    report(world, minutes_ago=1)
    done = run(world, "health")
    assert done.exit_code == HEALTHY
    assert "gave no usable response" in done.output


def test_rebuild_is_no_run(world: World, run: Run) -> None:
    world.stored(world.days[1:])
    with locked(world.folder.lock(DATASET), "the dataset", wait=0, command="rebuild"):
        done, status = run(world, "health"), shown(run, world)
    assert done.exit_code == NOT_RUNNING
    process = f"`rebuild` (process {os.getpid()})"
    assert f"start `make up` or `stx-pipelines sync` when {process} is done" in done.output
    assert (status["running"], status["progress"]) == (process, None)


def test_a_rebuild_and_a_verify_leave_no_trace_of_a_run(full: World, run: Run) -> None:
    before = shown(run, full)["last_active_at"]
    assert run(full, "rebuild").exit_code == DONE
    assert run(full, "verify").exit_code == DONE
    assert shown(run, full)["last_active_at"] == before


class Usage(NamedTuple):
    free: int


@pytest.mark.parametrize(("free", "code"), [(room.NEEDED - 1, NOT_RUNNING), (room.NEEDED, HEALTHY), (2**40, HEALTHY)])
def test_little_free_space_is_named_and_none_is_not_healthy(
    full: World, run: Run, monkeypatch: pytest.MonkeyPatch, free: int, code: int
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(free))
    done = run(full, "health")
    assert done.exit_code == code
    assert (f"only 64.0 MiB are free for {full.data}: make room" in done.output) == (free < 2**40)
