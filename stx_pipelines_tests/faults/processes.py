"""Processes that are killed or run at the same time. Not here: tests (test_*.py)."""

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
from click.testing import CliRunner, Result

from stx_pipelines.coverage.chains import Chain
from stx_pipelines_tests.faults.undisturbed import Followed
from stx_pipelines_tests.world import child_environment

KILLED = -signal.SIGKILL
_LONGEST_WAIT = 60  # seconds; a process without further requests is killed then


OURS = ("-m", "stx_pipelines.cli")
DAGSTERS = ("-m", "dagster")


def start(arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    """Start Python with these arguments in a separate process group; append its output to `log`."""
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, *arguments],
            env=child_environment(environment),
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def kill_with_children(process: subprocess.Popen[bytes]) -> None:
    """Kill -9 the process and its descendants, also those in other process groups."""
    table = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    parents = {int(pid): int(parent) for pid, parent in map(str.split, table.splitlines())}
    doomed = [process.pid]
    for pid in doomed:
        doomed += [child for child, parent in parents.items() if parent == pid]
    for pid in doomed:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def killed_at_random(world: Followed, process: subprocess.Popen[bytes], dice: Random, most_requests: int) -> bool:
    """Kill a process at a random one of its first requests, or up to half a second later.

    Return False if it ended before. The moment is counted in requests, so that it does not depend on the machine.
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
    """Return the command that syncs a chain."""
    return [*OURS, "sync", "--chain", chain.name]


def range_of_days(chain: Chain, first: object, last: object) -> list[str]:
    """Return the command that materializes these days in one run, as a backfill of the UI does."""
    where = ["-m", "stx_pipelines.definitions", "--select", ",".join(chain.tables)]
    return [*DAGSTERS, "asset", "materialize", *where, "--partition-range", f"{first}...{last}"]


def of_dagster(arguments: Sequence[str], environment: Mapping[str, str]) -> Result:
    """Run a command of Dagster in this process, which has imported Dagster already."""
    from dagster._cli import create_dagster_cli

    assert tuple(arguments[: len(DAGSTERS)]) == DAGSTERS
    return CliRunner().invoke(create_dagster_cli(), arguments[len(DAGSTERS) :], env=environment)


def dagster_home(folder: Path) -> dict[str, str]:
    """Make a Dagster home for all processes of a test; return its environment variable.

    The storage is created here, because Dagster fails when two processes create it at the same time.
    """
    folder.mkdir(exist_ok=True)
    (folder / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        instance.get_runs_count()
    return {"DAGSTER_HOME": str(folder)}
