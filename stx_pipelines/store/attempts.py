"""Counts of failed proofs, kept in small files beside the day files. Only these make a day `failing` or `set aside`."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import msgspec

from stx_pipelines.chains.attempts import Attempts
from stx_pipelines.store.files import read_if_sound, replace_file

_SUFFIX = ".attempts.json"


class AttemptFiles:
    """The files `DAY.attempts.json` in the folder of a dataset's day files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, day: date, sentence: str, now: datetime) -> None:
        """Count one more failed proof of this day. `sentence` is its error."""
        before = read_if_sound(self._path(day), Attempts)
        attempts = Attempts(before.count + 1 if before else 1, sentence, now.replace(microsecond=0))
        replace_file(self._path(day), lambda aside: aside.write_bytes(msgspec.json.encode(attempts)))

    def clear(self, day: date) -> None:
        """Delete the count of failed proofs of this day, which is proved now."""
        self._path(day).unlink(missing_ok=True)

    def all(self) -> dict[date, Attempts]:
        """Return the failed proofs of each day since the day's last success."""
        found = {}
        for path in sorted(self._folder.glob(f"????-??-??{_SUFFIX}")):
            attempts = read_if_sound(path, Attempts)
            if attempts is not None:  # a day with a damaged file counts as not tried yet
                found[date.fromisoformat(path.name.removesuffix(_SUFFIX))] = attempts
        return found

    def _path(self, day: date) -> Path:
        return self._folder / f"{day.isoformat()}{_SUFFIX}"
