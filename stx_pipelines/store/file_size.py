"""Whether a file was cut since we wrote it last. DuckDB notices only where it happens to read."""

from __future__ import annotations

from pathlib import Path

import msgspec

from stx_pipelines.store.files import read_if_sound, replace_file


class _Known(msgspec.Struct, frozen=True):
    inode: int
    size: int


def remember_size(path: Path, record: Path) -> None:
    """Keep the size that the file has now. Raises `StoreError`."""
    stat = path.stat()
    content = msgspec.json.encode(_Known(stat.st_ino, stat.st_size))
    replace_file(record, lambda aside: aside.write_bytes(content), durable=False)


def forget_size(record: Path) -> None:
    """The file is about to change: until its size is remembered again nothing is known of it."""
    record.unlink(missing_ok=True)


def missing_bytes(path: Path, record: Path) -> int:
    """How many bytes the file has lost since its size was remembered; 0 where that is not known."""
    before, stat = read_if_sound(record, _Known), path.stat()
    if before is None or before != read_if_sound(record, _Known) or before.inode != stat.st_ino:
        return 0  # it is being written, or is another file
    return max(0, before.size - stat.st_size)
