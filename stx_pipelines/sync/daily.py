"""DaySync: the steps that the syncs of all datasets share. How rows are read and proved belongs to the chains."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, Generic, Protocol, TypeVar

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.errors import ProofError
from stx_pipelines.clients.errors import ApiError, Behind, Interrupted, RateLimited, Unreachable
from stx_pipelines.clients.http import Http
from stx_pipelines.coverage.sighting import Sighting
from stx_pipelines.coverage.text import behind_sentence
from stx_pipelines.store.dataset_store import DatasetStore
from stx_pipelines.store.day_files import DamagedDayFile, NewerDayFile
from stx_pipelines.sync.outcome import FailedDay, OnPage, Outcome, ProvedDay, StoredDay
from stx_pipelines.sync.read_ahead import read_ahead

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)
Row = TypeVar("Row")


class Client(Protocol):
    """What every sync needs of its chain's client."""

    http: Http

    def probe(self) -> None:
        """Ask one question that a working server answers. Raises `ApiError`."""


AnyClient = TypeVar("AnyClient", bound=Client)


@dataclass
class DaySync(ABC, Generic[AnyClient, Row]):
    """The sync of one dataset: it fetches, proves and stores days through `client` into `store`.

    A new dataset is one subclass with `_fetch`, which gives each day's proved rows to `_store_each`.
    Closed days, failures, damaged files, files of later versions and loading are handled here.
    One line in `runner.py` says how it is opened.

    The newest block of a server is stale at `tip_age`; zero: never.
    """

    client: AnyClient
    store: DatasetStore[Row]
    on_page: OnPage = field(default=lambda _: None, kw_only=True)
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC), kw_only=True)
    tip_age: timedelta = field(default=timedelta(0), kw_only=True)

    block_columns: ClassVar[tuple[str, str]]
    """The columns of a block's height and hash, where `_refuse_if_behind` is used."""

    @abstractmethod
    def _fetch(self, days: Sequence[date], *, force: bool) -> Iterator[Outcome]:
        """Prove and store these days, newest first. `force` believes nothing that is stored."""

    def sync(self, days: Iterable[date], *, force: bool = False) -> Iterator[Outcome]:
        """Yield each day once it is stored or has failed, newest first. `force` reads closed days again.

        A failed day does not stop the others. Raises `WrongChain`, the errors of the client while the tip is sought,
        and `StoreError`.
        """
        asked = set(days)
        newer = self.store.files.newer()
        self.store.reconcile()
        self.store.load(wait=0.0)
        wanted = sorted(asked - newer.keys(), reverse=True)
        # Loading has put damaged files aside, so that their days are not taken for stored.
        closed = {} if force else {day: known for day in wanted if (known := self._closed(day))}
        for known in closed.values():
            self.store.attempts.clear(known.day)
            yield StoredDay(known, fetched=False)
        yield from (FailedDay(day, NewerDayFile(newer[day])) for day in sorted(asked & newer.keys(), reverse=True))
        rest = [day for day in wanted if day not in closed]
        for outcome in self._fetch(rest, force=force) if rest else ():
            if isinstance(outcome, FailedDay):
                self._record_failure(outcome)
            yield outcome
        self.store.load()

    def certificate(self, day: date) -> Certificate | None:
        """The day's certificate; None if it is not stored, or its file is damaged or of a later version."""
        try:
            return self.store.files.certificate(day)
        except (DamagedDayFile, NewerDayFile) as error:
            log.warning("%s", error)
            return None

    def _closed(self, day: date) -> Certificate | None:
        """The certificate of a day that needs no request."""
        known = self.certificate(day)
        return known if known is not None and known.is_closed else None

    def _record_failure(self, failed: FailedDay) -> None:
        """Count a failed proof. A day that could not be read counts only while the server answers other questions.

        A day that the server does not have yet was not tried at all.
        """
        if isinstance(failed.error, Behind):
            return
        if isinstance(failed.error, RateLimited | Interrupted):
            raise failed.error
        if isinstance(failed.error, Unreachable):
            self.client.probe()  # raises if the server is down: then no other day can be read either
        self.store.attempts.add(failed.day, str(failed.error), self.clock())

    def _store_each(
        self,
        days: Iterable[date],
        read: Callable[[date], ProvedDay[Row] | None],
        confirm: Callable[[date, ProvedDay[Row] | None], ProvedDay[Row] | None] = lambda _, proved: proved,
    ) -> Iterator[Outcome]:
        """Store each day that `read` proves; the next is read meanwhile. None: it is stored and up to date already.

        `confirm` sees a day last, in the thread of the caller, and may read it again.
        """
        for day, reading in read_ahead(read, days, self.client.http.stop):
            try:
                proved = confirm(day, reading.result())
            except (ProofError, ApiError) as error:
                yield FailedDay(day, error)
                continue
            yield self._unchanged(day) if proved is None else self._store([proved])[0]

    def _unchanged(self, day: date) -> StoredDay:
        known = self.certificate(day)
        assert known is not None  # nothing new was found for it
        self.store.mark_checked([day], self.clock())
        return StoredDay(known, fetched=False)

    def _store(self, proved: Sequence[ProvedDay[Row]]) -> list[StoredDay]:
        """Store days and load them, together."""
        stored = self.store.store_and_load([(day.rows, day.certificate) for day in proved])
        return [StoredDay(certificate, fetched=True) for certificate in stored]

    def _stored_rows(self, day: date) -> list[Row]:
        """The rows of a stored day; none where it is not stored, or its file is damaged."""
        if self.certificate(day) is None:
            return []
        try:
            return self.store.rows(day)
        except DamagedDayFile as error:
            log.warning("%s", error)
            return []

    def _stored_table(self, day: date) -> pa.Table | None:
        try:
            return self.store.files.read(day)
        except DamagedDayFile as error:
            log.warning("%s", error)
            return None

    def _reopen(self, days: Iterable[date]) -> list[date]:
        """Mark closed days that the chain changed as open, so that a crash cannot hide the change.

        Give the days whose file is damaged: it stays as it is.
        """
        damaged = []
        for day in days:
            known = self.certificate(day)
            if known is None or not known.is_closed:
                continue
            log.warning("a reorg reached the blocks that closed %s: it is open again and read anew", day)
            try:
                self.store.files.reopen(day)
            except DamagedDayFile as error:
                log.warning("%s", error)
                damaged.append(day)
        return damaged

    def _note_tip(self, unix_seconds: int) -> Sighting:
        """Note beside the dataset's coverage when the server's newest block is from."""
        time, now = datetime.fromtimestamp(unix_seconds, UTC), self.clock()
        self.store.mark_tip(time, now, self.tip_age)
        seen = Sighting(self.client.http.name, time, since=now, seen=now, limit=self.tip_age)
        if seen.is_stale:
            log.warning("%s", behind_sentence(seen))
        return seen

    def _newest_certificate(self) -> Certificate | None:
        """The certificate of today, which a look at the tip is compared with."""
        return self.store.files.certificates().get(self.clock().date())

    def _refused(self, days: Iterable[date], first_day: date, seen: Sighting | None) -> list[FailedDay]:
        """The days that the server cannot have: those before the chain's first day, and those after its newest block.

        After a stale newest block, days would become empty files. Those that are stored already are compared with the
        chain like any other.
        """
        newest_first = sorted(days, reverse=True)
        early = [day for day in newest_first if day < first_day]
        refused = [FailedDay(day, ApiError(f"{day} is before the chain's first day, {first_day}")) for day in early]
        if seen is None or not seen.is_stale:
            return refused
        stored = self.store.files.certificates()
        late = [day for day in newest_first if day > seen.day and day not in stored and day not in early]
        return refused + [FailedDay(day, Behind(behind_sentence(seen))) for day in late]

    def _refuse_if_behind(self, height: int, block_hash: str, seen: int, *, noun: str = "newest block") -> None:
        """Raise `Unreachable` for a server whose newest block is older than one `seen` before, on the same fork.

        Such a server shows no reorg: nothing may be taken back because of it.
        """
        if seen > height and not self._has_another_block(height, block_hash):
            raise Unreachable(
                f"{self.client.http.name} is behind: its {noun} is {height}, {seen} was seen before; "
                "nothing was changed, try again when it has caught up"
            )

    def _has_another_block(self, height: int, block_hash: str) -> bool:
        """Whether a stored day has another block of this height: that shows a reorg."""
        spanning = [
            day
            for day, known in self.store.files.certificates().items()
            if known.last_height is not None and (known.first_height or 0) <= height <= known.last_height
        ]
        # v1 of the Stacks API does not name index block hashes.
        return any(self._stored_hashes(day, height) - {None, block_hash} for day in spanning)

    def _stored_hashes(self, day: date, height: int) -> set[str | None]:
        table = self._stored_table(day)
        if table is None:
            return set()
        heights, hashes = (table[name].to_pylist() for name in self.block_columns)
        return {block_hash for at, block_hash in zip(heights, hashes, strict=True) if at == height}
