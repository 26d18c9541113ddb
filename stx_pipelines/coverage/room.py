"""The free space for the data folder, in words."""

from __future__ import annotations

import shutil
from pathlib import Path

from stx_pipelines.coverage.text import size

_MIB = 1024 * 1024
NEEDED = 64 * _MIB
"""Bytes that a run needs at least, for a day file, the database's log and scratch files."""

_ENOUGH = 1024 * _MIB


def free_bytes(folder: Path) -> int:
    """Return the free space for files in this folder, or where it will be made."""
    return shutil.disk_usage(next(each for each in (folder, *folder.absolute().parents) if each.exists())).free


def lacks_room(free: int) -> bool:
    """Return whether the free space is too little for a run."""
    return free < NEEDED


def room_words(folder: Path, free: int) -> str | None:
    """Return a sentence if there is little space for this folder, otherwise None."""
    return None if free >= _ENOUGH else f"only {size(free)} are free for {folder}: make room; stored days are kept"
