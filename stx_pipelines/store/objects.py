"""Files of a folder, a bucket or a web server, read and written as whole objects through obstore."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from stx_pipelines.setting_values import has_only_a_path
from stx_pipelines.store.files import StoreError, first_line

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://")
_BUCKETS = ("s3", "gs", "az")
_WEB = ("https", "http")
_PART = 2**20  # bytes
_KEPT = "; what was published before is kept: run the same command again"
_PATIENCE: Any = {"max_retries": 5, "retry_timeout": timedelta(minutes=2)}
_CODE = re.compile(r"<Code>(\w+)</Code>")


class ObjectsError(StoreError):
    """A folder, bucket or web server that cannot be read or written."""


class Objects:
    """The objects below one address. `name` is the address; it holds no secret."""

    def __init__(self, name: str, store: ObjectStore) -> None:
        self.name = name
        self._store = store

    def read(self, path: str, most: int | None = None) -> bytes | None:
        """Return the content of an object, None if there is none.

        Raises `ObjectsError`, also for more than `most` bytes. No more than these and one part are then read.
        """
        import obstore

        content = bytearray()
        with explained(self.name, path, "read"):
            try:
                for part in obstore.get(self._store, path).stream(min_chunk_size=_PART):
                    content += part
                    if most is not None and len(content) > most:
                        raise ObjectsError(f"{path} of {self.name} has more than {most:,} bytes; no more were read")
            except FileNotFoundError:
                return None
        return bytes(content)

    def write(self, path: str, content: bytes, content_type: str) -> None:
        """Replace an object as a whole. Raises `ObjectsError`."""
        import obstore
        from obstore.store import LocalStore

        # A folder cannot keep the type of a file.
        attributes = None if isinstance(self._store, LocalStore) else {"Content-Type": content_type}
        with explained(self.name, path, "written", _KEPT):
            obstore.put(self._store, path, content, attributes=attributes)

    def remove(self, path: str) -> None:
        """Remove an object if it exists. Raises `ObjectsError`."""
        import obstore

        with explained(self.name, path, "removed", _KEPT), suppress(FileNotFoundError):
            obstore.delete(self._store, path)


def open_objects(address: str, *, writes: bool) -> Objects:
    """Open a folder, or an address that begins with s3://, gs:// or az://, or to read with https:// or http://.

    Credentials come from the environment, in the variables of each provider. Raises `ObjectsError` if the address has
    another form or a part that may be a secret, or if obstore is not installed.
    """
    if not _SCHEME.match(address):
        folder = Path(address).absolute()
        if not writes and not folder.is_dir():
            raise ObjectsError(f"{folder} is no folder")
        with _obstore_needed(), explained(str(folder), ".", "opened"):
            from obstore.store import LocalStore

            return Objects(str(folder), LocalStore(folder, mkdir=writes))
    _check(address, (*_BUCKETS, *(() if writes else _WEB)))
    return Objects(address.rstrip("/"), connect(address, _PATIENCE))


def connect(address: str, patience: Any) -> ObjectStore:
    """Return the store at an address. `patience` is obstore's `RetryConfig`. Raises `ObjectsError`."""
    options: Any = {"allow_http": True, "timeout": timedelta(minutes=5)}
    with _obstore_needed(), explained(address, ".", "opened"):
        from obstore.store import from_url

        return from_url(address, client_options=options, retry_config=patience)


def _check(address: str, schemes: tuple[str, ...]) -> None:
    scheme = urlsplit(address).scheme
    if scheme not in schemes:
        raise ObjectsError(f"the address must be a folder or begin with {', '.join(f'{each}://' for each in schemes)}")
    if not has_only_a_path(address):
        raise ObjectsError(
            f"the {scheme}:// address may have a bucket or host and a path only: give keys in the environment, "
            "as the provider names them (AWS_ACCESS_KEY_ID, GOOGLE_SERVICE_ACCOUNT, AZURE_STORAGE_ACCOUNT_KEY)"
        )


@contextmanager
def _obstore_needed() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise ObjectsError("this needs the package obstore: run `pip install -e '.[share]'`") from error


@contextmanager
def explained(name: str, path: str, done: str, kept: str = "") -> Iterator[None]:
    """Raise `ObjectsError` for errors of the store, in one sentence."""
    from obstore.exceptions import BaseError

    try:
        yield
    except (BaseError, OSError, ValueError) as error:
        raise ObjectsError(f"{path} of {name} could not be {done} ({_reason(error)}){kept}") from None


def _reason(error: Exception) -> str:
    """Return the first line of obstore's message with the server's error code, without any part that may be a secret.

    The server's whole response may name the key, and the query of an address may have a signature.
    """
    line, code = first_line(error).split(": <", 1)[0], _CODE.search(str(error))
    return re.sub(r"\?\S*", "", line) + (f": {code[1]}" if code else "")
