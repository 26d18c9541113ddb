"""The imports of commands: those that fetch nothing must start quickly."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping

import pytest

from stx_pipelines_tests.cli.folders import DONE, NOT_RUNNING, NOT_YET, Run, write_wallets
from stx_pipelines_tests.waiting import LONGEST
from stx_pipelines_tests.world import World, child_environment

HEAVY = {"dagster", "duckdb", "obstore", "pandas", "psycopg", "pyarrow", "requests", "rich", "tenacity", "urllib3"}


def loaded_by(script: str, heavy: set[str], environment: Mapping[str, str]) -> list[str]:
    """Return what a script prints in a new process; the last line is its code and the heavy libraries it loaded."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{script}\nprint(code, sorted({heavy!r} & sys.modules.keys()))"],
        env=child_environment(environment),
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    assert done.stdout, done.stderr
    return done.stdout.splitlines()


def ending(*arguments: str) -> str:
    """Return a script that runs a command and keeps its exit code."""
    return (
        "from stx_pipelines.cli.main import main\n"
        f"try:\n    main({list(arguments)})\nexcept SystemExit as end:\n    code = end.code"
    )


def test_importing_all_commands_loads_no_heavy_library() -> None:
    script = "from stx_pipelines.cli.main import main\ncode = len(main.commands)"
    assert loaded_by(script, HEAVY, {}) == ["14 []"]


@pytest.mark.parametrize("stored", [False, True], ids=["empty", "full"])
def test_status_and_health_never_load_dagster(world: World, run: Run, stored: bool) -> None:
    if stored:
        world.stored()
        write_wallets(world, 7)
        assert run(world, "status").exit_code == DONE  # counts the wallets, and keeps the count
    lookups = {"dagster", "obstore", "psycopg", "requests", "pandas"}
    script = f"{ending('status')}\nprint(code, sorted({lookups | {'duckdb', 'pyarrow'}!r} & sys.modules.keys()))\n"
    said = loaded_by(script + ending("health"), lookups, world.environment)
    assert said[-1] == f"{DONE if stored else NOT_RUNNING} []"
    assert f"{DONE if stored else NOT_YET} []" in said[:-1]


def test_a_sync_with_nothing_to_do_loads_no_heavy_library(world: World, run: Run) -> None:
    assert run(world, "sync").exit_code == DONE
    heavy = {"dagster", "duckdb", "obstore", "pandas", "psycopg"}
    assert loaded_by(ending("sync"), heavy, world.environment)[-1] == "0 []"


def test_the_command_metrics_does_not_import_pandas(world: World) -> None:
    world.stored()
    command = ["-X", "importtime", "-m", "stx_pipelines.cli", "metrics"]
    done = subprocess.run(
        [sys.executable, *command],
        env=child_environment(world.environment),
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert done.returncode == DONE
    assert {"duckdb", "pyarrow"} <= imported
    assert "pandas.core" not in imported  # attempts to import pandas itself are listed too
