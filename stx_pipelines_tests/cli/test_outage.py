"""A `sync` that had an answer waits for a server that stopped responding, and lets others work meanwhile."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from stx_pipelines.clients import outage as outage_module
from stx_pipelines.clients.outage import Outage
from stx_pipelines.coverage.chains import STACKS
from stx_pipelines.coverage.health import judge
from stx_pipelines.devnet.stacks.knobs import FaultKind
from stx_pipelines.store.locks import holder, locked
from stx_pipelines_tests.cli.folders import DATASET, DONE, ERROR, HEALTHY, NOT_YET, Run
from stx_pipelines_tests.cli.test_stop import start_sync
from stx_pipelines_tests.runbook import assert_shown
from stx_pipelines_tests.waiting import LONGEST, wait_until
from stx_pipelines_tests.world import World

Script = Callable[..., list[float]]


@pytest.fixture
def during(monkeypatch: pytest.MonkeyPatch) -> Script:
    """Give a function that replaces the pauses of an outage: each one calls `look`, and the clock moves on by it."""

    def replace(look: Callable[[], object]) -> list[float]:
        pauses: list[float] = []

        class Imagined(Outage):
            def __init__(self, *arguments: Any) -> None:
                super().__init__(*arguments)
                self.clock = lambda: datetime.now(UTC) + timedelta(seconds=sum(pauses))
                self.sleep = self._pause

            def _pause(self, _: threading.Event, seconds: float) -> None:
                look()
                pauses.append(seconds)

        monkeypatch.setattr(outage_module, "Outage", Imagined)
        return pauses

    return replace


def break_after(world: World, requests: int, kind: FaultKind = "503") -> None:
    """Let every request after so many fail."""
    seen = []

    def count(_: str) -> None:
        seen.append(1)
        if len(seen) > requests:
            world.knobs.fault_kinds, world.knobs.fault_rate = (kind,), 1.0

    world.knobs.on_request = count


def mend(world: World) -> None:
    world.knobs.on_request, world.knobs.fault_rate = None, 0.0


@pytest.mark.parametrize("after", [12, 1], ids=["in a run", "between runs"])
def test_it_waits_and_continues_while_others_are_told(world: World, run: Run, during: Script, after: int) -> None:
    """Between runs, the tip is compared with today's stored day."""
    said = []
    if after == 1:
        world.stored()

    def look() -> None:
        project = world.project()
        health = judge(project, [STACKS], datetime.now(UTC), timedelta(seconds=1))
        said.append((health.code, health.sentence))
        assert holder(world.folder.lock(DATASET)) is None
        second = start_sync(world)
        out, err = second.communicate(timeout=LONGEST)
        assert (second.returncode, out) == (NOT_YET, "")
        said.append((second.returncode, err))
        mend(world)

    pauses = during(look)
    break_after(world, after)
    done = run(world, "sync", "--target-days", "3")
    assert done.exit_code == DONE, done.output
    assert pauses == [30]
    assert holder(world.folder.lock("sync")) is None
    (code, sentence), (_, err) = said
    assert code == HEALTHY
    if after == 1:
        assert sentence.startswith("healthy: ")
    else:
        assert sentence.startswith("waiting for the server since ")
        assert f"process {os.getpid()} continues by itself" in sentence
    assert err.startswith(f"stopped: process {os.getpid()} is waiting for the server since ")
    assert err.count("\n") == 1
    assert "waiting for the server http" in done.stderr
    assert_shown("`waiting for the server ... since ...`", done.stderr + sentence)
    assert "responds again" in done.stderr
    world.assert_true(world.days)


def test_it_ends_as_before_without_hours_and_without_an_answer(world: World, run: Run, during: Script) -> None:
    pauses = during(lambda: None)
    world.overrides |= {"stx_outage_hours": 0, "hiro_attempts": 2}
    break_after(world, 12)
    assert run(world, "sync", "--target-days", "3").exit_code == NOT_YET
    world.overrides["stx_outage_hours"] = 1
    assert run(world, "sync", "--target-days", "3").exit_code == NOT_YET
    assert pauses == []


def test_it_ends_after_the_hours_of_the_setting(world: World, run: Run, during: Script) -> None:
    pauses = during(lambda: None)
    world.overrides |= {"stx_outage_hours": 2, "hiro_attempts": 2}
    break_after(world, 12)
    done = run(world, "sync", "--target-days", "3")
    assert done.exit_code == NOT_YET
    assert sum(pauses) == pytest.approx(7200, abs=5)
    assert done.stderr.count("still waiting for the server") in {10, 11}


def test_another_process_that_used_the_dataset_meanwhile_ends_it(world: World, run: Run, during: Script) -> None:
    def look() -> None:
        lock = world.folder.lock(DATASET)
        with locked(lock, "the dataset", wait=0):
            lock.with_suffix(".owner").write_text("process 1")
        mend(world)

    during(look)
    break_after(world, 12)
    done = run(world, "sync", "--target-days", "3")
    assert done.exit_code == NOT_YET
    assert "process 1 used the dataset transactions while this command waited for the server" in done.stderr
    symptom = "`process 4242 used the dataset ... while this command waited for the server`"
    assert_shown(symptom, done.stderr)
    assert run(world, "sync", "--target-days", "3").exit_code == DONE
    world.assert_true(world.days)


def test_a_signal_ends_the_wait_at_once(world: World) -> None:
    break_after(world, 12)
    first = start_sync(world)
    try:
        progress = world.folder.progress(DATASET)
        wait_until(lambda: progress.exists() and b'"waiting_since":"' in progress.read_bytes(), "it waits")
        first.send_signal(signal.SIGTERM)
        said, _ = first.communicate(timeout=LONGEST)
    finally:
        first.kill()
    assert first.returncode == NOT_YET
    assert said.startswith("stopped; stored days are kept: ")


def test_a_denied_request_is_waited_for_and_then_an_error(world: World, run: Run, during: Script) -> None:
    pauses = during(lambda: None)
    world.overrides["hiro_attempts"] = 2
    break_after(world, 12, "403")
    done = run(world, "sync", "--target-days", "3")
    assert done.exit_code == ERROR
    assert sum(pauses) == pytest.approx(900, abs=5)
    assert_shown("`... was refused: HTTP 403` (or 401)", done.stderr)
    assert world.open_sync().store.attempts.all() == {}
    mend(world)
    assert run(world, "sync", "--target-days", "3").exit_code == DONE
