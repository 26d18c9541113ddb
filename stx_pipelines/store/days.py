"""Day files: one Parquet file per dataset and UTC day, with its certificate in the file's own metadata.

The files are the record; tables are loaded from them. A file that exists was written whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from stx_pipelines.chains import certificate as certificates
from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.store.files import StoreError, mark_of, read_if_sound, replace_file

if TYPE_CHECKING:
    import pyarrow as pa

_KEY = b"stx_pipelines.certificate"
_DIGEST = b"stx_pipelines.digest"
_WHAT_TO_DO = "delete it, the next sync reads the day again"


class DamagedDayFile(StoreError):
    """A day file that cannot be read, or that carries no certificate of ours."""


class _Known(msgspec.Struct, frozen=True):
    """A certificate, and the file's mark when it was read."""

    mark: tuple[int, int]
    certificate: Certificate


class DayFiles:
    """The day files of one dataset: `data/days/DATASET/YYYY-MM-DD.parquet`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._memory = folder / ".certificates.json"
        self._known: dict[date, _Known] = {}

    def path(self, day: date) -> Path:
        """Where the file of this day is, or will be."""
        return self.folder / f"{day.isoformat()}.parquet"

    def write(self, table: pa.Table, certificate: Certificate) -> Path:
        """Replace the day's file. Raises `StoreError` and leaves the old file when it cannot be written."""
        import pyarrow.parquet as pq

        spare_memory()
        metadata = {_KEY: certificates.encode(certificate), _DIGEST: _digest(table)}
        path = self.path(certificate.day)
        replace_file(
            path,
            lambda aside: pq.write_table(
                table.replace_schema_metadata(metadata), aside, compression="zstd", write_page_checksum=True
            ),
        )
        return path

    def read(self, day: date) -> pa.Table:
        """The rows of a day. Raises `DamagedDayFile`."""
        path = self.path(day)
        with _damage_named(path):
            table = _read_table(path)
            if (table.schema.metadata or {}).get(_DIGEST) != _digest(table):
                raise OSError("its rows are not those that were written")
            return table

    def columns(self, day: date, names: Sequence[str]) -> pa.Table:
        """Some columns of a day: each page is checked, the rows as a whole are not. Raises `DamagedDayFile`."""
        path = self.path(day)
        with _damage_named(path):
            return _read_table(path, list(names))

    def certificate(self, day: date) -> Certificate | None:
        """The day's certificate, None if it has not landed. Raises `DamagedDayFile`."""
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
        """The days that have a file, oldest first."""
        return sorted(day for path in self.folder.glob("????-??-??.parquet") if (day := _day_in(path)) is not None)

    def certificates(self) -> dict[date, Certificate]:
        """The certificates of all landed days, oldest first. Damaged files are left out: see `damaged`.

        What was read before is remembered in a small file, so that thousands of days are answered at once.
        """
        if not self._known:
            self._known = read_if_sound(self._memory, dict[date, _Known]) or {}
        before = dict(self._known)
        found = {}
        for day in self.days():
            with suppress(DamagedDayFile):
                if (certificate := self.certificate(day)) is not None:
                    found[day] = certificate
        if self._known != before:
            with suppress(StoreError):  # what cannot be remembered is only read again
                self._remember()
        return found

    def damaged(self, *, thoroughly: bool = False) -> dict[date, str]:
        """The days whose file is damaged, with the reason, found by reading every file's metadata anew.

        `thoroughly` reads the rows as well.
        """
        found = {}
        for day in self.days():
            try:
                _read_certificate(self.path(day), day)
                if thoroughly:
                    self.read(day)
            except DamagedDayFile as error:
                found[day] = str(error)
        return found

    def _remember(self) -> None:
        content = msgspec.json.encode(self._known)
        replace_file(self._memory, lambda aside: aside.write_bytes(content), durable=False)

    def sweep(self) -> None:
        """Remove what killed processes left half-written. Only for the one that may write here."""
        for aside in self.folder.glob(".????-??-??.parquet.*.tmp"):
            with suppress(OSError):  # it only takes room
                aside.unlink()

    def put_aside(self, day: date) -> Path:
        """Take a damaged file out of the way; it is kept for those who want to know what happened."""
        aside = self.path(day).with_suffix(".damaged")
        self.path(day).replace(aside)
        return aside

    def reopen(self, day: date) -> None:
        """Declare a closed day open again: the chain has changed below it."""
        certificate = self.certificate(day)
        if certificate is not None:
            self.write(self.read(day), msgspec.structs.replace(certificate, state="open"))


def spare_memory() -> None:
    """Let Arrow hand back what it no longer uses: its own allocator keeps some MiB for every thread that ever read."""
    import pyarrow as pa

    pa.set_memory_pool(pa.system_memory_pool())


def _read_table(path: Path, columns: list[str] | None = None) -> pa.Table:
    import pyarrow.parquet as pq

    spare_memory()
    return pq.read_table(path, columns=columns, partitioning=None, page_checksum_verification=True)


def _digest(table: pa.Table) -> bytes:
    """Names the rows by their values: checksums of pages do not cover what describes the pages."""
    import pyarrow as pa
    from pyarrow import csv

    plain = [pa.string() if pa.types.is_dictionary(field.type) else field.type for field in table.schema]
    rows = table.replace_schema_metadata(None).cast(pa.schema(zip(table.schema.names, plain, strict=True)))
    text = pa.BufferOutputStream()
    csv.write_csv(rows, text)
    return hashlib.sha256(text.getvalue()).hexdigest().encode()


def _day_in(path: Path) -> date | None:
    try:
        return date.fromisoformat(path.stem)
    except ValueError:
        return None  # somebody else's file


def _read_certificate(path: Path, day: date) -> Certificate:
    import pyarrow.parquet as pq

    with _damage_named(path):
        footer = pq.read_metadata(path)
        certificate = certificates.decode((footer.metadata or {})[_KEY])
    if certificate.day != day:
        raise DamagedDayFile(f"{path} certifies {certificate.day}; {_WHAT_TO_DO}")
    if certificate.seen != footer.num_rows:
        raise DamagedDayFile(f"{path} has {footer.num_rows} rows but certifies {certificate.seen}; {_WHAT_TO_DO}")
    return certificate


@contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    import pyarrow as pa

    try:
        yield
    except (OSError, pa.ArrowException, KeyError, msgspec.DecodeError) as error:
        raise DamagedDayFile(f"{path} is damaged or not ours ({_first_line(error)}); {_WHAT_TO_DO}") from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
