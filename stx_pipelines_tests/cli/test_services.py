"""`health` looks at the services of `make up`: it believes supervisord, and its clock starts with the services."""

from __future__ import annotations

import os
import shutil
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xmlrpc.server import SimpleXMLRPCDispatcher, SimpleXMLRPCRequestHandler

import pytest

from stx_pipelines.clients.errors import Unreachable
from stx_pipelines.coverage.failures import failures_noted
from stx_pipelines_tests.cli.folders import DATASET, HEALTHY, NOT_RUNNING, STALLED, Run, report
from stx_pipelines_tests.runbook import assert_shown
from stx_pipelines_tests.world import ROOT, World


class Handler(SimpleXMLRPCRequestHandler):
    disable_nagle_algorithm = False  # a socket of this kind has none
    rpc_paths = ("/RPC2",)

    def address_string(self) -> str:
        return "a socket"

    def log_request(self, *_: object) -> None:
        """Print nothing."""


class Supervisor(socketserver.ThreadingMixIn, socketserver.UnixStreamServer, SimpleXMLRPCDispatcher):
    """A supervisord in the current folder, whose services have these states."""

    def __init__(self, folder: Path) -> None:
        SimpleXMLRPCDispatcher.__init__(self)
        self.folder = folder
        self.states = {"webserver": "RUNNING", "daemon": "RUNNING"}
        self.register_function(self.list_processes, "supervisor.getAllProcessInfo")
        super().__init__(str(folder / "ctl"), Handler)  # relative: the length of a socket's path is limited

    def list_processes(self) -> list[dict[str, str]]:
        return [{"name": name, "statename": state} for name, state in self.states.items()]

    def started(self, minutes_ago: float) -> None:
        path, at = self.folder / "supervisord.pid", datetime.now(UTC) - timedelta(minutes=minutes_ago)
        path.write_text("1")
        os.utime(path, (at.timestamp(), at.timestamp()))


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    folder = Path("data/run")
    folder.mkdir(parents=True)
    with Supervisor(folder) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def test_in_the_minute_after_make_up_it_is_healthy(world: World, run: Run, supervisor: Supervisor) -> None:
    supervisor.started(minutes_ago=0.5)
    done = run(world, "health")
    assert done.exit_code == HEALTHY
    assert done.output.startswith("healthy: `make up` started ")
    assert " ago, and the next run starts by itself; 0 of 4 days complete" in done.output


def test_a_daemon_that_starts_no_run_has_stalled(world: World, run: Run, supervisor: Supervisor) -> None:
    supervisor.started(minutes_ago=12)
    done = run(world, "health")
    assert done.exit_code == STALLED
    assert done.output.startswith("stalled: `make up` runs, but no run has started for 12 min; ")
    assert "stacks_coverage" in done.output
    report(world, minutes_ago=7)
    assert run(world, "health").exit_code == HEALTHY


def test_services_that_started_while_the_clock_was_ahead_may_have_stalled(
    world: World, run: Run, supervisor: Supervisor
) -> None:
    supervisor.started(minutes_ago=-60 * 24 * 365)
    assert run(world, "health").exit_code == HEALTHY
    report(world, minutes_ago=12)
    done = run(world, "health")
    assert done.exit_code == STALLED
    assert "no run has started for 12 min; " in done.output


def test_the_clock_starts_with_the_services_not_with_the_last_run(
    world: World, run: Run, supervisor: Supervisor
) -> None:
    report(world, minutes_ago=600)
    supervisor.started(minutes_ago=1)
    done = run(world, "health")
    assert (done.exit_code, done.output[:29]) == (HEALTHY, "healthy: `make up` started 1 ")


def test_the_reason_of_a_failed_run_is_part_of_the_sentence(world: World, run: Run, supervisor: Supervisor) -> None:
    supervisor.started(minutes_ago=1)
    with pytest.raises(Unreachable), failures_noted(world.folder, DATASET):
        raise Unreachable("the server is down")
    done = run(world, "health")
    assert done.exit_code == HEALTHY
    assert "; the last run failed " in done.output
    assert " ago: the server is down; " in done.output


@pytest.mark.parametrize("state", ["BACKOFF", "FATAL"])
def test_a_daemon_that_does_not_stay_up_is_not_running(
    full: World, run: Run, supervisor: Supervisor, state: str
) -> None:
    supervisor.states["daemon"] = state
    done = run(full, "health")
    assert done.exit_code == NOT_RUNNING
    assert "the daemon of `make up` does not stay up: read data/run/logs/daemon.log" in done.output
    assert_shown("`health` ends with 1: the daemon of `make up` does not stay up", done.output)
    supervisor.states |= {"daemon": "RUNNING", "webserver": state}
    done = run(full, "health")
    assert done.exit_code == HEALTHY
    assert "the webserver of `make up` does not stay up: read data/run/logs/webserver.log" in done.output


def test_services_of_another_data_folder_are_not_these(world: World, run: Run, supervisor: Supervisor) -> None:
    supervisor.started(minutes_ago=0.5)
    (supervisor.folder / "folder").write_text("/somewhere/else\n")
    assert run(world, "health").exit_code == NOT_RUNNING
    (supervisor.folder / "folder").write_text(f"{world.data.resolve()}\n")
    assert run(world, "health").exit_code == HEALTHY


def test_services_that_were_killed_are_named(world: World, run: Run) -> None:
    folder = Path("data/run")
    folder.mkdir(parents=True)
    (folder / "groups").write_text("1\n")
    done = run(world, "health")
    assert done.exit_code == NOT_RUNNING
    assert "the services ended without `make down`; run `make down` and `make up`" in done.output
    shutil.copytree(ROOT / "deploy", "deploy")
    subprocess.run(
        ["deploy/services.sh", "down"], env=os.environ | {"BIN": str(Path(sys.executable).parent)}, check=True
    )
    assert "start `make up` or `stx-pipelines sync`" in run(world, "health").output
