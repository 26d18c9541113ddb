"""File locks of this machine.

The kernel releases the locks of a process when it ends, so a killed run leaves nothing locked.
"""

from __future__ import annotations

import fcntl
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from stx_pipelines.store.files import StoreError

_LOOK_SECONDS = 0.2  # for `holder` of other processes, which shares the lock for an instant
_LONGEST_NAME = 31  # so that a whole process name fits into the 63 characters that PostgreSQL keeps


class Busy(StoreError):
    """A lock or a database that another process holds. `holder` names the process."""

    def __init__(self, message: str, holder: str) -> None:
        super().__init__(message)
        self.holder = holder


def holder(path: Path) -> str | None:
    """Return the name of the process that holds the lock at `path`.

    Return None if the lock is free, or if this process may not read the lock file. Nothing is written. Two processes
    may look at the same time, because each shares the lock for an instant.
    """
    try:
        handle = os.open(path, os.O_RDONLY)
    except (FileNotFoundError, PermissionError):
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _name(path)
    finally:
        os.close(handle)
    return None


def _name(path: Path) -> str:
    """Return the name that the holder of the lock at `path` left."""
    owner = path.with_suffix(".owner")
    return owner.read_text() if owner.exists() else "another process"


@contextmanager
def locked(
    path: Path, what: str, wait: float, *, leave_name: bool = True, command: str | None = None
) -> Iterator[None]:
    """Hold the lock at `path` until the `with` block ends. `what` names the locked thing in messages.

    If `leave_name`, write the name of this process to a file beside the lock, for processes that wait. A `command` that
    is no run is part of that name. Raises `Busy` after `wait` seconds, and `StoreError` when the lock file cannot be
    written.
    """
    owner = path.with_suffix(".owner")
    lock = filelock.FileLock(path, timeout=max(wait, _LOOK_SECONDS), thread_local=False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
        if leave_name:
            owner.write_text(process_name(command=command))
    except filelock.Timeout:
        name = _name(path)
        raise Busy(f"{what} is in use by {name}; try again when it is done", name) from None
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


def this_machine() -> str:
    """Return the name of this machine or container, cut to 31 characters."""
    return platform.node()[:_LONGEST_NAME]


def process_name(host: str | None = None, command: str | None = None, pid: int | None = None) -> str:
    """Return the name of a process, by default of this one, as messages and locks show it."""
    process = f"process {pid or os.getpid()}{f' on {host}' if host else ''}"
    return f"`{command}` ({process})" if command else process


def is_run(holder: str) -> bool:
    """Return whether this holder of a dataset's lock is a run, not a command such as `rebuild`."""
    return not holder.startswith("`")
