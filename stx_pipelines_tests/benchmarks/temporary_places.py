"""Temporary folders and virtual environments of a benchmark."""

from __future__ import annotations

import platform
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from stx_pipelines_tests.benchmarks.figure_types import NotMeasured, Scale

_INSTALL_SECONDS = 300


@contextmanager
def fresh_folder() -> Iterator[Path]:
    """Yield the path of a folder that does not exist yet; it is deleted when the block ends."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "data"


@contextmanager
def python_with(scale: Scale, packages: Sequence[str]) -> Iterator[Path]:
    """Yield a temporary interpreter with packages that this project does not depend on.

    Raises NotMeasured when they cannot be installed, and in a quick run.
    """
    if scale.quick:
        raise NotMeasured(f"a quick run does not install {packages[0]}")
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


def seconds_of_script(python: Path, script: Path, *arguments: str) -> float:
    """Run a script with another interpreter; return the seconds that it prints as its last line."""
    done = subprocess.run([str(python), str(script), *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{script.name} failed: {done.stderr[-1000:]}")
    return float(done.stdout.strip().splitlines()[-1])
