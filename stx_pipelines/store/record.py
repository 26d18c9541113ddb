"""The record in object storage: objects that are only put over the version that they were made from."""

from __future__ import annotations

import hashlib
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from stx_pipelines.store.files import StoreError
from stx_pipelines.store.objects import Objects, connect, explained

if TYPE_CHECKING:
    from obstore import UpdateVersion

_PATIENCE: Any = {"max_retries": 3, "retry_timeout": timedelta(seconds=30)}
"""Short, because days that cannot be put now are kept and put later."""

_PAUSE_SECONDS = 30.0
_SHA256 = "sha256"  # the name in the object's metadata


class Overtaken(StoreError):
    """An object that was not put, because its version is not the one that it was made from."""


class Version(msgspec.Struct, frozen=True):
    """The version of an object. `number` is another name of it, which some servers need (Google's generation)."""

    etag: str
    number: str | None = None


class Found(NamedTuple):
    """An object: its content, its version, and the SHA-256 with which it was put.

    `sha256` is None if another program put the object.
    """

    content: bytes
    version: Version
    sha256: str | None

    @property
    def has_changed(self) -> bool:
        """Whether the content is not what was put."""
        return self.sha256 is not None and self.sha256 != _sha256(self.content)


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
        """Return the etag of every object below a folder, by its name there. One request gives 1,000 objects.

        Raises `ObjectsError`.
        """
        import obstore

        with explained(self.name, folder, "listed"):
            listed = [meta for part in obstore.list(self._store, f"{folder}/") for meta in part]
        return {meta["path"].removeprefix(f"{folder}/"): meta["e_tag"] or "" for meta in listed}

    def fetch(self, name: str) -> Found | None:
        """Return an object, None if there is none. Raises `ObjectsError`."""
        import obstore

        with explained(self.name, name, "read"):
            try:
                found = obstore.get(self._store, name)
                version = Version(found.meta["e_tag"] or "", found.meta["version"])
                return Found(bytes(found.bytes()), version, found.attributes.get(_SHA256))
            except FileNotFoundError:
                return None

    def put(self, name: str, content: bytes, over: Version | None) -> Version:
        """Put an object as a whole, with its SHA-256, and return its version.

        `over` is the version that it replaces; None if there must be no object yet.

        Raises `Overtaken` if the record has another version, and `ObjectsError`.
        """
        import obstore
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        with explained(self.name, name, "put"):
            try:
                done = obstore.put(
                    self._store,
                    name,
                    content,
                    attributes={_SHA256: _sha256(content)},
                    mode=_replacing(over) if over else "create",
                )
            except (AlreadyExistsError, PreconditionError):
                raise Overtaken(f"{name} of {self.name} was replaced by another machine") from None
        return Version(done["e_tag"] or "", done["version"])


def open_record(url: str) -> Record:
    """Open the record at a checked address (`STX_RECORD_URL`). Raises `ObjectsError` if obstore is not installed.

    Credentials come from the environment, as for `open_objects`.
    """
    return Record(url, connect(url, _PATIENCE))


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _replacing(version: Version) -> UpdateVersion:
    """Return a version in the form of obstore, which refuses a number that is None."""
    mode: UpdateVersion = {"e_tag": version.etag}
    if version.number is not None:
        mode["version"] = version.number
    return mode
