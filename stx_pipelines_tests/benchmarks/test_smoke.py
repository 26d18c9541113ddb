"""The benchmark command, with the smallest sizes."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from stx_pipelines_tests.benchmarks.__main__ import FIGURES
from stx_pipelines_tests.benchmarks.report import load
from stx_pipelines_tests.world import command

SLOW = {"dagster", "cold_start", "readers", "metrics_day", "postgres_day"}
"""Figures of code that other tests also run; they would double this test's time."""

MAY_BE_MISSING = {"dlt", "ethereum_blocks", "ethereum_calls", "ethereum_loop"}
"""Figures that need programs or packages which may be missing, or which a quick run does not install."""


def test_the_figures_can_be_measured(tmp_path: Path) -> None:
    """No figure fails, and one without a value says why; the values mean nothing at this size."""
    path = tmp_path / "results.json"
    wanted = [figure.name for figure in FIGURES if figure.name not in SLOW]
    only = [argument for name in wanted for argument in ("--only", name)]
    arguments = ["--quick", "--output", str(path), *only]
    with TemporaryDirectory(dir="/tmp") as short:  # the path of a process's socket has at most 108 characters
        done = command(arguments, {"TMPDIR": short}, module="stx_pipelines_tests.benchmarks")
    assert done.returncode == 0, done.stdout + done.stderr
    results = load(path).figures
    assert [result.name for result in results] == wanted
    missing = [result for result in results if result.value is None]
    assert [each.measured for each in missing if not each.measured.startswith("not measured: ")] == []
    assert {each.name for each in missing} <= MAY_BE_MISSING
