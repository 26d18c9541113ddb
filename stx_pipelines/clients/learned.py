"""The small file in which the clients of a server keep what its refusals taught: the size of a batch and the pace.

The clients of all tables and runs share the file. It names the server without secrets. A lesson ends after an hour,
because a refusal may have been an exception.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec

log = logging.getLogger(__name__)

SECONDS_VALID = 3600.0
"""The time for which a lesson applies."""


class Lesson(msgspec.Struct, frozen=True):
    """The most calls in a request and in a second (0: no limit) that a server accepts, until a unix time."""

    server: str
    until: float
    batch_size: int
    calls_per_second: int = 0


@dataclass(frozen=True)
class Learned:
    """The file at `path`, for one server. A lesson of another server is not used."""

    path: Path
    server: str

    def lesson(self) -> Lesson | None:
        """Return the lesson that applies now. A damaged file has none; the log says why."""
        try:
            found = msgspec.json.decode(self.path.read_bytes(), type=Lesson)
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError, RecursionError, msgspec.DecodeError) as error:
            log.warning("%s is not used (%s); it is made again when %s refuses a batch", self.path, error, self.server)
            return None
        applies = found.server == self.server and 0 < found.until - time.time() <= SECONDS_VALID
        return found if applies and found.batch_size > 0 <= found.calls_per_second else None

    def keep(self, batch_size: int, calls_per_second: int) -> None:
        """Write a lesson for the next hour. The client goes on without the file if it cannot be written."""
        content = Lesson(self.server, time.time() + SECONDS_VALID, batch_size, calls_per_second)
        aside = self.path.with_name(f".{self.path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            aside.write_bytes(msgspec.json.encode(content))
            aside.replace(self.path)
        except OSError as error:
            aside.unlink(missing_ok=True)
            log.warning("%s could not be written (%s); the next run learns the size of batches again", self.path, error)
