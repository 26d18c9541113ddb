"""Kill -9 during `sync`: stored days are kept, and the next `sync` makes the same table as without a kill."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from stx_pipelines_tests.cli.folders import DATASET, DONE, MakeWorld, Run, day_file
from stx_pipelines_tests.waiting import answers_only_while, wait_until
from stx_pipelines_tests.world import World, alike, child_environment, recent_chain, table_rows, table_truth

DAYS = 8
KILLED = -signal.SIGKILL


def start(world: World) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "stx_pipelines.cli", "sync"],
        env=child_environment(world.environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def stored(data: Path) -> set[str]:
    return {path.stem for path in (data / "days" / DATASET).glob("????-??-??.parquet")}


def written(world: World, day: date) -> int:
    """Return when the file of a day was written."""
    return day_file(world, day).stat().st_mtime_ns


def kill_after(world: World, process: subprocess.Popen[bytes], days: int, requests: int) -> None:
    """Kill it after so many stored days and so many more requests; the server does not respond to the last ones."""
    last, arrived = DAYS - 2, threading.Event()
    days = min(days, last)

    def goes_on() -> bool:
        nonlocal requests
        there = len(stored(world.data))
        requests -= there >= days
        if requests < 0:
            arrived.set()
        return there < last

    with answers_only_while(world.knobs, goes_on):
        wait_until(lambda: arrived.is_set() or process.poll() is not None, "the days are stored")
        process.kill()
        assert process.wait() == KILLED, "it ended before it was killed"


def test_kills_at_random_moments_change_nothing(
    make_world: MakeWorld, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config
) -> None:
    """Every stored day is also logged in Dagster, except the one in hand. `--faults-seed` repeats a failure.

    Only with `--faults-whole`: the short form is in faults/test_kill.py.
    """
    if not pytestconfig.getoption("--faults-whole"):
        pytest.skip("only with --faults-whole: faults/test_kill.py kills a sync too")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    seed = pytestconfig.getoption("--faults-seed")
    rng = random.Random(seed)
    chain = recent_chain(DAYS, transactions_per_day=100)
    world = make_world(chain, stx_target_days=DAYS)
    kept: set[str] = set()
    for kill in range(1, 4):
        kill_after(world, start(world), len(kept) + rng.randint(1, 2), rng.randint(0, 10))
        assert kept <= stored(world.data), f"a stored day was lost (seed {seed})"
        kept = stored(world.data)
        with dg.DagsterInstance.get() as instance:
            logged = instance.get_materialized_partitions(dg.AssetKey("transactions"))
        assert logged <= kept
        assert len(kept - logged) <= kill, f"stored days are not logged (seed {seed})"
    assert logged
    assert len(kept) < DAYS + 1, f"nothing was left to do (seed {seed})"
    finished = {day: written(world, day) for day, known in world.certificates().items() if known.is_closed}
    (world.data / "days" / DATASET / f".{world.days[0]}.parquet.1.tmp").write_bytes(b"half of it")
    killed, living = (world.data / "public" / f".index.html.{pid}.tmp" for pid in (1, 2))
    for path in (killed, living):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("half of it")
    os.utime(killed, (0, 0))
    done = run(world, "sync")
    assert done.exit_code == DONE, f"{done.output[-2000:]} (seed {seed})"
    assert not list(world.data.glob("days/*/.*.tmp"))
    assert (killed.exists(), living.exists()) == (False, True)
    assert table_rows(world.data) == table_truth(chain, world.days)
    assert {day: written(world, day) for day in finished} == finished
    undisturbed = make_world(chain)
    undisturbed.stored()
    assert alike(world.certificates()) == alike(undisturbed.certificates())
