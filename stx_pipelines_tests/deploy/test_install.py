"""`make install`, and any target that installs first, say so in one line. A made-up Python replaces the real one."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from stx_pipelines_tests.waiting import LONGEST
from stx_pipelines_tests.world import ROOT

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")

PYTHON = """#!/bin/sh
if [ "$2" = venv ]; then mkdir -p .venv/bin && cp "$0" .venv/bin/python && cp "$0" .venv/bin/stx-pipelines; fi
if [ "$2" = pip ] && [ -e no-network ]; then echo "no network" >&2; exit 1; fi
"""
INSTALLING = "installing into .venv; the first time this takes a minute or two\n"
INSTALLED = "everything is installed in .venv; the command is .venv/bin/stx-pipelines; `make demo` shows what it does\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the files that an installation needs."""
    folder = tmp_path / "copy"
    folder.mkdir()
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, folder)
    (folder / "python").write_text(PYTHON)
    (folder / "python").chmod(0o755)
    return folder


def make(folder: Path, target: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL")}
    return subprocess.run(
        ["make", "PYTHON=./python", target],
        cwd=folder,
        env=inherited,
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )


def test_make_install_says_that_it_installs_and_that_it_has_installed(folder: Path) -> None:
    done = make(folder, "install")
    assert (done.returncode, done.stderr, done.stdout) == (0, INSTALLING, INSTALLED)
    again = make(folder, "install")
    assert (again.returncode, again.stderr, again.stdout) == (0, "", INSTALLED)


def test_the_first_command_says_that_it_installs_first(folder: Path) -> None:
    done = make(folder, "status")
    assert (done.returncode, done.stderr) == (0, INSTALLING)
    assert make(folder, "status").stderr == ""


def test_a_failed_install_does_not_say_that_it_has_installed(folder: Path) -> None:
    (folder / "no-network").touch()
    done = make(folder, "install")
    assert done.returncode != 0
    assert done.stderr.startswith(f"{INSTALLING}no network\n")
    assert done.stdout == ""
