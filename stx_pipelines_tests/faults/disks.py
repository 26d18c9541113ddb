"""Disks that become full at a chosen moment or read-only. Not here: tests (test_*.py).

A small file system is mounted where that is permitted. Otherwise the size of files is limited.
"""

from __future__ import annotations

import errno
import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stx_pipelines.dashboard import page
from stx_pipelines.metrics import result_tables as metrics
from stx_pipelines.store import attempts, identity, parquet, shared, warehouse
from stx_pipelines.store import day_files as days

_WRITERS = (attempts, days, identity, metrics, parquet, warehouse, shared, page)
_MEGABYTES = 24


class SmallDisk:
    """A file system in memory at `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def fill(self) -> None:
        """Use up all space."""
        handle = os.open(self._filler, os.O_WRONLY | os.O_CREAT)
        for size in (1 << 20, 1 << 12):
            while _writes(handle, b"\0" * size):
                pass
        os.close(handle)

    def free(self) -> None:
        """Make space again."""
        self._filler.unlink(missing_ok=True)

    @contextmanager
    def read_only(self) -> Iterator[None]:
        """Refuse all writing, also to root, until the block ends."""
        _mount("-o", "remount,ro", str(self.folder))
        yield
        _mount("-o", "remount,rw", str(self.folder))


class LimitedFiles:
    """A limit on the size of files, which one process sees like a full disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def fill(self) -> None:
        """Refuse to write any byte."""
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))

    def free(self) -> None:
        """Permit writing again."""
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    @contextmanager
    def read_only(self) -> Iterator[None]:
        """Take away the permission to write until the block ends. It does not bind root."""
        if os.geteuid() == 0:
            pytest.skip("runs as root, which may write anywhere, and cannot mount a disk here")
        folders = [self.folder, *(path for path in self.folder.rglob("*") if path.is_dir())]
        for folder in folders:
            folder.chmod(0o500)
        yield
        for folder in folders:
            folder.chmod(0o700)


Disk = SmallDisk | LimitedFiles


@contextmanager
def small_disk(folder: Path) -> Iterator[Disk]:
    """Make a disk at `folder` that can be filled."""
    folder.mkdir()
    try:
        _mount("-t", "tmpfs", "-o", f"size={_MEGABYTES}m", "tmpfs", str(folder))
    except (OSError, subprocess.CalledProcessError):
        with limited_files(folder / "inside") as disk:
            yield disk
        return
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextmanager
def limited_files(folder: Path) -> Iterator[Disk]:
    """Make a folder in which the size of files can be limited."""
    disk = LimitedFiles(folder)
    try:
        yield disk
    finally:
        disk.free()


@contextmanager
def full_at(disk: Disk, step: Callable[[Path], bool], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fill the disk just before the first file is written whose path satisfies `step`; free it at the end."""
    with monkeypatch.context() as patch:
        for module in _WRITERS:
            patch.setattr(module, "replace_file", _before(module.replace_file, disk, step))
        into_table = warehouse.replace_day

        def replace_day(*arguments: object) -> None:
            if step(Path("warehouse.duckdb")):
                disk.fill()
            into_table(*arguments)  # type: ignore[arg-type]

        patch.setattr(warehouse, "replace_day", replace_day)
        try:
            yield
        finally:
            disk.free()


def _before(write: Callable[..., None], disk: Disk, step: Callable[[Path], bool]) -> Callable[..., None]:
    def full_then_write(path: Path, *arguments: object, **options: object) -> None:
        if step(path):
            disk.fill()
        write(path, *arguments, **options)

    return full_then_write


def _writes(handle: int, content: bytes) -> bool:
    try:
        return os.write(handle, content) > 0
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return False


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True)
