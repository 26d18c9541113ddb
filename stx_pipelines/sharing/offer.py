"""The day files that a manifest offers: their names and their chain, their download and their checks offline."""

from __future__ import annotations

import hashlib
import re
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from stx_pipelines.chains.datasets import DATASETS, TRANSACTIONS
from stx_pipelines.coverage.chains import STACKS, Chain
from stx_pipelines.project import Project
from stx_pipelines.sharing import ethereum, stacks
from stx_pipelines.sharing.manifest import Entry, Manifest
from stx_pipelines.store.arrow import from_arrow
from stx_pipelines.store.dataset_store import DatasetStore
from stx_pipelines.store.day_files import DamagedDayFile, NewerDayFile
from stx_pipelines.store.files import StoreError, replace_file
from stx_pipelines.store.foreign import MOST_ROWS, ForeignFile, read_foreign
from stx_pipelines.store.identity import EthereumIdentity, Identity, known_ethereum, known_identity
from stx_pipelines.store.objects import Objects
from stx_pipelines.sync.outcome import WrongChain

_MOST_BYTES = 256 * 2**20
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Place(NamedTuple):
    """A day of a dataset."""

    dataset: str
    day: date


def offered(manifest: Manifest, source: str) -> dict[Place, Entry]:
    """Return the day files of a manifest. Its other files, and days of unknown datasets, are not pulled.

    Raises `StoreError` if a file has another name than its dataset and day give, or an impossible size.
    """
    found: dict[Place, Entry] = {}
    for entry in manifest.files:
        if entry.day is None and entry.dataset is None and not entry.name.startswith("days/"):
            continue
        if entry.dataset is not None and entry.dataset not in DATASETS:
            continue  # a dataset of a later version
        name = f"days/{entry.dataset}/{entry.day}.parquet"
        is_possible = 0 < entry.bytes <= _MOST_BYTES and 0 <= (entry.rows or 0) <= MOST_ROWS
        if entry.name != name or entry.dataset is None or entry.day is None:
            raise StoreError(f"the manifest of {source} has {entry.name!r:.80}, which is no name of a day file")
        if not is_possible or entry.rows is None or not _SHA256.fullmatch(entry.sha256):
            raise StoreError(f"the manifest of {source} has an impossible size, row count or SHA-256 of {name}")
        found[Place(entry.dataset, entry.day)] = entry
    return found


def own_identity(project: Project, chain: Chain) -> Identity | EthereumIdentity | None:
    """Return the identity of the data folder's chain; None before the first use."""
    return known_identity(project.folder) if chain is STACKS else known_ethereum(project.folder)


def refuse_other_chain(own: Identity | EthereumIdentity | None, manifest: Manifest, chain: Chain, source: str) -> None:
    """Raise `WrongChain` if the manifest's chain is not the receiver's, unless that is not known yet."""
    theirs = manifest.stacks if chain is STACKS else manifest.ethereum
    if theirs is None:
        raise WrongChain(f"the manifest of {source} does not name its {chain.title} chain; nothing was stored")
    if own is not None and own.name != theirs.name:
        raise WrongChain(
            f"{source} has another {chain.title} chain ({theirs.name:.100}) than this data folder ({own.name}); "
            "nothing was stored"
        )


def fetch(source: Objects, entry: Entry, path: Path) -> str | None:
    """Read a file to `path`, unless it is there already. Return why it is refused, or None. Raises `StoreError`."""
    if path.exists() and _is(path.read_bytes(), entry):
        return None
    content = source.read(entry.name, entry.bytes)
    if content is None:
        return "is in the manifest, but not there"
    if not _is(content, entry):
        return "has another size or SHA-256 than the manifest names: if it is being published now, pull again later"
    replace_file(path, lambda aside: aside.write_bytes(content))
    return None


def _is(content: bytes, entry: Entry) -> bool:
    return len(content) == entry.bytes and hashlib.sha256(content).hexdigest() == entry.sha256


def fault_of_file(staged: DatasetStore[Any], day: date, entry: Entry, chain: str) -> str | None:
    """Return why a file that was read is refused, as the end of a sentence; None if nothing is wrong offline."""
    try:
        certificate, table = read_foreign(staged.files, DATASETS[staged.dataset], day, chain)
    except ForeignFile as error:
        return str(error)
    except (DamagedDayFile, NewerDayFile) as error:
        return f"cannot be used: {str(error).partition(';')[0]}"
    if certificate.id != entry.certificate or certificate.seen != entry.rows:
        return "has another certificate or number of rows than the manifest names"
    rows: list[Any] = from_arrow(DATASETS[staged.dataset], table)
    if staged.dataset == TRANSACTIONS:
        return stacks.fault_of_rows(rows, day, certificate)
    return ethereum.fault_of_certificate(certificate, rows)
