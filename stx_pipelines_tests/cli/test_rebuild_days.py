"""`rebuild` loads every sound day file, and nothing else."""

from __future__ import annotations

import os

import msgspec
import pytest

from stx_pipelines.store.locks import locked
from stx_pipelines_tests.cli.folders import DONE, ERROR, NOT_YET, MakeWorld, Run
from stx_pipelines_tests.runbook import assert_shown
from stx_pipelines_tests.world import World, recent_chain, table_rows, table_truth


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """Return a world in which all days but the first are stored and loaded."""
    world = make_world(recent_chain(4))
    world.stored(world.days[1:])
    return world


def test_rebuild_makes_the_table_again_without_network(world: World, run: Run) -> None:
    rows = table_rows(world.data)
    (world.data / "warehouse.duckdb").unlink()
    world.requests()
    done = run(world, "rebuild")
    assert done.exit_code == DONE
    assert done.output.startswith("4 days loaded into")
    assert table_rows(world.data) == rows
    assert world.requests() == 0


def test_rebuild_names_damaged_files_and_is_exit_code_1(world: World, run: Run) -> None:
    path = world.data / "days/transactions" / f"{world.days[2]}.parquet"
    path.write_bytes(path.read_bytes()[:-9])
    done = run(world, "rebuild", "--force")
    assert done.exit_code == ERROR
    assert f"left out: {path}" in done.output
    assert "3 days loaded" in done.output


@pytest.mark.parametrize("how", ["wrong rows", "a spoiled page"])
def test_rebuild_leaves_out_a_day_that_disagrees_with_its_certificate(world: World, run: Run, how: str) -> None:
    bad = world.days[2]
    files = world.project().store().files
    if how == "wrong rows":
        known = files.certificate(bad)
        assert known
        files.write(files.read(bad), msgspec.structs.replace(known, published=known.published - 1))
    else:
        spoiled = bytearray(files.path(bad).read_bytes())
        spoiled[len(spoiled) // 3] ^= 1
        files.path(bad).write_bytes(spoiled)
    rows = table_rows(world.data)
    done = run(world, "rebuild")
    assert done.exit_code == ERROR
    assert done.stderr.startswith(f"left out: {files.path(bad)} ")
    assert f"(transactions: {bad}); nothing was replaced" in done.stderr
    assert table_rows(world.data) == rows
    done = run(world, "rebuild", "--force")
    assert done.exit_code == ERROR
    assert done.stdout.startswith("3 days loaded into")
    assert done.stderr.startswith(f"left out: {files.path(bad)} ")
    assert len(done.stderr.splitlines()) == 1
    assert table_rows(world.data) == table_truth(world.chain, [day for day in world.days[1:] if day != bad])


def test_rebuild_does_not_race_a_run(world: World, run: Run) -> None:
    before = (world.data / "warehouse.duckdb").stat().st_ino
    with locked(world.folder.lock("transactions"), "the dataset", wait=0):
        done = run(world, "rebuild")
    assert done.exit_code == NOT_YET
    assert done.output == (
        f"stopped: the dataset transactions is in use by process {os.getpid()}; try again when it is done\n"
    )
    assert (world.data / "warehouse.duckdb").stat().st_ino == before
    assert_shown("`the dataset transactions is in use by process 4242`", done.output)
    assert run(world, "rebuild").exit_code == DONE


def test_rebuild_of_nothing_is_an_empty_table(make_world: MakeWorld, run: Run) -> None:
    world = make_world(recent_chain(1))
    assert run(world, "rebuild").exit_code == DONE
    assert table_rows(world.data) == []
