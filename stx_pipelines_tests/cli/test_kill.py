"""Kill -9 in the middle of `sync`: what was finished is kept, and the next `sync` ends in the undisturbed table."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from stx_pipelines_tests.waiting import answers_only_while, wait_until
from stx_pipelines_tests.world import World, alike, child_environment, command, recent_chain, table_rows, table_truth

MakeWorld = Callable[..., World]
DAYS = 20
KILLED = -signal.SIGKILL


def start(world: World) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "stx_pipelines.cli", "sync", "--target-days", str(DAYS)],
        env=child_environment(world.environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def landed(data: Path) -> set[str]:
    return {path.stem for path in (data / "days" / "transactions").glob("????-??-??.parquet")}


def written(world: World, day: date) -> int:
    """When the file of a day was written."""
    return (world.data / "days" / "transactions" / f"{day}.parquet").stat().st_mtime_ns


def kill_after(world: World, process: subprocess.Popen[bytes], days: int, requests: int = 0) -> None:
    """Kill it when so many days have landed and so many more requests came; the server does not let it end before."""
    last, arrived = DAYS - 2, threading.Event()
    days = min(days, last)

    def goes_on() -> bool:
        nonlocal requests
        there = len(landed(world.data))
        requests -= there >= days
        if requests < 0:
            arrived.set()
        return there < last

    with answers_only_while(world.knobs, goes_on):
        wait_until(lambda: arrived.is_set() or process.poll() is not None, "the days landed")
        process.kill()
        assert process.wait() == KILLED, "it ended before it was killed"


def test_three_kills_at_random_moments_change_nothing(make_world: MakeWorld, pytestconfig: pytest.Config) -> None:
    """`--faults-seed` shows a failure again."""
    seed = pytestconfig.getoption("--faults-seed")
    rng = random.Random(seed)
    chain = recent_chain(DAYS)
    world = make_world(chain)
    kept: set[str] = set()
    for _ in range(3):
        process = start(world)
        kill_after(world, process, len(kept) + rng.randint(1, 5), rng.randint(0, 10))
        assert kept <= landed(world.data), f"a finished day was lost (seed {seed})"
        kept = landed(world.data)
    assert kept
    assert len(kept) < DAYS + 1, f"nothing was left to do (seed {seed})"
    finished = {day: written(world, day) for day, known in world.certificates().items() if known.is_closed}
    (world.data / "days" / "transactions" / f".{world.days[0]}.parquet.1.tmp").write_bytes(b"half of it")
    done = command(["sync", "--target-days", str(DAYS)], world.environment)
    assert done.returncode == 0, f"{done.stderr[-2000:]} (seed {seed})"
    assert not list(world.data.glob("days/*/.*.tmp"))
    assert table_rows(world.data) == table_truth(chain, world.days)
    assert {day: written(world, day) for day in finished} == finished
    undisturbed = make_world(chain)
    undisturbed.landed()
    assert alike(world.certificates()) == alike(undisturbed.certificates())


def test_a_killed_sync_leaves_every_finished_day_materialized_in_dagster(
    make_world: MakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_world(recent_chain(DAYS))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    process = start(world)
    kill_after(world, process, 6)
    with dg.DagsterInstance.get() as instance:
        logged = instance.get_materialized_partitions(dg.AssetKey("transactions"))
    days = landed(world.data)
    assert len(days - logged) <= 1  # the day in hand
    assert logged <= days
    assert logged
