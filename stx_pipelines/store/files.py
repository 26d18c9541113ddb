"""Small files: written so that a reader, or a power cut, finds either the old one or the new one; and their sizes."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import msgspec

_T = TypeVar("_T")


class StoreError(Exception):
    """Something on disk is not as it must be. The message is a sentence for people."""


def replace_file(path: Path, write: Callable[[Path], object], *, durable: bool = True) -> None:
    """Let `write` fill a file beside `path`, flush it to the disk (if `durable`), and rename it over `path`.

    Raises `StoreError` when the disk is full or not writable; the old file is untouched then.
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
        with suppress(OSError):  # what made the writing fail may forbid this as well
            aside.unlink(missing_ok=True)
        if not isinstance(error, OSError):
            raise
        reason = error.strerror or str(error)
        raise StoreError(
            f"{path} could not be written ({reason}); what was there before is kept: make room or fix the "
            "permissions, then run the same command again"
        ) from error


def read_json(path: Path, shape: type[_T]) -> _T:
    """Read a small file of ours.

    Raises `FileNotFoundError`, `msgspec.DecodeError` for other content, `StoreError` for what cannot be read at all.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=shape)
    except (UnicodeDecodeError, RecursionError) as error:
        raise msgspec.DecodeError(str(error)) from error
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StoreError(
            f"{path} could not be read ({error.strerror or error}): fix its permissions, or delete it, it is made anew"
        ) from error


def read_if_sound(path: Path, shape: type[_T]) -> _T | None:
    """Read a small file that may be lost at any time: None where there is none, or none of ours.

    Raises `StoreError` for what cannot be read at all.
    """
    try:
        return read_json(path, shape)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def mark_of(path: Path) -> tuple[int, int]:
    """Give the file's time in nanoseconds and its size in bytes: one that is replaced has another. Raises `OSError`."""
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size


def flush(path: Path) -> None:
    """Flush a file, or the names in a folder, to the disk. Raises `OSError`."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class _Size(msgspec.Struct, frozen=True):
    inode: int
    size: int


def remember_size(path: Path, record: Path) -> None:
    """Keep the size that the file has now. Raises `StoreError`."""
    stat = path.stat()
    content = msgspec.json.encode(_Size(stat.st_ino, stat.st_size))
    replace_file(record, lambda aside: aside.write_bytes(content), durable=False)


def forget_size(record: Path) -> None:
    """Forget the size of a file that is about to change: until it is remembered again nothing is known."""
    record.unlink(missing_ok=True)


def missing_bytes(path: Path, record: Path) -> int:
    """Count the bytes that the file has lost since its size was remembered; 0 where that is not known."""
    before, stat = read_if_sound(record, _Size), path.stat()
    if before is None or before != read_if_sound(record, _Size) or before.inode != stat.st_ino:
        return 0  # it is being written, or is another file
    return max(0, before.size - stat.st_size)
