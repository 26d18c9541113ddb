"""The code location loads fast and without a network."""

from __future__ import annotations

import subprocess
import sys

from stx_pipelines.defs.partitions import stacks_days
from stx_pipelines_tests.waiting import LONGEST
from stx_pipelines_tests.world import child_environment, today

LOADS = """
import socket, sys
def refuse(*arguments, **options):
    raise OSError("definitions must not use the network")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
from stx_pipelines.definitions import defs
print(sorted(key.to_user_string() for key in defs.resolve_asset_graph().get_all_asset_keys()))
print(sorted({"numpy", "pandas", "pyarrow", "requests", "starlette", "uvicorn"} & sys.modules.keys()))
"""


def test_definitions_load_in_a_fresh_interpreter_without_network_and_without_what_only_runs_need() -> None:
    """Modules that only runs need would slow down the start. `make bench` measures its time."""
    done = subprocess.run(
        [sys.executable, "-c", LOADS],
        env=child_environment({}),
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    names, heavy = done.stdout.splitlines()
    assert "'transactions'" in names
    assert heavy == "[]"
    assert "Warning" not in done.stderr  # about beta features of Dagster, which assets use on purpose


def test_days_go_from_the_chains_first_to_today() -> None:
    keys = stacks_days.get_partition_keys()
    assert (keys[0], keys[-1]) == ("2021-01-14", str(today()))
