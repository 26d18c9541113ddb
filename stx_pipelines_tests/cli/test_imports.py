"""What commands import: a command that only looks must start at once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping

import pytest

from stx_pipelines_tests.cli.folders import DONE, NOT_RUNNING, NOT_YET, Run, write_wallets
from stx_pipelines_tests.waiting import LONGEST
from stx_pipelines_tests.world import World, child_environment

HEAVY = {"dagster", "duckdb", "pandas", "pyarrow", "requests", "rich", "tenacity", "urllib3"}


def loaded_by(script: str, heavy: set[str], environment: Mapping[str, str]) -> str:
    """The last line that a script prints in a process of its own, and the heavy libraries it has loaded by then."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{script}\nprint(code, sorted({heavy!r} & sys.modules.keys()))"],
        env=child_environment(environment),
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    assert done.stdout, done.stderr
    return done.stdout.splitlines()[-1]


def ending(*arguments: str) -> str:
    """A script that runs a command and keeps its exit code."""
    return (
        "from stx_pipelines.cli.main import main\n"
        f"try:\n    main({list(arguments)})\nexcept SystemExit as end:\n    code = end.code"
    )


def test_to_have_all_commands_loads_no_heavy_library() -> None:
    script = "from stx_pipelines.cli.main import main\ncode = len(main.commands)"
    assert loaded_by(script, HEAVY, {}) == "7 []"


@pytest.mark.parametrize("command_name", ["status", "health"])
@pytest.mark.parametrize("landed", [False, True], ids=["empty", "full"])
def test_a_look_never_loads_dagster(world: World, run: Run, command_name: str, landed: bool) -> None:
    if landed:
        world.landed()
        write_wallets(world, 7)
        assert run(world, "status").exit_code == DONE  # counts the wallets, and remembers how many
    heavy = {"dagster", "requests", "pandas"} | ({"duckdb", "pyarrow"} if command_name == "status" else set())
    said = loaded_by(ending(command_name), heavy, world.environment)
    missing = NOT_YET if command_name == "status" else NOT_RUNNING
    assert said == f"{DONE if landed else missing} []"


def test_a_sync_with_nothing_to_do_loads_no_heavy_library(world: World, run: Run) -> None:
    run(world, "sync", "--target-days", "3")
    heavy = {"dagster", "duckdb", "pandas"}
    assert loaded_by(ending("sync", "--target-days", "3"), heavy, world.environment) == "0 []"
