"""The locks of datasets and the progress of runs, which all runs of a history share.

`FileShared` keeps them in the data folder, for one machine. `PostgresShared` (`postgres_shared.py`) keeps them in
PostgreSQL, for several. Locks that protect a file of this machine are not shared (`locks.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import msgspec

from stx_pipelines.store.data_folder import DataFolder
from stx_pipelines.store.files import StoreError, read_if_sound, replace_file
from stx_pipelines.store.locks import holder, locked

if TYPE_CHECKING:
    from psycopg_pool import ConnectionPool

T = TypeVar("T")

SYNC = "sync"
"""The name of the lock that prevents two `sync` at a time. Every other name is a dataset."""

Check = Callable[[], None]
"""A function that raises `SharedError` if the lock is not held any more."""


class SharedError(StoreError):
    """A server of locks and progress that cannot be used now, or a lock that was lost."""


class Shared(Protocol):
    """The locks and the progress that all runs of a history share.

    `host` is this machine in the names of processes, None if all processes are on one machine. `accounts` is the pool
    of connections for request accounts, None if the accounts are files of this machine.
    """

    @property
    def host(self) -> str | None: ...

    @property
    def accounts(self) -> ConnectionPool[Any] | None: ...

    def locked(
        self, name: str, wait: float, *, leave_name: bool = True, command: str | None = None
    ) -> AbstractContextManager[Check]:
        """Hold a lock until the `with` block ends. Yield its check.

        A `command` that is no run is part of the holder's name. If `leave_name`, `owner` returns the name from now on.
        Raises `Busy` after `wait` seconds.
        """

    def holder(self, name: str) -> str | None:
        """Return the name of the process that holds this lock; None if the lock is free."""

    def owner(self, name: str) -> str:
        """Return the process that left its name last, while this process holds the lock."""

    def report(self, dataset: str, progress: msgspec.Struct) -> None:
        """Replace the progress of the dataset's runs."""

    def reported(self, dataset: str, shape: type[T]) -> T | None:
        """Return the progress of the dataset's runs; None if there is none of this shape."""

    def forget(self, dataset: str) -> None:
        """Remove the progress of the dataset's runs."""


@dataclass(frozen=True)
class FileShared:
    """The locks and the progress of the runs of one machine, in files of the data folder."""

    folder: DataFolder

    @property
    def host(self) -> None:
        """None, because the names of processes need no machine."""

    @property
    def accounts(self) -> None:
        """None, because the accounts are files of this machine."""

    @contextmanager
    def locked(self, name: str, wait: float, *, leave_name: bool = True, command: str | None = None) -> Iterator[Check]:
        """Hold the lock in this file. The kernel releases it when the process ends, so it cannot be lost before."""
        with locked(self.folder.lock(name), locked_thing(name), wait, leave_name=leave_name, command=command):
            yield lambda: None

    def holder(self, name: str) -> str | None:
        """Return the name of the process that holds this lock; None if the lock is free."""
        return holder(self.folder.lock(name))

    def owner(self, name: str) -> str:
        """Return the process that left its name last, while this process holds the lock."""
        return self.folder.lock(name).with_suffix(".owner").read_text()

    def report(self, dataset: str, progress: msgspec.Struct) -> None:
        """Replace the progress file. Raises `StoreError`."""
        content = msgspec.json.encode(progress)
        replace_file(self.folder.progress(dataset), lambda aside: aside.write_bytes(content), durable=False)

    def reported(self, dataset: str, shape: type[T]) -> T | None:
        """Read the progress file. Raises `StoreError` for a file that cannot be read."""
        return read_if_sound(self.folder.progress(dataset), shape)

    def forget(self, dataset: str) -> None:
        """Delete the progress file."""
        self.folder.progress(dataset).unlink(missing_ok=True)


def locked_thing(name: str) -> str:
    """Return what the lock of this name protects, in words."""
    return SYNC if name == SYNC else f"the dataset {name}"
