"""A day's walk: what is asked for is read, proved and landed; what is already here costs no request.

Open days belong together: a reorg can move a transaction from one into the other, so they are compared with the
chain and landed as one. Everything else lands the moment it is proved.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.stacks import Tip, Tx
from stx_pipelines.clients.errors import ApiError, Unreachable
from stx_pipelines.clients.stacks_api import StacksApi
from stx_pipelines.project import Project
from stx_pipelines.store.dataset_store import DAYS_AT_ONCE, DatasetStore
from stx_pipelines.store.day_files import DamagedDayFile
from stx_pipelines.store.identity import Identity
from stx_pipelines.sync import daily as homeward
from stx_pipelines.sync.daily import count_failure, known_certificate
from stx_pipelines.sync.outcome import FailedDay, Landed, Outcome
from stx_pipelines.sync.stacks.burn_blocks import ListMoved
from stx_pipelines.sync.stacks.pages import OnPage
from stx_pipelines.sync.stacks.plan import Held
from stx_pipelines.sync.stacks.reader import ProvedDay, Reader
from stx_pipelines.sync.stacks.reorgs import Standing, fork_height, identify, standing
from stx_pipelines.sync.tip import note_stacks_tip, out_of_reach

log = logging.getLogger(__name__)

_GROUP_TRIES = 3


@dataclass
class Walk:
    """Brings days of Stacks transactions home: from `api` through the proof to `landing`."""

    api: StacksApi
    landing: DatasetStore[Tx]
    identity: Callable[[], Identity]
    on_page: OnPage = lambda _: None
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    tip_age: timedelta = timedelta(0)  # at which the server's newest block is stale; zero: never

    def bring_home(self, days: Iterable[date], *, force: bool = False) -> Iterator[Outcome]:
        """Each day as it lands, newest first. `force` reads the days again even where they are closed.

        Failed days are told apart from landed ones and do not stop the others. Raises `WrongChain`, the errors of
        `StacksApi` while the tip is sought, and `StoreError`.
        """
        return homeward.bring_home(
            self.landing,
            days,
            closed=lambda day: None if force else self._closed(day),
            fetch=lambda rest: self._fetch(rest, force),
            remember=lambda failed: count_failure(self.landing, failed, self.api.probe, self.clock()),
        )

    def _closed(self, day: date) -> Certificate | None:
        known = known_certificate(self.landing, day)
        return known if known is not None and known.is_closed else None

    def _fetch(self, days: Sequence[date], force: bool) -> Iterator[Outcome]:
        tip = self.api.tip()
        identity = self.identity()
        self._refuse_if_behind(tip)
        state = self._standing(identity)
        seen = note_stacks_tip(self.api, self.landing, tip, self.clock(), self.tip_age)
        early = [day for day in days if day < identity.first_day]
        for day in early:
            yield FailedDay(day, ApiError(f"{day} is before the chain's first day, {identity.first_day}"))
        late = out_of_reach(self.landing, days, seen)
        yield from late
        unread = {*early, *(failed.day for failed in late)}
        wanted = sorted({*days, *state.stale, *self._companions(days)} - unread, reverse=True)
        if not force and (known := self._nothing_new(wanted, tip, state)):
            self.landing.mark_checked([certificate.day for certificate in known], self.clock())
            yield from (Landed(certificate, fetched=False) for certificate in known)
            return
        yield from self._land(wanted, tip, state, force)

    def _companions(self, days: Sequence[date]) -> list[date]:
        """The other open days: where one of them is brought up to date, all are."""
        is_open = [day for day, known in self.landing.files.certificates().items() if not known.is_closed]
        return is_open if is_open and max(days) >= min(is_open) else []

    def _refuse_if_behind(self, tip: Tip) -> None:
        """A server that has less than was seen before shows no reorg: nothing may be taken back because of it."""
        known = self.landing.files.certificates().values()
        seen = max((c.closed_by.height if c.closed_by else c.last_height or 0 for c in known), default=0)
        if seen > tip.block_height and not any(self._is_of_another_fork(certificate, tip) for certificate in known):
            raise Unreachable(
                f"{self.api.http.base_url} is behind: its newest block is {tip.block_height}, {seen} was seen before; "
                "nothing was changed, try again when it has caught up"
            )

    def _is_of_another_fork(self, known: Certificate, tip: Tip) -> bool:
        """Whether a landed day has another block at the tip's height."""
        if known.first_height is None or known.last_height is None:
            return False
        if not known.first_height <= tip.block_height <= known.last_height:
            return False
        rows = self.landing.rows(known.day)
        ours = {tx.index_block_hash for tx in rows if tx.block_height == tip.block_height}
        return bool(ours - {None, tip.index_block_hash})  # v1 does not name index block hashes

    def _standing(self, identity: Identity) -> Standing:
        """Find what is stale; days the chain changed below are open again from here on."""
        files = self.landing.files
        known = files.certificates()
        state = standing(self.api, identity, known.values())
        for day in state.stale:
            if known[day].is_closed:
                log.warning("a reorg reached the blocks that closed %s: it is open again and read anew", day)
                with suppress(DamagedDayFile):  # then the day is read anew anyway
                    files.reopen(day)
        if state.stale:
            state = Standing(self._fork_height(state), state.stale)
        return state

    def _fork_height(self, state: Standing) -> int:
        try:
            rows = self.landing.rows(state.stale[-1])
        except DamagedDayFile as error:
            log.warning("%s", error)
            return state.canonical_to
        return fork_height(self.api, rows, state.canonical_to)

    def _nothing_new(self, days: Sequence[date], tip: Tip, state: Standing) -> list[Certificate]:
        known = [known_certificate(self.landing, day) for day in days]
        # A day without rows has no hash that would show a reorg at the same height: it is looked at again.
        same = [c for c in known if c is not None and c.tip == tip.burn_block_height and c.last_hash]
        return same if len(same) == len(days) and not state.stale else []

    def _reader(self, tip: Tip, state: Standing | None) -> Reader:
        def held(day: date) -> Held | None:
            known = known_certificate(self.landing, day)
            if state is None or known is None or not known.seen:
                return None
            try:
                rows = self.landing.rows(day)
            except DamagedDayFile as error:
                log.warning("%s", error)
                return None
            # v1 does not name index block hashes: what cannot be compared later is read again.
            return Held(rows, state.canonical_to) if all(tx.index_block_hash for tx in rows) else None

        return Reader(self.api, tip, self.identity().name, held, self.on_page, self.clock)

    def _land(self, days: Sequence[date], tip: Tip, state: Standing, force: bool) -> Iterator[Outcome]:
        """Open days, and what a reorg changed, are the newest: they come first and land together."""
        together: list[ProvedDay] = []
        kept = 0
        blocked: FailedDay | None = None
        reader = self._reader(tip, None if force else state)
        for result in reader.days(days):
            if isinstance(result, FailedDay):
                blocked = result if result.day in state.stale else blocked
                yield result
            elif self._stands_alone(result, state):
                yield from self._land_open(together, blocked, reader)
                together = []
                if not self._is_closed_still(result, reader):
                    error = ListMoved("the chain changed while the day was read; the next sync reads it again")
                    yield FailedDay(result.certificate.day, error)
                    continue
                [stored] = self.landing.keep([(result.rows, result.certificate)])
                yield Landed(stored, fetched=True)
                kept += 1
                if not reader.next_is_read or kept == DAYS_AT_ONCE:
                    self.landing.load_soon()
                    kept = 0
            else:
                together.append(result)
        if kept:
            self.landing.load_soon()
        yield from self._land_open(together, blocked, reader)

    @staticmethod
    def _stands_alone(result: ProvedDay, state: Standing) -> bool:
        """Whether a day was read whole and is final: then no other day can change what it holds."""
        return result.certificate.is_closed and result.certificate.day not in state.stale and not _held(result.rows)

    def _is_closed_still(self, proved: ProvedDay, reader: Reader) -> bool:
        """Whether what closed the day is canonical, asked only once the run has met a reorg.

        It must be known before the day lands: the next comparison begins at newer days, and may end there.
        """
        closed_by = proved.certificate.closed_by
        return not (closed_by and reader.chain_moved) or self.api.is_canonical(closed_by.height, closed_by.block_hash)

    def _land_open(self, proved: list[ProvedDay], blocked: FailedDay | None, reader: Reader) -> Iterator[Outcome]:
        """Land open days together, once all of them are of one and the same chain.

        A day that a reorg changed and that failed blocks the others: one of its transactions may now be theirs.
        """
        days = [result.certificate.day for result in proved]
        if blocked or not proved:
            yield from (FailedDay(day, blocked.error) for day in days if blocked)
            return
        for _ in range(_GROUP_TRIES):
            if self._is_one_chain(proved) and all(self._is_closed_still(result, reader) for result in proved):
                landed = self._land_proved(proved)
                open_days = [result.certificate.day for result in landed if not result.certificate.is_closed]
                self.landing.mark_checked(open_days, self.clock())
                yield from landed
                return
            log.info("the chain changed while the open days were read; reading them again")
            reader.chain_moved = True
            results = list(self._reader(self.api.tip(), None).days(days))
            failed = [result for result in results if isinstance(result, FailedDay)]
            if failed:
                yield from (FailedDay(day, failed[0].error) for day in days)
                return
            proved = [result for result in results if isinstance(result, ProvedDay)]
        error = ApiError("the chain kept changing while the open days were read; the next sync tries again")
        yield from (FailedDay(day, error) for day in days)

    def _is_one_chain(self, proved: Sequence[ProvedDay]) -> bool:
        tx_ids = [tx.tx_id for result in proved for tx in result.rows]
        if len(set(tx_ids)) != len(tx_ids):
            return False
        tops = [(result.certificate.last_height, result.certificate.last_hash) for result in proved]
        for result in proved:
            if held := _held(result.rows):  # proved in an earlier walk: a reorg may have come in between
                tops.append(max((tx.block_height, tx.index_block_hash) for tx in held))
        return all(self.api.has_block(height, name) for height, name in set(tops) if height is not None and name)

    def _land_proved(self, proved: Sequence[ProvedDay]) -> list[Landed]:
        stored = self.landing.land([(result.rows, result.certificate) for result in proved])
        return [Landed(certificate, fetched=True) for certificate in stored]


def _held(rows: Sequence[Tx]) -> list[Tx]:
    """The rows that come from a day file: only freshly read ones know their block's own hash."""
    return [tx for tx in rows if tx.block_hash is None and tx.index_block_hash]


def open_stacks(project: Project) -> Walk:
    """The sync of Stacks transactions."""
    api, settings = project.stacks_api(), project.settings
    return Walk(
        api=api,
        landing=project.store(),
        identity=lambda: identify(api, project.folder, settings.stx_first_day),
        tip_age=settings.stx_tip_age,
    )
