"""Day files: one Parquet file per dataset and UTC day, with the day's certificate in the file's metadata.

The day files are the record, and tables are loaded from them. A file that exists was written completely.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from stx_pipelines.chains import certificate as certificates
from stx_pipelines.chains.certificate import VERSION, Certificate, NewerCertificate
from stx_pipelines.store.digest import digest_of
from stx_pipelines.store.files import StoreError, first_line, ignore, mark_of, read_if_sound, replace_file
from stx_pipelines.version import PRODUCT

if TYPE_CHECKING:
    import pyarrow as pa

_KEY = b"stx_pipelines.certificate"
_DIGEST = b"stx_pipelines.digest"
_FIELDS = len(Certificate.__struct_fields__)
_WHAT_TO_DO = "delete it, and the next sync reads the day again"


class DamagedDayFile(StoreError):
    """A day file that cannot be read or has no certificate of this package."""


class NewerDayFile(StoreError):
    """A day file that a later version of this package wrote. It is neither read nor replaced."""


class _Known(msgspec.Struct, frozen=True):
    """A certificate, and the mark (see `mark_of`) that the file had when the certificate was read."""

    mark: tuple[int, int]
    certificate: Certificate


class _Memory(msgspec.Struct, frozen=True):
    """The certificates read before. A version whose certificates have another number of `fields` does not use them."""

    fields: int
    known: dict[date, _Known]


class DayFiles:
    """The day files of one dataset: `data/days/DATASET/YYYY-MM-DD.parquet`.

    If not `remembers`, reading writes no file: see `certificates`. `changed` is called after a file was written.
    """

    def __init__(self, folder: Path, *, remembers: bool = True, changed: Callable[[Path], None] = ignore) -> None:
        self.folder = folder
        self._remembers = remembers
        self._changed = changed
        self._memory = folder / ".certificates.json"
        self._known: dict[date, _Known] = {}
        self._newer: dict[date, str] = {}

    def path(self, day: date) -> Path:
        """Return the path of this day's file, whether it exists or not."""
        return self.folder / f"{day.isoformat()}.parquet"

    def write(self, table: pa.Table, certificate: Certificate) -> Certificate:
        """Replace the day's file. Return the certificate written to it.

        Raises `StoreError` when the file cannot be written, and `NewerDayFile` when a later version wrote the old file.
        In both cases the old file is kept.
        """
        with suppress(DamagedDayFile, OSError):  # a damaged file is replaced; `replace_file` reports other errors
            self.certificate(certificate.day)  # raises `NewerDayFile`
        digest = digest_of(table)
        stored = msgspec.structs.replace(
            certificate, rows_digest=digest, columns=table.num_columns, made_by=PRODUCT, version=VERSION
        )
        self._write(table, stored, digest)
        return stored

    def adopt(self, table: pa.Table, certificate: Certificate) -> None:
        """Write a day of another data folder with its certificate as it is, so that its id stays the same.

        The file is made from the rows. Raises `StoreError`, and `DamagedDayFile` for rows of another certificate.
        """
        digest = digest_of(table)
        if certificate.rows_digest != digest:
            raise DamagedDayFile(f"the rows of {certificate.day} are not those of its certificate; nothing was stored")
        self._write(table, certificate, digest)

    def _write(self, table: pa.Table, certificate: Certificate, digest: str) -> None:
        import pyarrow.parquet as pq

        spare_memory()
        metadata = {_KEY: certificates.encode(certificate), _DIGEST: digest.encode()}
        path = self.path(certificate.day)
        replace_file(
            path,
            lambda aside: pq.write_table(
                table.replace_schema_metadata(metadata), aside, compression="zstd", write_page_checksum=True
            ),
        )
        self._changed(path)

    def read(self, day: date) -> pa.Table:
        """Return the rows of a day. Raises `DamagedDayFile`, also if they do not match the certificate's digest."""
        return _read_rows(self.path(day))

    def columns(self, day: date, names: Sequence[str]) -> pa.Table:
        """Return some columns of a day. Raises `DamagedDayFile`.

        Only the checksums of Parquet's pages are checked, not the digest of the rows.
        """
        path = self.path(day)
        with _damage_named(path):
            return _read_table(path, list(names))

    def certificate(self, day: date) -> Certificate | None:
        """Return a day's certificate, None if the day is not stored. Raises `DamagedDayFile` and `NewerDayFile`."""
        path = self.path(day)
        try:
            mark = mark_of(path)
        except FileNotFoundError:
            return None
        known = self._known.get(day)
        if known is None or known.mark != mark:
            known = self._known[day] = _Known(mark, _read_certificate(path, day))
        return known.certificate

    def days(self) -> list[date]:
        """Return the days that have a file, oldest first."""
        return sorted(day for path in self.folder.glob("????-??-??.parquet") if (day := _day_in(path)) is not None)

    def certificates(self) -> dict[date, Certificate]:
        """Return the certificates of all stored days, oldest first. Skip damaged files and those of later versions.

        Certificates read before are kept in one small file, so that thousands of day files need not be opened.
        """
        if not self._known:
            memory = read_if_sound(self._memory, _Memory)
            self._known = memory.known if memory and memory.fields == _FIELDS else {}
        before = dict(self._known)
        found = {}
        self._newer = {}
        for day in self.days():
            try:
                certificate = self.certificate(day)
            except DamagedDayFile:
                continue  # `damaged` reports it
            except NewerDayFile as error:
                self._newer[day] = str(error)
                continue
            if certificate is not None:
                found[day] = certificate
        if self._remembers and self._known != before:
            with suppress(StoreError):  # without the small file the certificates are only read again
                self._remember()
        return found

    def newer(self) -> dict[date, str]:
        """Return the days whose file only a later version of this package can read, each with its error."""
        self.certificates()
        return dict(self._newer)

    def damaged(self, *, thoroughly: bool = False) -> dict[date, str]:
        """Read every file's metadata again and return the days whose file is damaged, each with its error.

        If `thoroughly`, read and check the rows too.
        """
        found = {}
        for day in self.days():
            try:
                _read_certificate(self.path(day), day)
                if thoroughly:
                    self.read(day)
            except NewerDayFile:
                continue  # `newer` reports it
            except DamagedDayFile as error:
                found[day] = str(error)
        return found

    def _remember(self) -> None:
        content = msgspec.json.encode(_Memory(_FIELDS, self._known))
        replace_file(self._memory, lambda aside: aside.write_bytes(content), durable=False)

    def sweep(self) -> None:
        """Remove files that killed processes left half-written. The caller must hold the dataset's lock."""
        for aside in self.folder.glob(".????-??-??.parquet.*.tmp"):
            with suppress(OSError):  # such a file only takes space
                aside.unlink()

    def put_aside(self, day: date) -> Path:
        """Rename a damaged file to `DAY.damaged`, so that its day is missing and the file can be inspected."""
        aside = self.path(day).with_suffix(".damaged")
        self.path(day).replace(aside)
        return aside

    def is_put_aside(self, day: date) -> bool:
        """Return whether the day is missing because its damaged file was renamed."""
        return self.path(day).with_suffix(".damaged").exists() and not self.path(day).exists()

    def reopen(self, day: date) -> None:
        """Mark a closed day as open, because its blocks have changed. Raises `StoreError`."""
        certificate = self.certificate(day)
        if certificate is not None:
            self.write(self.read(day), msgspec.structs.replace(certificate, state="open"))


