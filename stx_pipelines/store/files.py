"""Functions that replace a file as a whole, read small JSON files, and notice that a file has shrunk."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import msgspec

_T = TypeVar("_T")

_SECONDS_OF_A_DAY = 86_400


class StoreError(Exception):
    """A file or folder that cannot be used. The message is one sentence for people."""


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, or the error's class if it has none. DuckDB's have many lines."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def replace_file(path: Path, write: Callable[[Path], object], *, durable: bool = True) -> None:
    """Call `write` with the path of a temporary file beside `path`, then rename that file to `path`.

    A reader finds either the old file or the whole new file. If `durable`, this also holds after a power failure.
    Raises `StoreError` when the disk is full or not writable. The old file is kept in that case.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(aside)
        if durable:
            flush(aside)
        aside.replace(path)
        if durable:
            flush(path.parent)
    except BaseException as error:
        with suppress(OSError):  # the cause of the error may prevent this too
            aside.unlink(missing_ok=True)
        if not isinstance(error, OSError):
            raise
        reason = error.strerror or str(error)
        raise StoreError(
            f"{path} could not be written ({reason}); the old file, if any, is kept: make room or fix the "
            "permissions, then run the same command again"
        ) from error


def ignore(_: Path) -> None:
    """Do nothing after a file was written, because its folder is no copy of another."""


def sweep(folder: Path) -> None:
    """Remove the temporary files of `replace_file` below `folder` that killed processes left.

    A file of a living process is changed within a day.
    """
    now = time.time()
    for aside in folder.rglob(".*.tmp"):
        with suppress(FileNotFoundError, IsADirectoryError, PermissionError):  # such a file only takes space
            if abs(now - aside.stat().st_mtime) > _SECONDS_OF_A_DAY:
                aside.unlink()


def read_json(path: Path, shape: type[_T]) -> _T:
    """Read a small JSON file of this `shape`.

    Raises `FileNotFoundError` for a missing file, `msgspec.DecodeError` for content of another shape, and `StoreError`
    for a file that cannot be read.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=shape)
    except (UnicodeDecodeError, RecursionError) as error:
        raise msgspec.DecodeError(str(error)) from error
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StoreError(
            f"{path} could not be read ({error.strerror or error}): fix its permissions, or delete it, "
            "and it is made again"
        ) from error


def read_if_sound(path: Path, shape: type[_T]) -> _T | None:
    """Read a small JSON file that can be made again. Return None if it is missing or its content has another shape.

    Raises `StoreError` for a file that cannot be read.
    """
    try:
        return read_json(path, shape)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def mark_of(path: Path) -> tuple[int, int]:
    """Return the file's modification time in nanoseconds and its size in bytes, to notice changes. Raises `OSError`."""
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size


def flush(path: Path) -> None:
    """Flush a file, or the list of names in a folder, to the disk. Raises `OSError`."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class _Size(msgspec.Struct, frozen=True):
    inode: int
    size: int


def remember_size(path: Path, record: Path) -> None:
    """Write the present size of the file at `path` to the file `record`. Raises `StoreError`."""
    stat = path.stat()
    content = msgspec.json.encode(_Size(stat.st_ino, stat.st_size))
    replace_file(record, lambda aside: aside.write_bytes(content), durable=False)


def forget_size(record: Path) -> None:
    """Delete the file `record`, because the file whose size it holds is about to change."""
    record.unlink(missing_ok=True)


def missing_bytes(path: Path, record: Path) -> int:
    """Return the number of bytes that the file has lost since its size was recorded, 0 if no size is recorded."""
    before, stat = read_if_sound(record, _Size), path.stat()
    if before is None or before != read_if_sound(record, _Size) or before.inode != stat.st_ino:
        return 0  # the file is being written or was replaced
    return max(0, before.size - stat.st_size)
