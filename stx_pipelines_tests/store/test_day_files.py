"""Day files: written whole or not at all, and damage is one sentence that says what to do."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.datasets import DATASETS, TRANSACTIONS
from stx_pipelines.chains.stacks import Tx
from stx_pipelines.store.arrow import from_arrow, schema, to_arrow
from stx_pipelines.store.day_files import DamagedDayFile, DayFiles
from stx_pipelines.store.files import StoreError, replace_file
from stx_pipelines_tests.waiting import LONGEST
from stx_pipelines_tests.world import FIRST_DAY, World, child_environment, make_chain

MakeWorld = Callable[..., World]


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """Two closed days that have landed."""
    world = make_world(make_chain(2, 12))
    world.landed(world.days[:2])
    return world


@pytest.fixture
def files(world: World) -> DayFiles:
    return world.walk().store.files


def refused(files: DayFiles, day: date) -> str:
    """The sentence of a damaged file."""
    with pytest.raises(DamagedDayFile) as caught:
        DayFiles(files.folder).certificate(day)
    return str(caught.value)


def test_a_day_file_says_what_it_holds_without_being_read(files: DayFiles) -> None:
    certificate = files.certificate(FIRST_DAY)
    assert certificate
    assert certificate.day == FIRST_DAY
    assert certificate.seen == pq.read_metadata(files.path(FIRST_DAY)).num_rows


def test_rows_read_back_as_they_were_written(files: DayFiles, world: World) -> None:
    rows = from_arrow(DATASETS[TRANSACTIONS], files.read(FIRST_DAY))
    assert to_arrow(DATASETS[TRANSACTIONS], rows).equals(files.read(FIRST_DAY).replace_schema_metadata())
    assert files.read(FIRST_DAY).schema.equals(schema(DATASETS[TRANSACTIONS]))
    assert len(rows) == len(world.chain.transactions(FIRST_DAY))


def test_rows_without_sender_or_time_read_back_too() -> None:
    rows = from_arrow(DATASETS[TRANSACTIONS], to_arrow(DATASETS[TRANSACTIONS], []))
    assert rows == []
    empty = Tx("a", None, 1, None, 2, "t", True, "s", 3, 4, None, 0, None, None, None, None)
    assert from_arrow(DATASETS[TRANSACTIONS], to_arrow(DATASETS[TRANSACTIONS], [empty])) == [empty]


def test_a_day_that_has_not_landed_has_no_certificate(files: DayFiles) -> None:
    assert files.certificate(FIRST_DAY - timedelta(days=1)) is None


def test_a_changed_file_is_looked_at_again(files: DayFiles) -> None:
    files.certificate(FIRST_DAY)
    files.reopen(FIRST_DAY)
    again = files.certificate(FIRST_DAY)
    assert again
    assert again.state == "open"


def test_a_truncated_file_is_named(files: DayFiles) -> None:
    path = files.path(FIRST_DAY)
    whole = path.read_bytes()
    for size in (0, 3, 11, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        sentence = refused(files, FIRST_DAY)
        assert str(path) in sentence
        assert "delete it, the next sync reads the day again" in sentence
        assert "\n" not in sentence


def test_a_foreign_file_is_named(files: DayFiles) -> None:
    for write in (
        lambda path: path.write_text("hello"),
        lambda path: pq.write_table(pa.table({"a": [1]}), path),
        lambda path: pq.write_table(
            pa.table({"a": [1]}).replace_schema_metadata({b"stx_pipelines.certificate": b"{}"}), path
        ),
        lambda path: pq.write_table(
            pa.table({"a": [1]}).replace_schema_metadata({b"stx_pipelines.certificate": b"\xff\xfe"}), path
        ),
    ):
        write(files.path(FIRST_DAY))
        assert "damaged or not ours" in refused(files, FIRST_DAY)


def test_a_file_of_another_day_is_named(files: DayFiles) -> None:
    files.path(FIRST_DAY).write_bytes(files.path(FIRST_DAY + timedelta(days=1)).read_bytes())
    assert f"certifies {FIRST_DAY + timedelta(days=1)}" in refused(files, FIRST_DAY)


def test_a_file_that_lacks_rows_is_named_without_being_read(files: DayFiles) -> None:
    table, certificate = files.read(FIRST_DAY), files.certificate(FIRST_DAY)
    assert certificate
    files.write(table.slice(5), certificate)
    sentence = refused(files, FIRST_DAY)
    assert f"has {certificate.seen - 5} rows but certifies {certificate.seen}" in sentence
    assert "delete it, the next sync reads the day again" in sentence
    assert list(DayFiles(files.folder).damaged()) == [FIRST_DAY]


def test_a_folder_in_the_place_of_a_file_is_named(files: DayFiles) -> None:
    files.path(FIRST_DAY).unlink()
    files.path(FIRST_DAY).mkdir()
    assert "damaged or not ours" in refused(files, FIRST_DAY)


def test_a_damaged_file_is_told_apart_from_the_good_ones(files: DayFiles) -> None:
    files.path(FIRST_DAY).write_bytes(b"PAR1")
    fresh = DayFiles(files.folder)
    assert list(fresh.certificates()) == [FIRST_DAY + timedelta(days=1)]
    assert list(fresh.damaged()) == [FIRST_DAY]


@pytest.mark.parametrize("name", ["abcd-ef-gh.parquet", "2026-13-45.parquet", "notes.txt", ".2026-09-01.parquet.1.tmp"])
def test_files_that_are_no_days_are_left_alone(files: DayFiles, name: str) -> None:
    (files.folder / name).write_text("mine")
    assert files.days() == [FIRST_DAY, FIRST_DAY + timedelta(days=1)]


def test_one_flipped_bit_never_changes_a_row_unnoticed(files: DayFiles) -> None:
    """The files are the record: what a disk does to them must show when they are read."""
    path = files.path(FIRST_DAY)
    whole = path.read_bytes()
    rows = files.read(FIRST_DAY)
    rng = Random(5)
    silent = []
    for _ in range(150):
        spot = rng.randrange(len(whole))
        spoiled = bytearray(whole)
        spoiled[spot] ^= 1 << rng.randrange(8)
        path.write_bytes(spoiled)
        try:
            same = DayFiles(files.folder).read(FIRST_DAY).equals(rows)
        except StoreError:
            continue
        if not same:
            silent.append(spot)
    assert silent == []


def test_a_day_whose_file_is_damaged_does_not_hold_up_the_others(world: World) -> None:
    """It is named, and the days beside it come home."""
    path = world.walk().store.files.path(FIRST_DAY)
    path.write_bytes(b"PAR1")
    failed = world.failed()
    assert set(failed) <= {FIRST_DAY}
    assert world.days[-1] in world.certificates()
    path.unlink()
    world.landed()
    world.assert_true()


class TestReplacing:
    """A reader, or a power cut, finds the old file or the new one."""

    def test_the_new_file_takes_the_place_of_the_old(self, tmp_path: Path) -> None:
        path = tmp_path / "a" / "b"
        replace_file(path, lambda aside: aside.write_text("old"))
        replace_file(path, lambda aside: aside.write_text("new"))
        assert path.read_text() == "new"
        assert list(path.parent.iterdir()) == [path]

    def test_the_old_file_is_kept_when_the_new_one_cannot_be_written(self, tmp_path: Path) -> None:
        path = tmp_path / "file"
        path.write_text("old")

        def fill_up(aside: Path) -> None:
            aside.write_text("ne")
            raise OSError(28, "No space left on device")

        with pytest.raises(StoreError, match="No space left on device") as caught:
            replace_file(path, fill_up)
        assert "the old file, if any, is kept" in str(caught.value)
        assert path.read_text() == "old"
        assert list(tmp_path.glob(".file*")) == []

    @pytest.mark.parametrize("error", [pa.ArrowInvalid("no"), KeyboardInterrupt()], ids=["arrow", "interrupt"])
    def test_nothing_is_left_beside_it_whatever_goes_wrong(self, tmp_path: Path, error: BaseException) -> None:
        path = tmp_path / "file"

        def stop(aside: Path) -> None:
            aside.write_text("ne")
            raise error

        with pytest.raises(type(error)):
            replace_file(path, stop)
        assert [each.name for each in tmp_path.glob(".file*")] == []

    def test_a_folder_in_the_way_is_one_sentence(self, tmp_path: Path) -> None:
        path = tmp_path / "file"
        (path / "inside").mkdir(parents=True)
        with pytest.raises(StoreError, match="could not be written"):
            replace_file(path, lambda aside: aside.write_text("new"))


FULL_DISK = """
import resource, sys
from datetime import timedelta
from pathlib import Path
from stx_pipelines_tests.world import FIRST_DAY, make_chain, world
from stx_pipelines.store.files import StoreError

