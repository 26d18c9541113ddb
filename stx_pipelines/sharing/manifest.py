"""The list of published files, `manifest.json`. It is written last, so every file that it names is there."""

from __future__ import annotations

from datetime import date, datetime

import msgspec

from stx_pipelines.store.files import StoreError
from stx_pipelines.store.identity import EthereumIdentity, Identity

NAME = "manifest.json"
VERSION = 1

MOST_BYTES = 64 * 2**20
"""A longer manifest is not read."""


class Entry(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A published file: its name below the target, its bytes and their SHA-256 in hex.

    `rows` is the number of rows of a table. A day file also has its dataset, its day and the id of its certificate.
    `made_from` is the SHA-256 of the Parquet file that a CSV file was made from.
    """

    name: str
    bytes: int
    sha256: str
    rows: int | None = None
    dataset: str | None = None
    day: date | None = None
    certificate: str | None = None
    made_from: str | None = None


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The published files, the chains that they are of, and the version of the program that published them."""

    version: int = VERSION
    made_by: str
    made_at: datetime
    stacks: Identity | None = None
    ethereum: EthereumIdentity | None = None
    files: list[Entry] = []

    @property
    def by_name(self) -> dict[str, Entry]:
        """The entries by the names of their files."""
        return {entry.name: entry for entry in self.files}


def encode(manifest: Manifest) -> bytes:
    """Return the manifest as JSON."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"


def decode(content: bytes, where: str) -> Manifest:
    """Return the manifest in this JSON. Raises `StoreError` if it has another form or is of a later version."""
    try:
        manifest = msgspec.json.decode(content, type=Manifest)
    except msgspec.DecodeError as error:
        raise StoreError(f"{NAME} of {where} cannot be read ({error})") from error
    if manifest.version > VERSION:
        raise StoreError(
            f"{NAME} of {where} is of a later version ({manifest.version}): install a newer version of stx_pipelines"
        )
    return manifest
