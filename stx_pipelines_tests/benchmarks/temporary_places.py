"""Where a benchmark works: folders and virtual environments that are gone afterwards."""

from __future__ import annotations

import platform
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from stx_pipelines_tests.benchmarks.figure import NotMeasured, Scale

_INSTALL_SECONDS = 300


@contextmanager
def fresh_folder() -> Iterator[Path]:
    """A folder that does not exist yet, below one that goes away."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "data"


@contextmanager
def other_python(scale: Scale, packages: Sequence[str]) -> Iterator[Path]:
    """An interpreter with these packages, for what this project does not want to depend on.

    Raises `NotMeasured` when they cannot be installed; the smoke form does not try.
    """
    if scale.quick:
        raise NotMeasured(f"the smoke form does not install {packages[0]}")
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder) / "bin" / "python"
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages]
        try:
            subprocess.run(install, check=True, capture_output=True, text=True, timeout=_INSTALL_SECONDS)
        except subprocess.CalledProcessError as error:
            print(error.stderr, file=sys.stderr)
            raise NotMeasured(f"{packages[0]} cannot be installed with Python {platform.python_version()}") from None
        except subprocess.TimeoutExpired:
            raise NotMeasured(f"{packages[0]} was not installed within {_INSTALL_SECONDS} s") from None
        yield python


def run_apart(python: Path, script: Path, *arguments: str) -> float:
    """Run a script with another interpreter; the seconds it says its work took, as the last line it prints."""
    done = subprocess.run([str(python), str(script), *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{script.name} failed: {done.stderr[-1000:]}")
    return float(done.stdout.strip().splitlines()[-1])
