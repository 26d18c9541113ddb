"""The sync of Stacks transactions.

Open days are compared with the chain and stored together, because a reorg can move a transaction from one day into
another. Every other day is stored as soon as it is proved.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.datasets import DATASETS, TRANSACTIONS
from stx_pipelines.chains.errors import ProofError
from stx_pipelines.chains.stacks import Tip, Tx
from stx_pipelines.clients.errors import ApiError
from stx_pipelines.clients.stacks_api import StacksApi
from stx_pipelines.coverage.sighting import Sighting
from stx_pipelines.coverage.text import count_days
from stx_pipelines.project import Project
from stx_pipelines.store.dataset_store import DAYS_AT_ONCE
from stx_pipelines.store.identity import Identity
from stx_pipelines.store.neighbours import torn_days
from stx_pipelines.sync.daily import DaySync
from stx_pipelines.sync.outcome import FailedDay, Outcome, ProvedDay, StoredDay
from stx_pipelines.sync.stacks.burn_blocks import ListMoved
from stx_pipelines.sync.stacks.hashed_days import by_hash
from stx_pipelines.sync.stacks.looks import View, look
from stx_pipelines.sync.stacks.plan import Held
from stx_pipelines.sync.stacks.reader import Reader
from stx_pipelines.sync.stacks.reorgs import Standing, fork_height, identify, standing
from stx_pipelines.sync.stacks.tenures import TenureProofs

log = logging.getLogger(__name__)

_GROUP_TRIES = 3


@dataclass
class StacksSync(DaySync[StacksApi, Tx]):
    """The sync of Stacks transactions.

    `identity` returns the identity of the data folder's chain. `tenures` proves closed days by hashes; None proves them
    by counts only. `readers` is the number of threads that read pages; None lets it follow the server.
    """

    identity: Callable[[], Identity]
    tenures: TenureProofs | None = None
    readers: int | None = None

    block_columns = ("block_height", "index_block_hash")

    def sync(self, days: Iterable[date], *, force: bool = False) -> Iterator[Outcome]:
        """Sync the days as `DaySync.sync` does, after days that do not fit to their neighbours are marked as open."""
        self._reopen(torn_days(self.store.files, compare=True))
        yield from super().sync(days, force=force)
        torn_days(self.store.files, compare=True)  # so that the coverage knows the result

    def check_tip(self) -> bool:
        """Record the newest block's time. Return whether today's stored day is behind the tip or on another fork."""
        tip, today = self.client.tip(), self._newest_certificate()
        self._note_block_time(tip)
        if today is None:
            return False
        if today.last_height is None or today.last_hash is None:
            return True  # a day without rows has no hash that would show a reorg at the same height
        moved = tip.burn_block_height != today.tip or not self.client.has_block(today.last_height, today.last_hash)
        if not moved:
            self._mark_unmoved(today)
        return moved

    def _note_block_time(self, tip: Tip) -> Sighting | None:
        """Record the newest block's own time, because its burn block's time stays old in an extended tenure.

        Return None if the server does not have that block, because one of several servers at this address lags.
        """
        block = self.client.block_if_there(tip.block_height)
        return self._note_tip(block.block_time) if block else None

    def _fetch(self, days: Sequence[date], *, force: bool) -> Iterator[Outcome]:
        tip = self.client.tip()
        identity = self.identity()
        tip, state = look(self.client, partial(self._look, identity), tip)
        self._reopen(state.stale)  # damaged files are kept, because all stale days are stored together
        seen = self._note_block_time(tip)
        together = {*days, *state.stale, *self._companions(days)}
        refused = self._refused(together, identity.first_day, seen)
        yield from refused
        wanted = sorted(together - {failed.day for failed in refused}, reverse=True)
        if not force and (known := self._nothing_new(wanted, tip, state)):
            self.store.mark_checked([certificate.day for certificate in known], self.clock())
            yield from (StoredDay(certificate, fetched=False) for certificate in known)
            return
        yield from self._until_one_chain(wanted, tip, state, force)

    def _until_one_chain(self, days: Sequence[date], tip: Tip, state: Standing, force: bool) -> Iterator[Outcome]:
        """Read and store the days. After a reorg, look at all of them once more, and read those again that it changed.

        The days of one run may be of several forks, because the run stores the first of them long before the last.
        """
        for _ in range(_GROUP_TRIES):
            reader = self._reader(tip, None if force else state)
            stored, unproved = list[date](), list[FailedDay]()
            for outcome in self._read_and_store(days, reader, state):
                if isinstance(outcome, FailedDay) and isinstance(outcome.error, ProofError | ListMoved):
                    unproved.append(outcome)  # the reorg may be the reason
                    continue
                yield outcome
                stored += [outcome.certificate.day] if isinstance(outcome, StoredDay) else []
            moved = any(isinstance(failed.error, ListMoved) for failed in unproved)
            if moved or reader.chain_moved:
                before = tip
                tip, state = look(self.client, partial(self._look, self.identity(), each=stored))
                self._reopen(state.stale)
                moved |= bool(unproved) and look(self.client, partial(_has_replaced, before))
            if not (moved or (reader.chain_moved and state.stale)):
                yield from unproved
                return
            again = {*state.stale, *(failed.day for failed in unproved)}
            log.warning("a reorg happened while days were read; %s will be read again", count_days(len(again)))
            days, force = sorted({*again, *self._companions([*again])}, reverse=True), True
        error = ListMoved("the chain kept changing while the days were read; the next sync reads them again")
        yield from unproved
        yield from (FailedDay(day, error) for day in state.stale if day not in {one.day for one in unproved})

    def _companions(self, days: Sequence[date]) -> list[date]:
        """Return all stored open days, which are synced together; none if `days` are all older."""
        is_open = [day for day, known in self.store.files.certificates().items() if not known.is_closed]
        return is_open if is_open and max(days) >= min(is_open) else []

    def _refuse_if_server_is_behind(self, tip: Tip) -> None:
        known = self.store.files.certificates().values()
        seen = max((c.closed_by.height if c.closed_by else c.last_height or 0 for c in known), default=0)
        self._refuse_if_behind(tip.block_height, tip.index_block_hash, seen)

    def _look(self, identity: Identity, view: View, each: Sequence[date] = ()) -> tuple[Tip, Standing]:
        """Return the tip, and the days that a reorg changed. `each` are compared one by one.

        Raises `Lagging` if the responses do not fit together.
        """
        self._refuse_if_server_is_behind(view.tip)
        state = standing(view, identity, self.store.files.certificates().values(), each)
        if torn := torn_days(self.store.files, compare=True):
            return view.tip, Standing(0, tuple(sorted({*torn, *state.stale}, reverse=True)))
        if not state.stale:
            return view.tip, state
        rows = self._stored_rows(state.stale[-1])
        return view.tip, Standing(fork_height(view, rows, state.canonical_to), state.stale)

    def _nothing_new(self, days: Sequence[date], tip: Tip, state: Standing) -> list[Certificate]:
        known = [self.certificate(day) for day in days]
        # A day without rows has no hash that would show a reorg at the same height, so it is fetched again.
        same = [c for c in known if c is not None and c.tip == tip.burn_block_height and c.last_hash]
        return same if len(same) == len(days) and not state.stale else []

    def _reader(self, tip: Tip, state: Standing | None) -> Reader:
        def held(day: date) -> Held | None:
            known = self.certificate(day)
            if state is None or known is None or DATASETS[TRANSACTIONS].lacks_columns(known):
                return None
            rows = self._stored_rows(day)
            # Rows read from v1 have no index block hashes to compare, so they are read again.
            is_comparable = bool(rows) and all(tx.index_block_hash for tx in rows)
            return Held(rows, state.canonical_to) if is_comparable else None

        return Reader(self.client, tip, self.identity().name, held, self.on_page, self.clock, self.readers)

    def _read_and_store(self, days: Sequence[date], reader: Reader, state: Standing) -> Iterator[Outcome]:
        """Read and store the days, newest first: open and stale days together, all others one by one."""
        together, kept = list[ProvedDay[Tx]](), 0
        blocked: FailedDay | None = None
        for result in self._by_hash(reader.days(days)):
            if isinstance(result, FailedDay):
                blocked = result if result.day in state.stale else blocked
                yield result
            elif self._stands_alone(result, state):
                yield from self._store_open(together, blocked, reader)
                together = []
                outcome = self._keep(result, reader)
                yield outcome
                kept += isinstance(outcome, StoredDay)
                if kept and (not reader.next_is_read or kept == DAYS_AT_ONCE):
                    self.store.load_soon()
                    kept = 0
            else:
                together.append(result)
        if kept:
            self.store.load_soon()
        yield from self._store_open(together, blocked, reader)

    def _keep(self, proved: ProvedDay[Tx], reader: Reader) -> Outcome:
        """Store a day that is final. It is loaded later, together with others."""
        if not self._is_closed_still(proved, reader):
            error = ListMoved("the chain changed while the day was read; the next sync reads it again")
            return FailedDay(proved.certificate.day, error)
        [stored] = self.store.keep([(proved.rows, proved.certificate)])
        self._keep_evidence(proved, stored)
        return StoredDay(stored, fetched=True)

    def _by_hash(self, results: Iterable[ProvedDay[Tx] | FailedDay]) -> Iterable[ProvedDay[Tx] | FailedDay]:
        stored, stop = self.store.files.certificates(), self.client.http.stop
        return by_hash(results, self.tenures, stored, stop) if self.tenures else results

    def _keep_evidence(self, proved: ProvedDay[Tx], stored: Certificate) -> None:
        if proved.by_hash is not None:
            with self.store.writing():
                self.store.evidence.add(stored, proved.by_hash)

    @staticmethod
    def _stands_alone(result: ProvedDay[Tx], state: Standing) -> bool:
        """Return whether a day can be stored alone: it is closed, not changed by a reorg, and all rows were fetched."""
        return result.certificate.is_closed and result.certificate.day not in state.stale and not _held(result.rows)

    def _is_closed_still(self, proved: ProvedDay[Tx], reader: Reader) -> bool:
        """Return whether the block that closed the day is canonical; True without a check if this run found no reorg.

        The check must come before the day is stored, because the next sync compares newer days first and may stop
        before it reaches this day.
        """
        closed_by = proved.certificate.closed_by
        if not closed_by or not reader.chain_moved:
            return True
        return look(self.client, lambda view: view.is_canonical(closed_by.height, closed_by.block_hash), reader.tip)

    def _store_open(self, proved: list[ProvedDay[Tx]], blocked: FailedDay | None, reader: Reader) -> Iterator[Outcome]:
        """Store open days together, once all of them are of the same fork.

        `blocked` is a failed day that a reorg changed. None of the days is then stored, because some transactions of
        the failed day may now belong to them.
        """
        days = [result.certificate.day for result in proved]
        if blocked or not proved:
            yield from (FailedDay(day, blocked.error) for day in days if blocked)
            return
        for _ in range(_GROUP_TRIES):
            if self._is_one_chain(proved, reader.tip) and all(
                self._is_closed_still(result, reader) for result in proved
            ):
                stored = self._store(proved)
                for day, kept in zip(proved, stored, strict=True):
                    self._keep_evidence(day, kept.certificate)
                open_days = [result.certificate.day for result in stored if not result.certificate.is_closed]
                self.store.mark_checked(open_days, self.clock())
                yield from stored
                return
            log.info("the chain changed while the open days were read; reading them again")
            reader.chain_moved = True
            results = list(self._by_hash(self._reader(self.client.tip(), None).days(days)))
            failed = [result for result in results if isinstance(result, FailedDay)]
            if failed:
                yield from (FailedDay(day, failed[0].error) for day in days)
                return
            proved = [result for result in results if isinstance(result, ProvedDay)]
        error = ApiError("the chain kept changing while the open days were read; the next sync tries again")
        yield from (FailedDay(day, error) for day in days)

    def _is_one_chain(self, proved: Sequence[ProvedDay[Tx]], tip: Tip) -> bool:
        tx_ids = [tx.tx_id for result in proved for tx in result.rows]
        if len(set(tx_ids)) != len(tx_ids):
            return False
        tops = [(result.certificate.last_height, result.certificate.last_hash) for result in proved]
        for result in proved:
            if held := _held(result.rows):  # an earlier sync proved these rows, and a reorg may have happened since
                tops.append(max((tx.block_height, tx.index_block_hash) for tx in held))
        blocks = [(height, name) for height, name in set(tops) if height is not None and name]
        return look(self.client, lambda view: all(view.has_block(height, name) for height, name in blocks), tip)


def _held(rows: Sequence[Tx]) -> list[Tx]:
    """Return the rows that come from a day file. Only rows that were just fetched have their block's own hash."""
    return [tx for tx in rows if tx.block_hash is None and tx.index_block_hash]


def open_stacks(project: Project) -> StacksSync:
    """Open the sync of Stacks transactions."""
    client, settings = project.stacks_api(), project.settings
    node = project.stacks_node(client.http)
    return StacksSync(
        client,
        project.store(),
        lambda: identify(client, project.folder, settings.stx_first_day),
        tenures=TenureProofs(node, client.block_by_hash, settings.stx_proof, settings.stx_proof_tenures),
        readers=settings.hiro_readers,
        tip_age=settings.stx_tip_age,
    )


def _has_replaced(tip: Tip, view: View) -> bool:
    """Return whether the chain of the view does not have the block of `tip`. Raises `Lagging`."""
    return not view.has_block(tip.block_height, tip.index_block_hash)
