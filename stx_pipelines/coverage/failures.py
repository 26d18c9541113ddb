"""The last failure of the runs of a dataset, in a small file that the next run that ends well deletes.

A failed proof of a day is not such a failure: `store/attempts.py` counts these.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

import msgspec

from stx_pipelines.clients.errors import ApiError, Interrupted, RateLimited, Unreachable
from stx_pipelines.settings import SettingsError
from stx_pipelines.store.data_folder import DataFolder
from stx_pipelines.store.files import StoreError, read_if_sound, replace_file
from stx_pipelines.store.locks import Busy
from stx_pipelines.store.shared import SharedError


class Failure(msgspec.Struct, frozen=True):
    """The time and the sentence of a failed run.

    `is_passing` is true if a later run may succeed without any change. Until `until`, the server accepts no requests.
    """

    at: datetime
    sentence: str
    is_passing: bool
    until: datetime | None = None


@contextmanager
def failures_noted(folder: DataFolder, dataset: str) -> Iterator[None]:
    """Write the error that ends the `with` block to the dataset's file. Delete the file if there is no error.

    A run that was stopped, or that found the dataset in use, has not failed. Raises the error again.
    """
    try:
        yield
    except (Busy, Interrupted):
        raise
    except (SettingsError, ApiError, StoreError) as error:
        with suppress(StoreError):  # the disk may be full; the error itself is raised in any case
            _write(folder, dataset, error)
        raise
    folder.failure(dataset).unlink(missing_ok=True)


def forget_failures(folder: DataFolder, *datasets: str) -> None:
    """Delete the failures of these datasets, whose days are all complete now."""
    for dataset in datasets:
        folder.failure(dataset).unlink(missing_ok=True)


def last_failure(folder: DataFolder, *datasets: str) -> Failure | None:
    """Return the newest failure of the runs of these datasets, without those that a later run made good."""
    found = [known for each in datasets if (known := read_if_sound(folder.failure(each), Failure))]
    return max(found, key=lambda failure: failure.at, default=None)


def _write(folder: DataFolder, dataset: str, error: Exception) -> None:
    failure = Failure(
        at=datetime.now(UTC),
        sentence=str(error),
        is_passing=isinstance(error, Unreachable | RateLimited | SharedError),
        until=error.until if isinstance(error, RateLimited) else None,
    )
    replace_file(folder.failure(dataset), lambda aside: aside.write_bytes(msgspec.json.encode(failure)), durable=False)
