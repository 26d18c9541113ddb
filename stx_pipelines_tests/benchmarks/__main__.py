"""`python -m stx_pipelines_tests.benchmarks`: every figure of docs/performance.md, or the named ones.

The machine should be idle apart from this run. Exit code 0: every measured goal is met; 1: a goal is missed.
"""

from __future__ import annotations

import contextlib
import multiprocessing.util
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from shutil import copyfile

import click
from rich.console import Console

from stx_pipelines_tests.benchmarks import (
    dagster_overhead,
    ethereum_speed,
    metrics_cost,
    postgres_copy_speed,
    proof_and_storing_cost,
    record_pull,
    stacks_sync_speed,
    sync_memory_and_status_time,
    table_load_speed,
)
from stx_pipelines_tests.benchmarks.figure_types import Figure, NotMeasured, Scale
from stx_pipelines_tests.benchmarks.machine import this_machine
from stx_pipelines_tests.benchmarks.report import Result, Results, load, markdown, save, show, with_table
from stx_pipelines_tests.world import ROOT

MODULES = (
    stacks_sync_speed,
    proof_and_storing_cost,
    table_load_speed,
    dagster_overhead,
    sync_memory_and_status_time,
    ethereum_speed,
    metrics_cost,
    record_pull,
    postgres_copy_speed,
)
FIGURES: tuple[Figure, ...] = tuple(figure for module in MODULES for figure in module.FIGURES)
OUTPUT = ROOT / "data" / "bench" / "results.json"
PUBLISHED = ROOT / "docs" / "performance.json"
README = ROOT / "README.md"


def taken(figure: Figure, scale: Scale) -> Result:
    """Measure one figure; an error becomes its result and does not end the run."""
    words = {"name": figure.name, "figure": figure.words, "goal": str(figure.goal)}
    try:
        found = figure.measure(scale)
    except NotMeasured as reason:
        return Result(**words, measured=f"not measured: {reason}")
    except Exception as error:  # noqa: BLE001 - the other figures must still be measured
        return Result(**words, measured=f"failed: {type(error).__name__}: {error}", met=False)
    value, met = round(found.value, 4), figure.goal.met(found.value) and found.also
    return Result(**words, measured=f"{value:.3g}{figure.goal.unit}", behind=found.behind, value=value, met=met)


def publish() -> None:
    """Copy the last whole run to docs/ and make the README's table from it."""
    try:
        results = load(OUTPUT)
    except FileNotFoundError:
        raise click.ClickException("there are no results yet: run `make bench` first") from None
    names = [result.name for result in results.figures]
    if results.quick or names != [figure.name for figure in FIGURES]:
        raise click.ClickException("the last run was not complete: run `make bench` first")
    if broken := [result.name for result in results.figures if result.value is None and result.met is False]:
        raise click.ClickException(f"{', '.join(broken)} failed: fix that and run `make bench` again")
    copyfile(OUTPUT, PUBLISHED)
    README.write_text(with_table(README.read_text(), markdown(results)))


@contextlib.contextmanager
def _clean_place(folder: Path) -> Iterator[None]:
    """Work without settings of the environment, in a temporary folder below `folder`, until the block ends."""
    for name in list(os.environ):
        if name.startswith(("HIRO_", "STX_", "DAGSTER_", "ETH_", "ETHEREUM_")):
            del os.environ[name]
    multiprocessing.util.get_temp_dir()  # chosen before TMPDIR changes, because the path of a socket must be short
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as place, contextlib.chdir(place):
        os.environ["TMPDIR"] = tempfile.tempdir = place
        yield


def _run(figures: Sequence[Figure], scale: Scale, output: Path) -> Results:
    machine, started = this_machine(), time.monotonic()
    console, results = Console(stderr=True), []
    with _clean_place(output.parent):
        for figure in figures:
            console.print(f"{(time.monotonic() - started) / 60:4.1f} min  {figure.words} ...")
            results.append(taken(figure, scale))
            console.print(f"          {results[-1].measured}", markup=False)
    minutes = round((time.monotonic() - started) / 60, 1)
    return Results(quick=scale.quick, minutes=minutes, machine=machine, figures=tuple(results))


@click.command()
@click.option("--only", multiple=True, type=click.Choice([figure.name for figure in FIGURES]), help="Only this figure.")
@click.option("--quick", is_flag=True, help="Tiny sizes: shows only that the code works.")
@click.option("--readme", is_flag=True, help="Measure nothing: publish the last complete run in README.md.")
@click.option("--output", type=click.Path(path_type=Path), default=OUTPUT, show_default=True)
def main(only: tuple[str, ...], quick: bool, readme: bool, output: Path) -> None:
    """Measure figures, print them with their goals and save them."""
    if readme:
        return publish()
    figures = [figure for figure in FIGURES if not only or figure.name in only]
    results = _run(figures, Scale(quick=quick), output.absolute())
    save(results, output)
    show(results.figures)
    crashed = any(result.measured.startswith("failed") for result in results.figures)
    sys.exit(crashed if quick else any(result.met is False for result in results.figures))


if __name__ == "__main__":
    main()
