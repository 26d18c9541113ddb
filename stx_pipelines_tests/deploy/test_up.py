"""`make up`, `down`, `ps`, `logs`, run in a copy of the project with another code location."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from stx_pipelines.coverage.services import services_of
from stx_pipelines.coverage.versions import other_versions
from stx_pipelines.store.data_folder import DataFolder
from stx_pipelines.store.shared import FileShared
from stx_pipelines_tests.deploy.project import Project, temporary_project, ui_answers
from stx_pipelines_tests.waiting import LONGEST, wait_until
from stx_pipelines_tests.world import ROOT

pytestmark = [
    pytest.mark.skipif(
        importlib.util.find_spec("supervisor") is None, reason="needs supervisor: pip install -c constraints.txt -e ."
    ),
    pytest.mark.skipif(shutil.which("make") is None, reason="needs make"),
]

CODE_LOCATION = """
import os
import time
from pathlib import Path

import dagster as dg


@dg.op
def work():
    Path("run.pid").write_text(str(os.getpid()))
    try:
        time.sleep(86_400)
    finally:
        Path("run.ended").write_text("by itself")


@dg.job(executor_def=dg.in_process_executor)
def long_job():
    work()


AUTOSTART = os.environ.get("STX_AUTOSTART") == "1"


@dg.sensor(
    job=long_job,
    minimum_interval_seconds=1,
    default_status=dg.DefaultSensorStatus.RUNNING if AUTOSTART else dg.DefaultSensorStatus.STOPPED,
)
def once(context):
    if context.cursor:
        return dg.SkipReason("asked already")
    context.update_cursor("asked")
    return dg.RunRequest()


defs = dg.Definitions(jobs=[long_job], sensors=[once])
"""


@pytest.fixture
def stopped() -> Iterator[Project]:
    """Make a project in which nothing runs."""
    with temporary_project(CODE_LOCATION) as project:
        yield project


@pytest.fixture(scope="module")
def shared_project() -> Iterator[Project]:
    """Make one project for all tests of a running UI, because `make up` takes ten seconds."""
    with temporary_project(CODE_LOCATION) as project:
        yield project


@pytest.fixture
def project(shared_project: Project) -> Project:
    """Return the shared project after `make up`, which is run unless its UI responds already."""
    if not ui_answers(shared_project.port):
        up = shared_project.make("up", UI_ALLOWED_HOSTS="ui.example.org")
        assert up.returncode == 0, up.stderr
        assert f"http://127.0.0.1:{shared_project.port}" in up.stdout
    return shared_project


def status_of(port: int, method: str, path: str, body: str | None = None, **headers: str) -> int:
    """Return the status of the UI's response to a request with these headers."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    status = connection.getresponse().status
    connection.close()
    return status


def test_up_serves_its_own_ui_and_no_page_of_another_site(project: Project) -> None:
    """An image, a form, an unknown host and a WebSocket of another site are refused; requests of the UI succeed."""
    port, ours = project.port, f"http://127.0.0.1:{project.port}"
    question = '{"query": "{ __typename }"}'
    json = {"content_type": "application/json"}
    socket_asked = {
        "connection": "Upgrade",
        "upgrade": "websocket",
        "sec_websocket_version": "13",
        "sec_websocket_key": "AAAAAAAAAAAAAAAAAAAAAA==",
        "sec_websocket_protocol": "graphql-ws",
    }
    assert status_of(port, "GET", "/graphql?query=%7B__typename%7D", accept="image/*") == 403
    assert status_of(port, "POST", "/graphql?query=%7B__typename%7D", "a=b", origin="https://evil.example") == 403
    assert status_of(port, "GET", "/", host="evil.example") == 403
    assert status_of(port, "GET", "/graphql", origin="https://evil.example", **socket_asked) == 403

    assert status_of(port, "POST", "/graphql", question, origin=ours, **json) == 200
    assert status_of(port, "GET", "/graphql", origin=ours, **socket_asked) == 101
    assert status_of(port, "GET", "/", host="ui.example.org") == 200


