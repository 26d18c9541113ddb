"""Day files are written completely or not at all, and damage is reported in one sentence that says what to do."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import msgspec
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

SECOND = FIRST_DAY + timedelta(days=1)
TRANSACTION = DATASETS[TRANSACTIONS]


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    """A chain of which two closed days are stored."""
    world = make_world(make_chain(2, 12))
    world.stored(world.days[:2])
    return world


@pytest.fixture
def files(world: World) -> DayFiles:
    return world.open_sync().store.files


def refused(files: DayFiles) -> str:
    """Return the error of the first day's file, which is damaged."""
    with pytest.raises(DamagedDayFile) as caught:
        DayFiles(files.folder).certificate(FIRST_DAY)
    sentence = str(caught.value)
    assert str(files.path(FIRST_DAY)) in sentence
    assert sentence.endswith("; delete it, and the next sync reads the day again")
    assert "\n" not in sentence
    return sentence


def known_certificate(files: DayFiles) -> Certificate:
    """Return the certificate of the first day."""
    certificate = files.certificate(FIRST_DAY)
    assert certificate
    return certificate


def test_a_certificate_is_read_from_the_file(files: DayFiles) -> None:
    certificate = known_certificate(files)
    assert certificate.day == FIRST_DAY
    assert certificate.seen == pq.read_metadata(files.path(FIRST_DAY)).num_rows
    assert files.certificate(FIRST_DAY - timedelta(days=1)) is None, "a day that is not stored"


def test_rows_read_back_as_they_were_written(files: DayFiles, world: World) -> None:
    rows = from_arrow(TRANSACTION, files.read(FIRST_DAY))
    assert to_arrow(TRANSACTION, rows).equals(files.read(FIRST_DAY).replace_schema_metadata())
    assert files.read(FIRST_DAY).schema.equals(schema(TRANSACTION))
    assert len(rows) == len(world.chain.transactions(FIRST_DAY))


def test_no_rows_and_rows_without_sender_or_time_read_back_too() -> None:
    empty = Tx("a", None, 1, None, 2, "t", True, "s", 3, 4, None, 0, None, None, None, None)
    for rows in ([], [empty]):
        assert from_arrow(TRANSACTION, to_arrow(TRANSACTION, rows)) == rows


def test_a_changed_file_is_read_again(files: DayFiles) -> None:
    known_certificate(files)
    files.reopen(FIRST_DAY)
    assert known_certificate(files).state == "open"


@pytest.mark.parametrize("end", [0, 3, 11, -5_000, -1])
def test_a_truncated_file_is_reported(files: DayFiles, end: int) -> None:
    files.path(FIRST_DAY).write_bytes(files.path(FIRST_DAY).read_bytes()[:end])
    refused(files)


def foreign(certificate: bytes | None) -> Callable[[Path], object]:
    """Return a function that writes a Parquet file with this text as its certificate."""
    table = pa.table({"a": [1]})
    if certificate is not None:
        table = table.replace_schema_metadata({b"stx_pipelines.certificate": certificate})
    return lambda path: pq.write_table(table, path)


@pytest.mark.parametrize(
    "write",
    [lambda path: path.write_text("hello"), lambda path: path.mkdir(), *map(foreign, (None, b"{}", b"\xff\xfe"))],
    ids=["text", "folder", "no certificate", "empty certificate", "no JSON"],
)
def test_a_foreign_file_is_reported(files: DayFiles, write: Callable[[Path], object]) -> None:
    files.path(FIRST_DAY).unlink()
    write(files.path(FIRST_DAY))
    assert "damaged or not from stx-pipelines" in refused(files)


def test_a_file_of_another_day_is_reported(files: DayFiles) -> None:
    files.path(FIRST_DAY).write_bytes(files.path(SECOND).read_bytes())
    assert f"has the certificate of {SECOND}" in refused(files)


def test_a_file_that_lacks_rows_is_reported_without_reading_its_rows(files: DayFiles) -> None:
    certificate = known_certificate(files)
    files.write(files.read(FIRST_DAY).slice(5), certificate)
    assert f"has {certificate.seen - 5} rows, but its certificate states {certificate.seen}" in refused(files)


