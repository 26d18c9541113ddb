"""Damaged files: `health` names them, the command it names repairs them, and no row is lost."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from click.testing import Result

from stx_pipelines_tests.faults.undisturbed import refresh_metrics
from stx_pipelines_tests.world import World, recent_chain

MakeWorld = Callable[..., World]
EndsUndisturbed = Callable[..., None]
Damage = Callable[[Path, Random], object]
DONE, ERROR, NOT_YET, DAMAGED = 0, 1, 2, 3
DAYS = 2


def full_world(make_world: MakeWorld, dice: Random) -> World:
    """Make a complete world without damage."""
    world = make_world(recent_chain(DAYS, seed=dice.randrange(10**6)), stx_target_days=DAYS)
    world.stored()
    refresh_metrics(world)
    return world


def some(kinds: Iterable[str], dice: Random, whole: bool) -> list[list[str]]:
    """Return the kinds of damage per data folder: one each, or in the short form two random ones in one folder."""
    return [[kind] for kind in kinds] if whole else [dice.sample(list(kinds), 2)]


def truncated(path: Path, dice: Random) -> None:
    path.write_bytes(path.read_bytes()[: dice.randrange(path.stat().st_size)])


def flipped(path: Path, dice: Random) -> None:
    content = bytearray(path.read_bytes())
    content[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
    path.write_bytes(content)


def a_folder(path: Path, _: Random) -> None:
    path.unlink()
    (path / "inside").mkdir(parents=True)


def another_schema(path: Path, dice: Random) -> None:
    """Write our certificate into a file with other columns."""
    metadata = pq.read_metadata(path).metadata
    foreign = pa.table({"tx_id": ["0x00"], "amount": [dice.random()]})
    pq.write_table(foreign.replace_schema_metadata(metadata), path)


def without_certificate(path: Path, _: Random) -> None:
    pq.write_table(pq.read_table(path, partitioning=None).replace_schema_metadata(None), path)


def garbage(path: Path, dice: Random) -> None:
    path.write_bytes(dice.randbytes(dice.randint(1, 100_000)))


def empty(path: Path, _: Random) -> None:
    path.write_bytes(b"")


DAY_FILE: dict[str, Damage] = {
    "truncated": truncated,
    "flipped": flipped,
    "replaced by a folder": a_folder,
    "another schema": another_schema,
    "without certificate": without_certificate,
    "garbage": garbage,
    "empty": empty,
}
SEEN_IN_THE_ROWS_ONLY = {"flipped", "another schema"}
"""`health` reads only the metadata of every file. `verify` and loading read the rows."""


def test_a_broken_day_file_is_named_and_read_again(
    make_world: MakeWorld, ends_undisturbed: EndsUndisturbed, run: Callable[..., Result], dice: Random, whole: bool
) -> None:
    for kinds in some(DAY_FILE, dice, whole):
        world = full_world(make_world, dice)
        for kind in kinds:
            day = dice.choice(world.days[:-2])
            path = world.data / "days/transactions" / f"{day}.parquet"
            DAY_FILE[kind](path, dice)
            said = run(world, "health")
            if said.exit_code != DAMAGED:
                assert kind in SEEN_IN_THE_ROWS_ONLY
                said = run(world, "verify", "--from", str(day), "--to", str(day))
                if kind == "flipped" and said.exit_code == DONE:
                    # The bit has no meaning, such as one in the name of the writing program.
                    assert run(world, "rebuild").exit_code == DONE
                    world.assert_true()
                    continue
                assert said.exit_code == ERROR
            assert str(path) in said.output, kind
            assert len(said.output.splitlines()) <= 2, kind
            shutil.rmtree(path) if path.is_dir() else path.unlink()
            assert run(world, "sync").exit_code == DONE, kind
            assert run(world, "health").exit_code == DONE, kind
        ends_undisturbed(world)


def deleted(path: Path, _: Random) -> None:
    path.unlink()


def of_another_version(path: Path, _: Random) -> None:
    """Write a very high storage version into DuckDB's header, after its checksum and magic bytes."""
    content = bytearray(path.read_bytes())
    assert content[8:12] == b"DUCK"
    content[12:20] = (9_999).to_bytes(8, "little")
    path.write_bytes(content)


def with_garbage_in_its_log(path: Path, dice: Random) -> None:
    path.with_name(path.name + ".wal").write_bytes(dice.randbytes(5_000))


def of_somebody_else(path: Path, _: Random) -> None:
    path.unlink()
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE transactions (a INTEGER)")


def emptied(path: Path, _: Random) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute("DELETE FROM transactions WHERE hash(tx_id) % 2 = 0")


DATABASE: dict[str, Damage] = {
    "deleted": deleted,
    "truncated": truncated,
    "empty": empty,
    "garbage": garbage,
    "of another version": of_another_version,
    "of somebody else": of_somebody_else,
    "without half of its rows": emptied,
    "a folder": a_folder,
}


def test_a_broken_database_is_named_and_rebuilt(
    make_world: MakeWorld, ends_undisturbed: EndsUndisturbed, run: Callable[..., Result], dice: Random, whole: bool
) -> None:
    for kinds in some(DATABASE, dice, whole):
        world = full_world(make_world, dice)
        path = world.data / "warehouse.duckdb"
        for kind in kinds:
            DATABASE[kind](path, dice)
            said = run(world, "health")
            assert said.exit_code == DAMAGED, kind
            assert str(path) in said.output, kind
            assert "stx-pipelines rebuild" in said.output, kind
            assert len(said.output.splitlines()) == 1, kind
            if path.is_dir():
                shutil.rmtree(path)
            world.requests()
            assert run(world, "rebuild").exit_code == DONE, kind
            assert world.requests() == 0
            assert run(world, "health").exit_code == DONE, kind
        ends_undisturbed(world)


def test_garbage_in_the_databases_log_loses_nothing(
    make_world: MakeWorld, ends_undisturbed: EndsUndisturbed, run: Callable[..., Result], dice: Random
) -> None:
    """DuckDB either ignores a damaged log or refuses it, which `health` must report."""
    world = full_world(make_world, dice)
    with_garbage_in_its_log(world.data / "warehouse.duckdb", dice)
    said = run(world, "health")
    assert said.exit_code in {DONE, DAMAGED}, said.output
    assert run(world, "rebuild").exit_code == DONE
    assert run(world, "health").exit_code == DONE
    ends_undisturbed(world)


SIDE_FILES = ["coverage/transactions.json", "coverage/metrics.json", "days/transactions/.certificates.json"]
SIDE_DAMAGE: dict[str, Damage] = {
    "truncated": truncated,
    "flipped": flipped,
    "garbage": garbage,
    "empty": empty,
    "deleted": deleted,
    "a folder": a_folder,
}


def test_broken_side_files_cost_time_only(
    make_world: MakeWorld, ends_undisturbed: EndsUndisturbed, run: Callable[..., Result], dice: Random, whole: bool
) -> None:
    """Side files are written again without a message. Only a folder in their place must be deleted by hand."""
    for kinds in some(SIDE_DAMAGE, dice, whole):
        world = full_world(make_world, dice)
        for kind in kinds:
            for path in [world.data / name for name in SIDE_FILES]:
                SIDE_DAMAGE[kind](path, dice)
                for command in ("health", "sync"):
                    done = run(world, command)
                    assert isinstance(done.exception, SystemExit | None), (kind, path, done.exc_info)
                if path.is_dir():
                    shutil.rmtree(path)
                    done = run(world, "sync")
                assert done.exit_code == DONE, (kind, path, done.output)
        ends_undisturbed(world)
