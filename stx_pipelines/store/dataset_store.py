"""The store of a dataset. It writes proved days to day files, then loads these into the dataset's table.

If the database is busy, only the loading is delayed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.datasets import DATASETS
from stx_pipelines.store.arrow import from_arrow, to_arrow
from stx_pipelines.store.attempts import AttemptFiles
from stx_pipelines.store.data_folder import DataFolder
from stx_pipelines.store.day_files import DamagedDayFile, DayFiles
from stx_pipelines.store.evidence import EvidenceFiles
from stx_pipelines.store.files import ignore
from stx_pipelines.store.loading import DayFile
from stx_pipelines.store.locks import Busy
from stx_pipelines.store.warehouse import Warehouse

if TYPE_CHECKING:
    from stx_pipelines.store.day_copy import DayCopy
    from stx_pipelines.store.postgres_copy import PostgresCopy

log = logging.getLogger(__name__)
Row = TypeVar("Row")

DAYS_AT_ONCE = 16  # days per transaction; other processes can use the database between transactions
ROWS_AT_ONCE = 1_000_000  # rows per transaction; replacing four million rows needed more memory than loading may use
_SHORT_WAIT = 1.0  # seconds to wait for the database while more days are being fetched
_REFRESHED_EVERY = timedelta(seconds=30)


def open_store(
    folder: DataFolder,
    warehouse: Warehouse,
    dataset: str,
    copy: DayCopy | None = None,
    served: PostgresCopy | None = None,
) -> DatasetStore[Any]:
    """Return the store of a dataset. The store reads and creates nothing until it is used."""
    days, changed = folder.days(dataset), copy.changed if copy else ignore
    return DatasetStore(
        dataset,
        DayFiles(days, changed=changed),
        AttemptFiles(days, changed),
        EvidenceFiles(days, changed),
        warehouse,
        copy,
        served,
    )


@dataclass
class DatasetStore(Generic[Row]):
    """The day files of one dataset and the table loaded from them.

    `copy` keeps the folder equal to the record in object storage; it is None if the folder itself is the record.
    `served` is the copy of the table in PostgreSQL, None without STX_WAREHOUSE_URL. `waiting_for` names the process
    that held the database when a load last failed. It is None if no load failed. Every change is made inside
    `writing`, in which a run holds its lock.
    """

    dataset: str
    files: DayFiles
    attempts: AttemptFiles
    evidence: EvidenceFiles
    warehouse: Warehouse
    copy: DayCopy | None = None
    served: PostgresCopy | None = None
    waiting_for: str | None = field(default=None, init=False)
    writing: Callable[[], AbstractContextManager[None]] = field(default=nullcontext, init=False, repr=False)
    _sound: set[str] = field(default_factory=set, init=False)

    @contextmanager
    def written_under(self, writing: Callable[[], AbstractContextManager[None]]) -> Iterator[None]:
        """Make every change inside this `writing` until the `with` block ends."""
        self.writing = writing
        try:
            yield
        finally:
            self.writing = nullcontext

    def store_and_load(self, proved: Sequence[tuple[Sequence[Row], Certificate]]) -> list[Certificate]:
        """Store these days, then load every stored day that the table lacks.

        Return the certificates written to the files, in the order given.
        """
        stored = self.keep(proved)
        self.load_soon()
        return stored

    def keep(self, proved: Sequence[tuple[Sequence[Row], Certificate]]) -> list[Certificate]:
        """Write the files of these days, oldest first.

        Return the certificates written to the files, in the order given. If the process is killed between two files,
        the newest day is still missing or has its old file, so a later run sees that work is left.
        """
        oldest_first = sorted(proved, key=lambda day: day[1].day)
        with self.writing():
            stored = {certificate.day: self._keep(rows, certificate) for rows, certificate in oldest_first}
        return [stored[certificate.day] for _, certificate in proved]

    def _keep(self, rows: Sequence[Row], certificate: Certificate) -> Certificate:
        stored = self.files.write(to_arrow(DATASETS[self.dataset], rows), certificate)
        self._sound.add(stored.id)
        self.attempts.clear(stored.day)
        return stored

    def adopt(self, day: date, other: DayFiles) -> Certificate:
        """Write a day of another folder with its certificate, after its rows were proved. Return the certificate.

        Raises `StoreError`, and `DamagedDayFile` if the rows are not those of the certificate.
        """
        certificate = other.certificate(day)
        assert certificate is not None  # its rows were read
        columns = DATASETS[self.dataset].columns_of(certificate)
        table = other.columns(day, [column.name for column in columns])  # `files.adopt` checks the digest of the rows
        with self.writing():
            self.files.adopt(table, certificate)
            self._sound.add(certificate.id)
            self.attempts.clear(day)
        return certificate

    def refresh(self, *, at_once: bool = False) -> None:
        """Take the days of other machines from the record, if there is one. Unless `at_once`, do so every 30 seconds.

        Raises `OtherChain`.
        """
        if self.copy:
            self.copy.refresh(timedelta(0) if at_once else _REFRESHED_EVERY)

    def rows(self, day: date) -> list[Row]:
        """Return the rows of a stored day. Raises `DamagedDayFile`."""
        return from_arrow(DATASETS[self.dataset], self.files.read(day))

    def load_soon(self) -> None:
        """Load as `load` does, but wait only briefly for a busy database, because more days are being fetched."""
        self.load(wait=_SHORT_WAIT)

    def load(self, *, wait: float | None = None) -> list[date]:
        """Load every stored day that the table lacks. Return the days not loaded because the database is busy.

        Open days are loaded in one transaction, because a reorg may have moved rows from one open day to another. Then
        copy the days to the server of STX_WAREHOUSE_URL; if it is away, a later load copies them.
        """
        with self.writing():
            waiting = self._load(wait)
            self.serve_if_possible()
            return waiting

    def serve_if_possible(self) -> None:
        """Copy the stored days that the served copy lacks, if there is one. Log a sentence if that is not possible."""
        if self.served:
            self.served.attempt(self.serve)

    def serve(self, days: Sequence[DayFile] | None = None) -> None:
        """Copy these days (default: the stored days that the served copy lacks), and remove days that are put aside.

        Do nothing without a served copy. Raises `NotCopied`.
        """
        if self.served is None:
            return
        copied = self.served.loaded(self.dataset)
        if days is None:
            days = [day for day in _lacking(self.stored(), copied) if self._is_sound(day)]
        if gone := [day for day in copied if self.files.is_put_aside(day)]:
            self.served.remove(self.dataset, gone)
        for part in in_parts(days):
            self.served.load(self.dataset, part)

    def _load(self, wait: float | None) -> list[date]:
        pending = [day for day in self.pending() if self._is_sound(day)]
        try:
            for days in in_parts(pending):
                self.warehouse.load(self.dataset, days, wait=wait)
            if self.warehouse.lacks_details(self.dataset):
                sound = [day for day in self.stored() if self._is_sound(day)]
                self.warehouse.load_details(self.dataset, in_parts(sound), wait=_SHORT_WAIT)
        except Busy as busy:
            waiting = [day.certificate.day for day in self.pending()]
            self.waiting_for = busy.holder
            log.warning("%d days stored, waiting for %s", len(waiting), busy.holder)
            return waiting
        return []

    def _is_sound(self, day: DayFile) -> bool:
        """Return whether the file still has the rows that were written. DuckDB does not notice changed rows.

        A damaged file is renamed, so that its day is missing and fetched again.
        """
        if day.certificate.id in self._sound:
            return True
        try:
            self.files.read(day.certificate.day)
        except DamagedDayFile as error:
            log.warning(
                "%s (no need to delete it: it was renamed to %s)", error, self.files.put_aside(day.certificate.day).name
            )
            return False
        self._sound.add(day.certificate.id)
        return True

    def reconcile(self) -> None:
        """Publish the days that the database holds, because its file may have been replaced.

        Do nothing if the database is busy.
        """
        with self.writing(), suppress(Busy):
            self.warehouse.reconcile(self.dataset)

    def stored(self) -> list[DayFile]:
        """Return every stored day, newest first."""
        certificates = sorted(self.files.certificates().items(), reverse=True)
        return [DayFile(self.files.path(day), certificate) for day, certificate in certificates]

    def loaded(self) -> list[DayFile]:
        """Return the stored days whose present file is loaded, newest first."""
        loaded = self.warehouse.published(self.dataset).loaded
        return [day for day in self.stored() if loaded.get(day.certificate.day) == day.certificate.id]

    def pending(self) -> list[DayFile]:
        """Return the stored days whose present file is not loaded, newest first."""
        return _lacking(self.stored(), self.warehouse.published(self.dataset).loaded)

    def mark_checked(self, days: Sequence[date], now: datetime) -> None:
        """Publish that these open days were compared with the tip and have not changed."""
        if days:
            with self.writing():
                self.warehouse.mark_checked(self.dataset, days, now)

    def mark_tip(self, time: datetime, now: datetime, limit: timedelta) -> None:
        """Publish `time`, the time of the server's newest block. The block is stale if it is older than `limit`."""
        with self.writing():
            self.warehouse.mark_tip(self.dataset, time, now, limit)


def _lacking(days: Sequence[DayFile], loaded: Mapping[date, str]) -> list[DayFile]:
    return [day for day in days if loaded.get(day.certificate.day) != day.certificate.id]


def in_parts(days: Sequence[DayFile]) -> Iterator[list[DayFile]]:
    """Divide days into parts, one per transaction. The first part has all open days. Closed days keep their order."""
    part: list[DayFile] = []
    for day in sorted(days, key=lambda day: day.certificate.is_closed):
        rows = sum(each.certificate.published for each in [*part, day])
        if part and day.certificate.is_closed and (len(part) >= DAYS_AT_ONCE or rows > ROWS_AT_ONCE):
            yield part
            part = []
        part.append(day)
    if part:
        yield part
