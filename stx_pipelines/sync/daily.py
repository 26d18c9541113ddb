"""The steps that the syncs of all datasets share. The packages `stacks` and `ethereum` read and prove rows."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.errors import ProofError
from stx_pipelines.clients.errors import (
    ApiError,
    Behind,
    Changed,
    Denied,
    Interrupted,
    Lagging,
    Moving,
    RateLimited,
    Unreachable,
)
from stx_pipelines.clients.http import Http
from stx_pipelines.coverage.sighting import Sighting
from stx_pipelines.coverage.text import behind_sentence
from stx_pipelines.store.dataset_store import DatasetStore
from stx_pipelines.store.day_files import DamagedDayFile, DayFiles, NewerDayFile
from stx_pipelines.sync.outcome import FailedDay, NotNow, OnPage, Outcome, ProvedDay, StoredDay
from stx_pipelines.sync.read_ahead import read_ahead

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)
Row = TypeVar("Row")


class Client(Protocol):
    """The part of a chain's client that every sync uses."""

    http: Http

    def probe(self) -> None:
        """Check that the server responds. Raises `ApiError`."""


AnyClient = TypeVar("AnyClient", bound=Client)


@dataclass
class DaySync(ABC, Generic[AnyClient, Row]):
    """The sync of one dataset. It fetches days through `client`, proves them and stores them in `store`.

    A new dataset needs a subclass with `_fetch`, which passes each day's proved rows to `_store_each`, and a line in
    `runner.py` that opens it. This class handles closed days, failures, damaged files, files of later versions and
    loading.

    The server's newest block is stale when it is older than `tip_age`. If `tip_age` is zero, no block is stale.
    """

    client: AnyClient
    store: DatasetStore[Row]
    on_page: OnPage = field(default=lambda _: None, kw_only=True)
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC), kw_only=True)
    tip_age: timedelta = field(default=timedelta(0), kw_only=True)

    block_columns: ClassVar[tuple[str, str]]
    """The columns of a block's height and hash, which `_refuse_if_behind` needs."""

    @abstractmethod
    def _fetch(self, days: Sequence[date], *, force: bool) -> Iterator[Outcome]:
        """Fetch, prove and store these days, newest first. Yield their outcomes. `force` fetches stored rows again."""

    def sync(self, days: Iterable[date], *, force: bool = False) -> Iterator[Outcome]:
        """Yield each day's outcome once the day is stored or has failed, newest first.

        `force` fetches closed days again. A failed day does not stop the other days. Raises `WrongChain`, `StoreError`,
        and the client's errors when the tip cannot be read.
        """
        requested = set(days)
        newer = self.store.files.newer()
        self.store.reconcile()
        self.store.load(wait=0.0)
        wanted = sorted(requested - newer.keys(), reverse=True)
        # The load above has moved damaged files away, so their days do not count as stored.
        closed = {} if force else {day: known for day in wanted if (known := self._closed(day))}
        for known in closed.values():
            with self.store.writing():
                self.store.attempts.clear(known.day)
            yield StoredDay(known, fetched=False)
        yield from (FailedDay(day, NewerDayFile(newer[day])) for day in sorted(requested & newer.keys(), reverse=True))
        rest = [day for day in wanted if day not in closed]
        for outcome in self._fetch(rest, force=force) if rest else ():
            if isinstance(outcome, FailedDay):
                self._record_failure(outcome)
            yield outcome
        self.store.load()

    def certificate(self, day: date) -> Certificate | None:
        """Return the day's certificate; None if the day is not stored, or its file is damaged or of a later version."""
        return _certificate_in(self.store.files, day)

    @property
    def made_from(self) -> DatasetStore[Any] | None:
        """The store of the dataset from whose days these days are made, None if they are read from the chain alone."""
        return None

    def _source(self, day: date) -> Certificate | None:
        """Return the certificate of the day in `made_from`, as `certificate` does for this dataset."""
        return None if self.made_from is None else _certificate_in(self.made_from.files, day)

    def _closed(self, day: date) -> Certificate | None:
        """Return the day's certificate if the day is closed and still of the blocks of its source, otherwise None."""
        known = self.certificate(day)
        if known is None or not known.is_closed:
            return None
        return known if self.made_from is None or known.is_of_same_blocks(self._source(day)) else None

    def _record_failure(self, failed: FailedDay) -> None:
        """Count a failed attempt at a day, unless the server does not have the day yet or it cannot be read now.

        It is a failed proof if the API itself responded. Without a usable response, or if the chain kept changing, the
        day is only postponed, and only if the server responds to another request. Raises the error of that request, and
        the day's error if it concerns every day.
        """
        if isinstance(failed.error, Behind | NotNow):
            return
        if isinstance(failed.error, RateLimited | Interrupted | Changed):
            raise failed.error
        is_unread = isinstance(failed.error, Unreachable | Denied | Moving)
        if is_unread:
            self.client.probe()  # raises if the server is down, because no other day can be read then
        with self.store.writing():
            self.store.attempts.add(failed.day, str(failed.error), self.clock(), is_proof=not is_unread)

    def _store_each(
        self,
        days: Iterable[date],
        read: Callable[[date], ProvedDay[Row] | None],
        confirm: Callable[[date, ProvedDay[Row] | None], ProvedDay[Row] | None] = lambda _, proved: proved,
    ) -> Iterator[Outcome]:
        """Store each day that `read` proves, while the next day is read. Yield each day's outcome.

        `read` returns None for an unchanged day. `confirm` checks a day just before the day is stored, in the caller's
        thread, and may read the day again.
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
        assert known is not None  # only a stored day can be unchanged
        self.store.mark_checked([day], self.clock())
        return StoredDay(known, fetched=False)

    def _store(self, proved: Sequence[ProvedDay[Row]]) -> list[StoredDay]:
        """Store these days together and load them."""
        stored = self.store.store_and_load([(day.rows, day.certificate) for day in proved])
        return [StoredDay(certificate, fetched=True) for certificate in stored]

    def _stored_rows(self, day: date) -> list[Row]:
        """Return the rows of a day; an empty list if the day is not stored or its file is damaged."""
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
        """Mark closed days that a reorg changed as open, so that a crash cannot hide the change.

        Return the days whose file is damaged; these files are not changed.
        """
        damaged = []
        for day in days:
            known = self.certificate(day)
            if known is None or not known.is_closed:
                continue
            log.warning("a reorg replaced the blocks that closed %s, so the day is open again and will be fetched", day)
            try:
                with self.store.writing():
                    self.store.files.reopen(day)
            except DamagedDayFile as error:
                log.warning("%s", error)
                damaged.append(day)
        return damaged

    def _note_tip(self, unix_seconds: int) -> Sighting:
        """Record the time of the server's newest block, and return the record. Log a warning if the block is stale."""
        time, now = datetime.fromtimestamp(unix_seconds, UTC), self.clock()
        self.store.mark_tip(time, now, self.tip_age)
        seen = Sighting(self.client.http.name, time, since=now, seen=now, limit=self.tip_age)
        if seen.is_stale:
            log.warning("%s", behind_sentence(seen))
        return seen

    def _mark_unmoved(self, today: Certificate) -> None:
        """Publish that the tip is still that of today's stored day, for all open days that were proved up to it.

        The blocks of today's day depend on all blocks before them, so no other open day can have changed either.
        """
        known = self.store.files.certificates().values()
        same = [each.day for each in known if not each.is_closed and each.tip == today.tip]
        self.store.mark_checked(same, self.clock())

    def _newest_certificate(self) -> Certificate | None:
        """Return today's certificate, to compare it with the server's tip; None if today is not stored."""
        return self.store.files.certificates().get(self.clock().date())

    def _refused(self, days: Iterable[date], first_day: date, seen: Sighting | None) -> list[FailedDay]:
        """Return a failure for each day that is before the chain's first day or after a stale newest block.

        The server cannot have these days. A day after a stale block would be stored without rows, so such
        days are refused unless they are stored already.
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
        """Raise `Lagging` if the server's newest block is lower than the block `seen` before, on the same fork.

        Such a server lags. Its missing blocks are not a reorg, so no day may be reopened because of them.
        """
        if seen > height and not self._has_another_block(height, block_hash):
            raise Lagging(
                f"{self.client.http.name} is behind: its {noun} is {height}, but block {seen} was seen before; "
                "nothing was changed, try again when it has caught up"
            )

    def _has_another_block(self, height: int, block_hash: str) -> bool:
        """Return whether a stored day has another block at this height, which shows a reorg."""
        spanning = [
            day
            for day, known in self.store.files.certificates().items()
            if known.last_height is not None and (known.first_height or 0) <= height <= known.last_height
        ]
        # Days read from v1 of the Stacks API have no index block hashes.
        return any(self._stored_hashes(day, height) - {None, block_hash} for day in spanning)

    def _stored_hashes(self, day: date, height: int) -> set[str | None]:
        table = self._stored_table(day)
        if table is None:
            return set()
        heights, hashes = (table[name].to_pylist() for name in self.block_columns)
        return {block_hash for at, block_hash in zip(heights, hashes, strict=True) if at == height}


def _certificate_in(files: DayFiles, day: date) -> Certificate | None:
    try:
        return files.certificate(day)
    except (DamagedDayFile, NewerDayFile) as error:
        log.warning("%s", error)
        return None
