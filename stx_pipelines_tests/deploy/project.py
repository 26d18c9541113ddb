"""A copy of the project in which `make up`, `down`, `ps` and `logs` are run. Not here: tests (test_*.py)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stx_pipelines_tests.ports import free_port
from stx_pipelines_tests.waiting import LONGEST
from stx_pipelines_tests.world import ROOT


class Project:
    """A copy of the files that `make up` needs, with a code location of its own, and the commands run in it."""

    def __init__(self, folder: Path, code_location: str) -> None:
        self.folder = folder
        self.port = free_port()
        for name in ("Makefile", "dagster.yaml"):
            shutil.copy(ROOT / name, folder)
        shutil.copytree(ROOT / "deploy", folder / "deploy")
        (folder / "workspace.yaml").write_text("load_from:\n  - python_file: code_location.py\n")
        (folder / "code_location.py").write_text(code_location)
        (folder / "tmp").mkdir()
        self._fake_caffeinate()

    def _fake_caffeinate(self) -> None:
        fake = self.folder / "tmp" / "caffeinate"
        fake.write_text(f'#!/bin/sh\necho "$@" > {self.folder}/tmp/caffeinated\n')
        fake.chmod(0o755)

    @property
    def environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL")}
        return inherited | {"TMPDIR": f"{self.folder}/tmp", "PATH": f"{self.folder}/tmp:{os.environ['PATH']}"}

    def make(self, target: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `make TARGET` with this test's Python. make has exit code 2 for every failure."""
        return subprocess.run(
            ["make", "-o", ".venv/runtime", f"BIN={Path(sys.executable).parent}", f"PORT={self.port}", target],
            cwd=self.folder,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=LONGEST,
            check=False,
        )

    def pid(self, service: str) -> int:
        """Return the process id of a service, also while it starts; 0 while it does not run."""
        ask = [sys.executable, "-m", "supervisor.supervisorctl", "-c", "deploy/supervisord.conf", "pid", service]
        said = subprocess.run(ask, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False)
        return int(said.stdout) if said.stdout.strip().isdigit() else 0

    def processes(self) -> list[str]:
        """Return the running processes with this project in their environment."""
        everything = ["ps", "-axEww"] if sys.platform == "darwin" else ["ps", "axeww"]
        lines = subprocess.run(everything, capture_output=True, text=True, check=True).stdout.splitlines()
        return [line[:200] for line in lines if f"DAGSTER_HOME={self.folder}" in line and "<defunct>" not in line]

    def litter(self) -> set[str]:
        """Return the unexpected files in the project's folder."""
        ours = {"Makefile", "dagster.yaml", "workspace.yaml", "code_location.py", "deploy", "tmp"}
        return {path.name for path in self.folder.iterdir()} - ours - {"run.pid", "run.ended", "__pycache__"}


@contextmanager
def temporary_project(code_location: str) -> Iterator[Project]:
    """Make a project in a folder with a short path, because the path of a socket must be short."""
    folder = Path(tempfile.mkdtemp(prefix="stx-up-", dir="/tmp")).resolve()
    project = Project(folder, code_location)
    yield project
    project.make("down")
    shutil.rmtree(folder)


def ui_answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/server_info", timeout=LONGEST) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
