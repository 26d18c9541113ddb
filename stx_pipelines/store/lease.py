"""The lock of a dataset during a run, which the run may give up and take again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType

from stx_pipelines.store.locks import Busy, process_name
from stx_pipelines.store.shared import Check, Shared, locked_thing


class Lease:
    """The lock of a dataset during a run. Use it as a context manager.

    A run that waits for its server gives the lock up. It takes the lock again before it writes.
    """

    def __init__(self, shared: Shared, dataset: str, wait: float, command: str | None = None) -> None:
        """Store the arguments of `Shared.locked`."""
        self._shared, self._dataset, self._seconds, self._command = shared, dataset, wait, command
        self._writing = threading.RLock()
        self._held = ExitStack()
        self._check: Check | None = None

    def __enter__(self) -> Lease:
        self._check = self._held.enter_context(self._shared.locked(self._dataset, self._seconds, command=self._command))
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self._held.close()

    def give_up(self) -> None:
        """Release the lock, unless another thread is writing."""
        if self._writing.acquire(blocking=False):
            try:
                self._held.close()
                self._check = None
            finally:
                self._writing.release()

    def take_back(self) -> Check:
        """Take the lock again and return its check. Raises `Busy` if another process has used the dataset meanwhile."""
        with self._writing:
            if self._check:
                return self._check
            check = self._held.enter_context(self._shared.locked(self._dataset, self._seconds, leave_name=False))
            name = self._shared.owner(self._dataset)
            if name != process_name(self._shared.host, self._command):
                self._held.close()
                raise Busy(
                    f"{name} used {locked_thing(self._dataset)} while this command waited for the server; stored days "
                    "are kept; run the same command again",
                    name,
                )
            self._check = check
            return check

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the lock while the `with` block writes.

        Raises `Busy` as `take_back` does, and `SharedError` if the lock was lost, before anything is written.
        """
        with self._writing:
            self.take_back()()
            yield