def check(path: Path, day: date) -> None:
    """Raise `DamagedDayFile` or `NewerDayFile` if the file is no sound file of this day."""
    _read_certificate(path, day)
    _read_rows(path)


def spare_memory() -> None:
    """Make Arrow use the system's allocator. Arrow's allocator keeps some MiB for every thread that has read a file."""
    import pyarrow as pa

    pa.set_memory_pool(pa.system_memory_pool())


def _read_rows(path: Path) -> pa.Table:
    with _damage_named(path):
        table = _read_table(path)
        certificate, written = _certified(table.schema.metadata), (table.schema.metadata or {}).get(_DIGEST)
        if certificate.rows_digest:
            written = certificate.rows_digest.encode()
        if written is None and certificate.tip_burn_height is not msgspec.UNSET:
            return table  # the first version wrote no digest
        if written != digest_of(table).encode():
            raise OSError("its rows have changed since they were written")
        return table


def _read_table(path: Path, columns: list[str] | None = None) -> pa.Table:
    import pyarrow.parquet as pq

    spare_memory()
    return pq.read_table(path, columns=columns, partitioning=None, page_checksum_verification=True)


def _day_in(path: Path) -> date | None:
    try:
        return date.fromisoformat(path.stem)
    except ValueError:
        return None  # not a day file


def _read_certificate(path: Path, day: date) -> Certificate:
    import pyarrow.parquet as pq

    with _damage_named(path):
        footer = pq.read_metadata(path)
        certificate = _certified(footer.metadata)
    if certificate.day != day:
        raise DamagedDayFile(f"{path} has the certificate of {certificate.day}; {_WHAT_TO_DO}")
    if certificate.seen != footer.num_rows:
        raise DamagedDayFile(
            f"{path} has {footer.num_rows} rows, but its certificate states {certificate.seen}; {_WHAT_TO_DO}"
        )
    return certificate


def _certified(metadata: Mapping[bytes, bytes] | None) -> Certificate:
    return certificates.decode((metadata or {})[_KEY])


@contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    import pyarrow as pa

    try:
        yield
    except NewerCertificate as error:
        raise NewerDayFile(f"{path} is of another version ({error}): update stx-pipelines; the file is kept") from None
    except (OSError, pa.ArrowException, KeyError, msgspec.DecodeError) as error:
        raise DamagedDayFile(
            f"{path} is damaged or not from stx-pipelines ({first_line(error)}); {_WHAT_TO_DO}"
        ) from error
