"""Processes that are killed, and processes that work at once. Not here: claims (test_*.py)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from random import Random

import dagster as dg

from stx_pipelines.coverage.chains import Chain
from stx_pipelines_tests.faults.undisturbed import Followed
from stx_pipelines_tests.world import child_environment

KILLED = -signal.SIGKILL
_LONGEST_WAIT = 60  # seconds; whoever has nothing left to ask is killed then


OURS = ("-m", "stx_pipelines.cli")
DAGSTERS = ("-m", "dagster")


def start(arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    """Python with these arguments in a process group of its own; what it says is appended to `log`."""
    with log.open("ab") as said:
        return subprocess.Popen(
            [sys.executable, *arguments],
            env=child_environment(environment),
            stdout=said,
            stderr=said,
            start_new_session=True,
        )


def kill_with_children(process: subprocess.Popen[bytes]) -> None:
    """Kill -9 of the process and of all that it started, also where those lead groups of their own."""
    table = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    parents = {int(pid): int(parent) for pid, parent in map(str.split, table.splitlines())}
    doomed = [process.pid]
    for pid in doomed:
        doomed += [child for child, parent in parents.items() if parent == pid]
    for pid in doomed:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def killed_at_random(world: Followed, process: subprocess.Popen[bytes], dice: Random, most_requests: int) -> bool:
    """Let it work up to one of its first requests and up to half a second longer, then kill it.

    False when it ended by itself before. Requests are the clock: they come as fast as the machine is.
    """
    wanted, later = dice.randint(0, most_requests), dice.uniform(0, 0.5) * dice.randint(0, 1)
    arrived, seen = threading.Event(), 0

    def count(_: object) -> None:
        nonlocal seen
        seen += 1
        if seen >= wanted:
            arrived.set()

    world.knobs.on_request = count
    deadline = time.monotonic() + _LONGEST_WAIT
    while process.poll() is None and not arrived.wait(0.02) and time.monotonic() < deadline:
        pass
    with suppress(subprocess.TimeoutExpired):
        process.wait(later)
    kill_with_children(process)
    world.knobs.on_request = None
    return process.wait() == KILLED


def sync_of(chain: Chain) -> list[str]:
    """The command that brings a chain home."""
    return [*OURS, "sync", "--chain", chain.name]


def range_of_days(chain: Chain, first: object, last: object) -> list[str]:
    """A backfill of these days in one run, as the UI's backfill makes it."""
    where = ["-m", "stx_pipelines.definitions", "--select", ",".join(chain.tables)]
    return [*DAGSTERS, "asset", "materialize", *where, "--partition-range", f"{first}...{last}"]


def dagster_home(folder: Path) -> dict[str, str]:
    """A history that every process of a scenario shares.

    It is made here: Dagster's own storage breaks when two processes make it at the same moment.
    """
    folder.mkdir(exist_ok=True)
    (folder / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        instance.get_runs_count()
    return {"DAGSTER_HOME": str(folder)}