def test_up_runs_until_down_and_down_leaves_nothing(project: Project) -> None:
    """The UI responds, sensors start, a killed daemon restarts; `down` ends every process and removes its files."""
    assert ui_answers(project.port)
    supervisor = (project.folder / "data/run/supervisord.pid").read_text().strip()
    assert (project.folder / "tmp/caffeinated").read_text().strip() == f"-i -w {supervisor}"

    again = project.make("up")
    assert again.returncode == 2
    assert "already running" in again.stderr

    run = project.folder / "data/run"
    assert other_versions(FileShared(DataFolder(project.folder / "data")), run) == {}
    (run / "version").write_text("0.1.7")
    assert other_versions(FileShared(DataFolder(project.folder / "data")), run) == {"make up": "0.1.7"}

    services = services_of(DataFolder(project.folder / "data"), run)
    assert (services.has_daemon, services.broken) == (True, ())
    assert not services_of(DataFolder(project.folder / "elsewhere"), run).has_daemon

    assert project.make("ps").stdout.count("RUNNING") == 2
    wait_until((project.folder / "run.pid").exists, "the sensor, which is RUNNING by default, started a run")
    first = project.pid("daemon")
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: project.pid("daemon") not in (0, first), "the daemon was started again")
    assert not (project.folder / "run.ended").exists()

    # The run continues in the code server of the killed daemon, a process that supervisord does not know.
    down = project.make("down")
    assert (down.returncode, down.stdout.strip(), down.stderr) == (0, "stopped", "")
    assert not (run / "version").exists()
    assert project.processes() == []
    assert (project.folder / "run.ended").read_text() == "by itself"
    assert not ui_answers(project.port)
    assert project.litter() == {".dagster", "data"}
    assert {path.name for path in (project.folder / "deploy").iterdir()} == {
        path.name for path in (ROOT / "deploy").iterdir()
    }


def test_down_and_ps_report_that_nothing_runs(stopped: Project) -> None:
    """Their exit code is 0."""
    for target in ("down", "ps"):
        result = stopped.make(target)
        assert result.returncode == 0
        assert result.stdout.startswith("nothing is running")


def test_a_process_with_the_number_of_an_earlier_one_is_left_alone(stopped: Project) -> None:
    """Another project's Dagster got a recorded number after a reboot (first) or in the same boot (second)."""
    groups = stopped.folder / "data/run/groups"
    groups.parent.mkdir(parents=True)
    services = [str(stopped.folder / "deploy/services.sh")]
    environment = stopped.environment | {"BIN": str(Path(sys.executable).parent)}
    sleep = [sys.executable, "-c", "import time; time.sleep(600)  # dagster"]
    with subprocess.Popen(sleep, start_new_session=True) as other:
        subprocess.run([*services, "record", str(other.pid)], env=environment, check=True)
        number, boot, start = groups.read_text().split(maxsplit=2)
        assert int(number) == other.pid
        for line in (f"{number} another-boot {start}", f"{number} {boot} 1{start}"):
            groups.write_text(line)
            assert stopped.make("ps").stdout.startswith("nothing is running")
            assert stopped.make("down").stdout.strip() == "nothing is running"
            assert other.poll() is None
        groups.write_text(f"{number} {boot} {start}")
        assert "left processes behind" in stopped.make("ps", COLUMNS="20").stdout  # where `ps` would cut its lines
        assert stopped.make("down").stdout.strip() == "stopped"
        assert other.wait(LONGEST) != 0


def test_up_refuses_a_port_that_is_taken(stopped: Project) -> None:
    """`up` does not mistake another program for its UI, and it leaves nothing running."""
    with socket.create_server(("127.0.0.1", stopped.port)):
        up = stopped.make("up")
    assert up.returncode == 2
    assert f"cannot listen on 127.0.0.1:{stopped.port}" in up.stderr
    assert stopped.processes() == []


def test_up_reports_why_a_service_cannot_start_and_stops_again(stopped: Project) -> None:
    """The settings choose PostgreSQL without a URL."""
    up = stopped.make("up", DAGSTER_HOME="deploy")
    assert up.returncode == 2
    assert "DAGSTER_POSTGRES_URL" in up.stderr
    assert "everything is stopped again" in up.stderr
    assert stopped.processes() == []
