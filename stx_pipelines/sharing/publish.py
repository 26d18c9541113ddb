"""Send the page, the results and the closed days of a data folder to a folder or a bucket, as a static site.

The manifest is written last. What it lists has been sent whole, and files that have not changed are not sent again.
"""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from stx_pipelines.chains.datasets import DATASETS
from stx_pipelines.metrics.results import RESULTS, tables_of
from stx_pipelines.project import Project
from stx_pipelines.sharing import manifest as manifests
from stx_pipelines.sharing.manifest import Entry, Manifest
from stx_pipelines.store.files import StoreError
from stx_pipelines.store.identity import known_ethereum, known_identity
from stx_pipelines.store.objects import Objects
from stx_pipelines.store.parquet import count_rows_of, csv_of
from stx_pipelines.version import PRODUCT

_BINARY = "application/octet-stream"


class Published(NamedTuple):
    """The result: the numbers of files in the manifest, sent and removed, and the number of bytes sent."""

    files: int
    sent: int
    removed: int
    bytes_sent: int


class _File(NamedTuple):
    """A file to publish. A file that is known to be published is given without its content."""

    entry: Entry
    content: bytes = b""


def publish(project: Project, target: Objects, *, with_days: bool) -> Published:
    """Send what has changed, then the manifest, and remove files that an earlier manifest lists and this one does not.

    Days that were published before stay published if they are not sent now. Raises `StoreError`.
    """
    before = published(target)
    old = before.by_name if before else {}
    entries: dict[str, Entry] = {}
    sent = bytes_sent = 0
    for file in _files(project, old, with_days=with_days):
        entries[file.entry.name] = file.entry
        if file.entry == old.get(file.entry.name):
            continue
        target.write(file.entry.name, file.content, mimetypes.guess_type(file.entry.name)[0] or _BINARY)
        sent, bytes_sent = sent + 1, bytes_sent + len(file.content)
    if not with_days:
        entries |= {name: entry for name, entry in old.items() if entry.day}
    gone = old.keys() - entries.keys()
    if sent or gone or before is None:
        target.write(manifests.NAME, manifests.encode(_manifest(project, entries)), "application/json")
    for name in gone:
        target.remove(name)
    return Published(len(entries), sent, len(gone), bytes_sent)


def published(target: Objects) -> Manifest | None:
    """Return the manifest of a target, None if nothing was published there. Raises `StoreError`."""
    content = target.read(manifests.NAME, manifests.MOST_BYTES)
    return None if content is None else manifests.decode(content, target.name)


def _manifest(project: Project, entries: dict[str, Entry]) -> Manifest:
    return Manifest(
        made_by=PRODUCT,
        made_at=datetime.now(UTC).replace(microsecond=0),
        stacks=known_identity(project.folder),
        ethereum=known_ethereum(project.folder),
        files=sorted(entries.values(), key=lambda entry: entry.name),
    )


def _files(project: Project, old: dict[str, Entry], *, with_days: bool) -> Iterator[_File]:
    """Yield days first and the page last, so that the page never shows what is not there yet."""
    if with_days:
        for dataset in DATASETS:
            yield from _days(project, dataset, old)
    for table in tables_of(RESULTS):
        if (path := project.folder.metric(table)).exists():
            yield from _result(path, table, old)
    folder = project.folder.page.parent
    for path in sorted(folder.rglob("*"), key=lambda path: (path == project.folder.page, path)):
        name = path.relative_to(folder)
        if path.is_file() and not any(part.startswith(".") for part in name.parts):
            yield _whole(name.as_posix(), _content(path))


def _days(project: Project, dataset: str, old: dict[str, Entry]) -> Iterator[_File]:
    """Yield the closed days of a dataset. An open day changes too soon to be published."""
    files = project.store(dataset).files
    for day, certificate in files.certificates().items():
        if not certificate.is_closed:
            continue
        name = f"days/{dataset}/{day}.parquet"
        if (known := old.get(name)) is not None and known.certificate == certificate.id:
            yield _File(known)
            continue
        file = _whole(name, _content(files.path(day)))
        if files.certificate(day) != certificate:
            raise StoreError(f"{name} was replaced while it was read: run the same command again")
        entry = msgspec.structs.replace(
            file.entry, rows=certificate.seen, dataset=dataset, day=day, certificate=certificate.id
        )
        yield file._replace(entry=entry)


def _result(path: Path, table: str, old: dict[str, Entry]) -> Iterator[_File]:
    """Yield a result as Parquet and as CSV. The CSV file is made only if the Parquet file is another one."""
    content = _content(path)
    whole, rows = _whole(f"metrics/{table}.parquet", content), count_rows_of(content)
    yield whole._replace(entry=msgspec.structs.replace(whole.entry, rows=rows))
    name = f"metrics/{table}.csv"
    if (known := old.get(name)) is not None and known.made_from == whole.entry.sha256:
        yield _File(known)
        return
    text = _whole(name, csv_of(content))
    yield text._replace(entry=msgspec.structs.replace(text.entry, rows=rows, made_from=whole.entry.sha256))


def _whole(name: str, content: bytes) -> _File:
    digest = hashlib.sha256(content).hexdigest()
    return _File(Entry(name=name, bytes=len(content), sha256=digest), content)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StoreError(f"{path} could not be read ({error.strerror}): run the same command again") from error