def test_a_damaged_file_is_listed_apart_from_the_good_ones(files: DayFiles) -> None:
    files.path(FIRST_DAY).write_bytes(b"PAR1")
    fresh = DayFiles(files.folder)
    assert list(fresh.certificates()) == [SECOND]
    assert list(fresh.damaged()) == [FIRST_DAY]


@pytest.mark.parametrize("name", ["abcd-ef-gh.parquet", "2026-13-45.parquet", "notes.txt", ".2026-09-01.parquet.1.tmp"])
def test_other_files_in_the_folder_are_no_days(files: DayFiles, name: str) -> None:
    (files.folder / name).write_text("mine")
    assert files.days() == [FIRST_DAY, SECOND]


def test_one_flipped_bit_never_changes_a_row_unnoticed(files: DayFiles) -> None:
    """The files are the record, so a fault of the disk must show when they are read."""
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


def test_a_damaged_day_file_does_not_keep_other_days_from_being_stored(world: World) -> None:
    path = world.open_sync().store.files.path(FIRST_DAY)
    path.write_bytes(b"PAR1")
    failed = world.failed()
    assert set(failed) <= {FIRST_DAY}
    assert world.days[-1] in world.certificates()
    path.unlink()
    world.stored()
    world.assert_true()


class TestReplacing:
    """A reader finds the old file or the whole new one, also after a power cut."""

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
    def test_no_temporary_file_is_left_after_any_error(self, tmp_path: Path, error: BaseException) -> None:
        path = tmp_path / "file"

        def stop(aside: Path) -> None:
            aside.write_text("ne")
            raise error

        with pytest.raises(type(error)):
            replace_file(path, stop)
        assert [each.name for each in tmp_path.glob(".file*")] == []

    def test_a_folder_in_its_place_is_reported(self, tmp_path: Path) -> None:
        path = tmp_path / "file"
        (path / "inside").mkdir(parents=True)
        with pytest.raises(StoreError, match="could not be written"):
            replace_file(path, lambda aside: aside.write_text("new"))


FULL_DISK = """
import os, resource, sys
from pathlib import Path
from stx_pipelines_tests.world import FIRST_DAY, make_chain, world
from stx_pipelines.store.files import StoreError

with world(make_chain(2, 12), Path(sys.argv[1])) as here:
    here.stored([FIRST_DAY])
    most = int(sys.argv[2]) or (Path(sys.argv[1]) / "warehouse.duckdb").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
    try:
        here.sync()
    except StoreError as error:
        print(error, flush=True)
    os._exit(0)
"""

NEXT_SYNC = """
import os, sys
from pathlib import Path
from stx_pipelines_tests.world import make_chain, world

with world(make_chain(2, 12), Path(sys.argv[1])) as here:
    here.stored()
    here.assert_true()
    os._exit(0)
"""


@pytest.mark.parametrize("most_bytes", [100, 8_000, 0], ids=["nothing", "no day file", "the database cannot grow"])
def test_a_full_disk_is_one_sentence_and_the_next_sync_completes_the_days(tmp_path: Path, most_bytes: int) -> None:
    """A limit on the size of files takes the place of the full disk. Its height decides which file fails.

    The next sync is a new process, because DuckDB may crash in one in which a checkpoint has failed. Both processes end
    by os._exit: one of 120 crashed while Python, with the devnet's threads in it, cleaned up after the comparison.
    """
    data = str(tmp_path / "data")
    sentences = _output(FULL_DISK, data, str(most_bytes)).splitlines()
    assert len(sentences) <= 1
    assert all("could not be" in sentence for sentence in sentences)
    _output(NEXT_SYNC, data)
    assert not list(tmp_path.rglob("*.tmp"))


def _output(script: str, *arguments: str) -> str:
    """Run a script in a process of its own, and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env=child_environment({}),
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_one_sentence(files: DayFiles, world: World) -> None:
    files.folder.chmod(0o500)
    with pytest.raises(StoreError, match="permissions"):
        world.sync()


def test_every_field_of_a_certificate_changes_its_id(files: DayFiles) -> None:
    certificate = known_certificate(files)
    changes: list[dict[str, Any]] = [{"seen": certificate.seen + 1}, {"state": "open"}, {"requests": 99}]
    others = [msgspec.structs.replace(certificate, **change) for change in changes]
    assert len({certificate.id, *(other.id for other in others)}) == 4
    assert msgspec.json.decode(msgspec.json.encode(certificate), type=Certificate).id == certificate.id