with world(make_chain(2, 12), Path(sys.argv[1])) as here:
    here.landed([FIRST_DAY])
    most = int(sys.argv[2]) or (Path(sys.argv[1]) / "warehouse.duckdb").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
    try:
        here.sync()
    except StoreError as error:
        print(error)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    here.landed()
    here.assert_true()
    print("healed")
"""


@pytest.mark.parametrize("most_bytes", [100, 8_000, 0], ids=["nothing", "no day file", "the database cannot grow"])
def test_a_full_disk_is_one_sentence_and_the_next_sync_goes_on(tmp_path: Path, most_bytes: int) -> None:
    """A limit on the size of files stands in for the full disk: what cannot be written differs with it."""
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path / "data"), str(most_bytes)],
        env=child_environment({}),
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    *sentences, last = done.stdout.splitlines()
    assert last == "healed"
    assert len(sentences) <= 1
    assert all("could not be" in sentence for sentence in sentences)
    assert not list(tmp_path.rglob("*.tmp"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_one_sentence(files: DayFiles, world: World) -> None:
    files.folder.chmod(0o500)
    with pytest.raises(StoreError, match="permissions"):
        world.sync()


def test_a_certificate_is_named_by_all_that_it_says(files: DayFiles) -> None:
    import msgspec

    certificate = files.certificate(FIRST_DAY)
    assert certificate
    others = [
        msgspec.structs.replace(certificate, seen=certificate.seen + 1),
        msgspec.structs.replace(certificate, state="open"),
        msgspec.structs.replace(certificate, requests=99),
    ]
    assert len({certificate.id, *(other.id for other in others)}) == 4
    assert msgspec.json.decode(msgspec.json.encode(certificate), type=Certificate).id == certificate.id
