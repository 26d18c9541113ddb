"""A disk that is full at a writing step, or read-only: one sentence, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import Result

from stx_pipelines.coverage import room
from stx_pipelines.coverage.current import transactions_coverage
from stx_pipelines.dashboard.facts import read_facts
from stx_pipelines.dashboard.page import write_page
from stx_pipelines.metrics.open import open_metrics
from stx_pipelines.project import Project
from stx_pipelines.store.files import StoreError
from stx_pipelines_tests.faults.disks import Disk, full_at, limited_files, small_disk
from stx_pipelines_tests.faults.undisturbed import refresh_metrics
from stx_pipelines_tests.world import World, make_chain, recent_chain

MakeWorld = Callable[..., World]
EndsUndisturbed = Callable[..., None]
DONE, ERROR, NOT_YET, DAMAGED = 0, 1, 2, 3

STEPS: dict[str, Callable[[Path], bool]] = {
    "the chain's identity": lambda path: path.name == "chain-stacks.json",
    "a note of a failed proof": lambda path: path.name.endswith(".attempts.json"),
    "a day file": lambda path: path.suffix == ".parquet" and path.parent.name == "transactions",
    "the table": lambda path: path.name == "warehouse.duckdb",
    "the coverage": lambda path: path.name == "transactions.json",
    "the first metric": lambda path: path.name == "first_seen_wallets.parquet",
    "a later metric": lambda path: path.name == "wallet_value.parquet",
    "the list of loaded metrics": lambda path: path.name == "metrics.json",
    "the page": lambda path: path.name == "index.html",
}
"""The writing steps in the order of a run, so that each run fails one step later than the one before."""


@pytest.fixture(params=[small_disk, limited_files], ids=["small disk", "limited files"])
def disk(request: pytest.FixtureRequest, tmp_path: Path, whole: bool) -> Iterator[Disk]:
    if request.param is limited_files and not whole:
        pytest.skip("only with --faults-whole: the small disk tests the same")
    with request.param(tmp_path / "disk") as disk:
        yield disk


def work(world: World) -> None:
    """Write everything that a run writes: days, tables, metrics, the dashboard."""
    world.sync()
    refresh_metrics(world)
    settings = world.settings()
    coverage = transactions_coverage(Project(settings), datetime.now(UTC))
    write_page(Project(settings).folder, read_facts(open_metrics(Project(settings)), coverage, "all is well"))


def test_a_disk_that_is_full_at_any_step_is_one_sentence_and_changes_nothing(
    make_world: MakeWorld, ends_undisturbed: EndsUndisturbed, monkeypatch: pytest.MonkeyPatch, disk: Disk
) -> None:
    world = make_world(make_chain(2, 6), data=disk.folder / "data")
    for step, is_it in STEPS.items():
        hides = step == "a note of a failed proof"
        world.knobs.hidden_transactions = {world.chain.transactions(world.days[0])[9].tx_id} if hides else set()
        with full_at(disk, is_it, monkeypatch):
            with pytest.raises(StoreError) as caught:
                work(world)
            assert "could not be" in str(caught.value), step
            assert "\n" not in str(caught.value), step
    work(world)
    assert not list(world.data.rglob("*.tmp"))
    ends_undisturbed(world)


def test_certificates_are_read_when_their_cache_cannot_be_written(
    make_world: MakeWorld, ends_undisturbed: EndsUndisturbed, monkeypatch: pytest.MonkeyPatch, disk: Disk
) -> None:
    world = make_world(make_chain(2, 6), data=disk.folder / "data")
    world.stored()
    with full_at(disk, lambda path: path.name == ".certificates.json", monkeypatch):
        (world.data / "days/transactions/.certificates.json").unlink()
        assert list(world.certificates()) == world.days
    ends_undisturbed(world)


@pytest.mark.parametrize("trouble", ["full", "read-only"])
@pytest.mark.parametrize("known", [False, True], ids=["empty folder", "synced folder"])
def test_every_command_reports_a_disk_it_cannot_write_to(
    make_world: MakeWorld,
    run: Callable[..., Result],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    trouble: str,
    known: bool,
) -> None:
    """Each ends with a documented exit code and changes no stored day. Each works once there is space."""
    monkeypatch.setattr(room, "NEEDED", 0)  # the disk is small
    with small_disk(tmp_path / "disk") as disk:
        world = make_world(recent_chain(2), data=disk.folder / "data", stx_target_days=2)
        if known:
            world.stored()
        before = contents(world)
        with unwritable(disk, trouble):
            for command in ("sync", "status", "health", "verify", "rebuild"):
                done = run(world, command)
                assert done.exception is None or isinstance(done.exception, SystemExit), (command, done.exc_info)
                assert done.exit_code in {DONE, ERROR, NOT_YET, DAMAGED}, command
                assert "Traceback" not in done.output, command
                if trouble == "read-only" and command in ("status", "health"):  # they do not write
                    missing = NOT_YET if command == "status" else 1  # not running
                    assert done.exit_code == (DONE if known else missing), (command, done.output)
                if trouble == "read-only" and command == "rebuild":
                    assert "could not be" in done.output, (command, done.output)
                    assert done.exit_code == ERROR
            assert contents(world) == before
        world.stored()
        world.assert_true()


def contents(world: World) -> dict[str, bytes]:
    """Return the content of day files and the database."""
    paths = [*world.data.glob("days/*/????-??-??.parquet"), *world.data.glob("*.duckdb")]
    return {path.name: path.read_bytes() for path in paths}


def unwritable(disk: Disk, trouble: str) -> AbstractContextManager[None]:
    """Make the disk full or read-only until the block ends."""
    return disk.read_only() if trouble == "read-only" else full(disk)


@contextmanager
def full(disk: Disk) -> Iterator[None]:
    disk.fill()
    try:
        yield
    finally:
        disk.free()
