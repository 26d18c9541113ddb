"""File locks. The kernel releases the locks of a process when it ends, so a killed run leaves nothing locked."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from stx_pipelines.store.files import StoreError


class Busy(StoreError):
    """A lock or a database at `path` that another process holds. `holder` names the process."""

    def __init__(self, message: str, path: Path, holder: str) -> None:
        super().__init__(message)
        self.path = path
        self.holder = holder


def holder(path: Path) -> str | None:
    """Return the name of the process that holds the lock at `path`.

    Return None if the lock is free. Also return None if this process has no permission to write to the lock's folder,
    because the process cannot try the lock then.
    """
    if not os.access(path.parent, os.W_OK):
        return None
    try:
        with locked(path, str(path), wait=0, leave_name=False):
            return None
    except Busy as busy:
        return busy.holder


@contextmanager
def locked(path: Path, what: str, wait: float, *, leave_name: bool = True) -> Iterator[None]:
    """Hold the lock at `path` until the `with` block ends. `what` names the locked thing in messages.

    If `leave_name`, write the name of this process to a file beside the lock, for processes that wait. Raises `Busy`
    after `wait` seconds, and `StoreError` when the lock file cannot be written.
    """
    owner = path.with_suffix(".owner")
    lock = filelock.FileLock(path, timeout=wait)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
        if leave_name:
            owner.write_text(f"process {os.getpid()}")
    except filelock.Timeout:
        name = owner.read_text() if owner.exists() else "another process"
        raise Busy(f"{what} is in use by {name}; try again when it is done", path, name) from None
    except OSError as error:
        lock.release()
        raise StoreError(
            f"{path} could not be locked ({error.strerror or error}); nothing was changed: make room or fix the "
            "permissions, then run the same command again"
        ) from error
    try:
        yield
    finally:
        lock.release()
