"""`health` names processes that run another version than the installed one; `--version` prints that one."""

from __future__ import annotations

import json
import os
import re
import socket
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from stx_pipelines.coverage.progress import Progress
from stx_pipelines.store.locks import locked
from stx_pipelines.version import VERSION
from stx_pipelines_tests.cli.folders import DATASET, DONE, HEALTHY, Run, report
from stx_pipelines_tests.world import ROOT, World, command

HEALTHY_AND_COMPLETE = "healthy: 4 of 4 days complete (100 %); target: 3 days before today (STX_TARGET_DAYS)\n"
WHAT_TO_DO = f"but version {VERSION} is installed: restart with `make down && make up`\n"


@pytest.fixture
def services() -> Iterator[Path]:
    """The folder of a `make up` that runs, in the current folder."""
    folder = Path("data/run")
    folder.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as supervisor:
        supervisor.bind(str(folder / "ctl"))  # relative, as supervisord's: the length of a socket's path is limited
        supervisor.listen()
        yield folder


@pytest.mark.parametrize(("version", "shown"), [("0.1.7", "0.1.7"), (None, "<0.2.0")])
def test_a_run_of_another_version_is_named(world: World, run: Run, version: str | None, shown: str) -> None:
    report(world, minutes_ago=1, version=version)
    with locked(world.folder.lock(DATASET), "the dataset", wait=0):
        done, as_json = run(world, "health"), json.loads(run(world, "health", "--json").stdout)
    assert done.exit_code == HEALTHY
    assert done.output.startswith(f"healthy: process {os.getpid()} is running; ")
    assert done.output.endswith(f"; process {os.getpid()} runs version {shown}, {WHAT_TO_DO}")
    assert as_json["other_versions"] == {f"process {os.getpid()}": shown}


@pytest.mark.parametrize("locks", [True, False], ids=["the same version", "no process"])
def test_nothing_is_named_where_nothing_differs(world: World, run: Run, locks: bool) -> None:
    report(world, minutes_ago=1, version=VERSION if locks else "0.1.7")
    if locks:
        with locked(world.folder.lock(DATASET), "the dataset", wait=0):
            done = run(world, "health")
    else:
        done = run(world, "health")
    assert "version" not in done.output


def test_services_of_another_version_are_named(full: World, run: Run, services: Path) -> None:
    """Also without the version, which services before 0.2.0 did not write down."""
    assert run(full, "health").output.endswith(f"; make up runs version <0.2.0, {WHAT_TO_DO}")
    (services / "version").write_text("0.1.7\n")
    assert run(full, "health").output.endswith(f"; make up runs version 0.1.7, {WHAT_TO_DO}")
    (services / "version").write_text(f"{VERSION}\n")
    assert run(full, "health").output == HEALTHY_AND_COMPLETE


def test_services_that_were_killed_are_not_named(full: World, run: Run, services: Path) -> None:
    (services / "version").write_text("0.1.7\n")
    assert "0.1.7" in run(full, "health").output
    (services / "ctl").unlink()
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(services / "ctl"))  # the file stays, and nobody listens
    assert run(full, "health").output == HEALTHY_AND_COMPLETE


def test_a_run_reports_its_version(world: World, run: Run) -> None:
    assert run(world, "sync").exit_code == DONE
    progress = world.project().shared.reported(DATASET, Progress)
    assert progress
    assert progress.version == VERSION


def test_the_version_of_the_command_is_the_installed_one() -> None:
    assert command(["--version"], {}).stdout == f"stx-pipelines {VERSION}\n"


def test_the_changelog_begins_with_the_version_of_the_project() -> None:
    [current, *_] = re.findall(r"^## \[([^]]+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert current == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
