"""The benchmark runs: figures in their smallest form, as the command would take them."""

from __future__ import annotations

from pathlib import Path

from stx_pipelines_tests.benchmarks.__main__ import FIGURES
from stx_pipelines_tests.benchmarks.report import load
from stx_pipelines_tests.world import command

SLOW = {"dagster", "cold_start"}
"""Two commands each that other tests run as well, and half of the smoke form's time."""

MAY_BE_MISSING = {"dlt", "ethereum_blocks", "ethereum_calls", "ethereum_loop"}
"""They need what is not on every machine, or what the smoke form does not install."""


def test_the_figures_can_be_taken(tmp_path: Path) -> None:
    """What is not measured says why, and nothing fails; the values mean nothing at this size."""
    path = tmp_path / "results.json"
    wanted = [figure.name for figure in FIGURES if figure.name not in SLOW]
    only = [argument for name in wanted for argument in ("--only", name)]
    arguments = ["--quick", "--output", str(path), *only]
    done = command(arguments, {}, module="stx_pipelines_tests.benchmarks")
    assert done.returncode == 0, done.stdout + done.stderr
    results = load(path).figures
    assert [result.name for result in results] == wanted
    missing = [result for result in results if result.value is None]
    assert [each.measured for each in missing if not each.measured.startswith("not measured: ")] == []
    assert {each.name for each in missing} <= MAY_BE_MISSING
