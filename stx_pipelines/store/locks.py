"""File locks. The kernel releases the locks of a process when it ends, so a killed run leaves nothing locked."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType

import filelock

from stx_pipelines.store.files import StoreError

_LOOK_SECONDS = 0.2  # for `holder` of other processes, which shares the lock for an instant


class Busy(StoreError):
    """A lock or a database at `path` that another process holds. `holder` names the process."""

    def __init__(self, message: str, path: Path, holder: str) -> None:
        super().__init__(message)
        self.path = path
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
            process = f"process {os.getpid()}"
            owner.write_text(f"`{command}` ({process})" if command else process)
    except filelock.Timeout:
        name = _name(path)
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


def is_run(holder: str) -> bool:
    """Return whether this holder of a dataset's lock is a run, not a command such as `rebuild`."""
    return not holder.startswith("`")


class Lease:
    """The lock of a dataset during a run. Use it as a context manager.

    A run that waits for its server gives the lock up. It takes the lock again before it writes.
    """

    def __init__(self, path: Path, what: str, wait: float) -> None:
        """Store the arguments of `locked`."""
        self._path, self._what, self._seconds = path, what, wait
        self._writing = threading.RLock()
        self._held = ExitStack()
        self._is_held = False

    def __enter__(self) -> Lease:
        self._held.enter_context(locked(self._path, self._what, self._seconds))
        self._is_held = True
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self._held.close()

    def give_up(self) -> None:
        """Release the lock, unless another thread is writing."""
        if self._writing.acquire(blocking=False):
            try:
                self._held.close()
                self._is_held = False
            finally:
                self._writing.release()

    def take_back(self) -> None:
        """Take the lock again. Raises `Busy` if another process has used the dataset in the meantime."""
        with self._writing:
            if self._is_held:
                return
            self._held.enter_context(locked(self._path, self._what, self._seconds, leave_name=False))
            self._is_held = True
            name = self._path.with_suffix(".owner").read_text()
            if name != f"process {os.getpid()}":
                self.give_up()
                raise Busy(
                    f"{name} used {self._what} while this command waited for the server; stored days are kept; run the "
                    "same command again",
                    self._path,
                    name,
                )

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the lock while the `with` block writes. Raises `Busy` as `take_back` does."""
        with self._writing:
            self.take_back()
            yield
