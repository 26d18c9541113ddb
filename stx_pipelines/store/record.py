"""The record in object storage: objects that are only put over the version that they were made from."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from stx_pipelines.store.files import StoreError
from stx_pipelines.store.objects import Objects, connect, explained

if TYPE_CHECKING:
    from obstore import UpdateVersion

_PATIENCE: Any = {"max_retries": 3, "retry_timeout": timedelta(seconds=30)}
"""Short, because days that cannot be put now are kept and put later."""

_PAUSE_SECONDS = 30.0


class Overtaken(StoreError):
    """An object that was not put, because its version is not the one that it was made from."""


class Version(msgspec.Struct, frozen=True):
    """The version of an object. `number` is another name of it, which some servers need (Google's generation)."""

    etag: str
    number: str | None = None


class Record(Objects):
    """The objects below the address of the record.

    After an error of the server, `is_away` is true for a while, so that not every file waits for the same server.
    """

    _away_until = 0.0  # on the clock of `time.monotonic`

    @property
    def is_away(self) -> bool:
        """Whether the server failed a moment ago, so that nothing should be tried now."""
        return time.monotonic() < self._away_until

    def note_away(self) -> None:
        """Remember that the server failed now."""
        self._away_until = time.monotonic() + _PAUSE_SECONDS

    def marks(self, folder: str) -> dict[str, str]:
        """Return the etag of every object below a folder, by name. One request gives 1,000. Raises `ObjectsError`."""
        import obstore

        with explained(self.name, folder, "listed"):
            listed = [meta for part in obstore.list(self._store, f"{folder}/") for meta in part]
        return {meta["path"]: meta["e_tag"] or "" for meta in listed}

    def fetch(self, name: str) -> tuple[bytes, Version] | None:
        """Return the content and the version of an object, None if there is none. Raises `ObjectsError`."""
        import obstore

        with explained(self.name, name, "read"):
            try:
                found = obstore.get(self._store, name)
                return bytes(found.bytes()), Version(found.meta["e_tag"] or "", found.meta["version"])
            except FileNotFoundError:
                return None

    def put(self, name: str, content: bytes, over: Version | None) -> Version:
        """Put an object as a whole and return its version. `over` is the version that it replaces, None for no object.

        Raises `Overtaken` if the record has another version, and `ObjectsError`.
        """
        import obstore
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        with explained(self.name, name, "put"):
            try:
                done = obstore.put(self._store, name, content, mode=_replacing(over) if over else "create")
            except (AlreadyExistsError, PreconditionError):
                raise Overtaken(f"{name} of {self.name} was replaced by another machine") from None
        return Version(done["e_tag"] or "", done["version"])


def open_record(url: str) -> Record:
    """Open the record at a checked address (`STX_RECORD_URL`). Raises `ObjectsError` if obstore is not installed.

    Credentials come from the environment, as for `open_objects`.
    """
    return Record(url, connect(url, _PATIENCE))


def _replacing(version: Version) -> UpdateVersion:
    """Return a version in the form of obstore, which refuses a number that is None."""
    mode: UpdateVersion = {"e_tag": version.etag}
    if version.number is not None:
        mode["version"] = version.number
    return mode
