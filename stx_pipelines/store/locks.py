"""File locks: the kernel frees them when a process dies, so a killed run leaves nothing locked."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from stx_pipelines.store.files import StoreError


class Busy(StoreError):
    """Another process holds what is needed; `holder` names it."""

    def __init__(self, message: str, holder: str) -> None:
        super().__init__(message)
        self.holder = holder


@contextmanager
def locked(path: Path, what: str, wait: float) -> Iterator[None]:
    """Hold the lock at `path`. Raises `Busy`, naming the holder, after `wait` seconds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    owner = path.with_suffix(".owner")
    try:
        with filelock.FileLock(path, timeout=wait):
            owner.write_text(f"process {os.getpid()}")
            yield
    except filelock.Timeout:
        holder = owner.read_text() if owner.exists() else "another process"
        raise Busy(f"{what} is in use by {holder}", holder) from None
