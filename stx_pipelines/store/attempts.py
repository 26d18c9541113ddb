"""Counts of failed attempts, kept in small files beside the day files.

Only these make a day `failing`. Only failed proofs make it `set aside`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import msgspec

from stx_pipelines.chains.attempts import Attempts
from stx_pipelines.store.files import ignore, read_if_sound, replace_file

_SUFFIX = ".attempts.json"


class AttemptFiles:
    """The files `DAY.attempts.json` in the folder of a dataset's day files.

    `changed` is called after a file was written or deleted.
    """

    def __init__(self, folder: Path, changed: Callable[[Path], None] = ignore) -> None:
        self._folder = folder
        self._changed = changed

    def add(self, day: date, sentence: str, now: datetime, *, is_proof: bool = True) -> None:
        """Count one more failed attempt at this day. `sentence` is its error.

        The attempt is a failed proof (`is_proof`) or got no usable response of the API.
        """
        before = read_if_sound(self._path(day), Attempts) or Attempts(0, "", now)
        unread = 0 if is_proof else before.unread + 1
        attempts = Attempts(before.count + is_proof, sentence, now.replace(microsecond=0), unread)
        replace_file(self._path(day), lambda aside: aside.write_bytes(msgspec.json.encode(attempts)))
        self._changed(self._path(day))

    def clear(self, day: date) -> None:
        """Delete the count of failed attempts at this day, which is proved now."""
        try:
            self._path(day).unlink()
        except FileNotFoundError:
            return
        self._changed(self._path(day))

    def all(self) -> dict[date, Attempts]:
        """Return the failed attempts at each day since the day's last success."""
        found = {}
        for path in sorted(self._folder.glob(f"????-??-??{_SUFFIX}")):
            attempts = read_if_sound(path, Attempts)
            if attempts is not None:  # a day with a damaged file counts as not tried yet
                found[date.fromisoformat(path.name.removesuffix(_SUFFIX))] = attempts
        return found

    def _path(self, day: date) -> Path:
        return self._folder / f"{day.isoformat()}{_SUFFIX}"
