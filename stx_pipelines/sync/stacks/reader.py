"""A reader that plans, reads and proves days of Stacks transactions.

Days share one pool of reader threads, so that many small days are read as fast as a few large ones. While one day is
proved here and stored by the caller, the next days are read.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import NamedTuple

import msgspec

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.days import DAY, window
from stx_pipelines.chains.errors import ProofError
from stx_pipelines.chains.stacks import NAKAMOTO_DAY, Block, Tip, Tx
from stx_pipelines.chains.stacks_proof import faults, prove_by_counts
from stx_pipelines.clients.errors import ApiError, Unreachable
from stx_pipelines.clients.stacks_api import StacksApi
from stx_pipelines.sync.outcome import FailedDay, OnPage, ProvedDay
from stx_pipelines.sync.pools import thread_pool
from stx_pipelines.sync.stacks import sampling as by_sample
from stx_pipelines.sync.stacks.burn_blocks import BurnList, ListMoved
from stx_pipelines.sync.stacks.certify import Cost, certify
from stx_pipelines.sync.stacks.looks import LOOKS, block_below_tip
from stx_pipelines.sync.stacks.pages import read_piece
from stx_pipelines.sync.stacks.plan import DayPlan, Held, Piece, cut, plan_day
from stx_pipelines.sync.stacks.reader_count import ReaderCount
from stx_pipelines.sync.stacks.v1 import all_or_none, without_shared_windows

log = logging.getLogger(__name__)

_QUEUED = 8  # pieces that wait for a reader, so that none is idle while a day is proved and stored
_LIST_CHANCES = 2  # chunks of days that could not be listed; after them, the run proves days by sample


class _Reading(NamedTuple):
    """A day that is being read."""

    plan: DayPlan | FailedDay
    pieces: list[Future[list[Tx]]]


@dataclass
class Reader:
    """A reader that proves days against one server, for one run.

    `tip` is the chain's tip when the run began, `chain` the chain's name in certificates. `held` returns the rows that
    an open day already has. `readers` is the number of reader threads; None lets it follow the server. `next_is_read`
    is true if the day after the one just yielded has been read. `chain_moved` is true after a reorg was found. Days
    planned before and after a reorg may be of different forks.
    """

    api: StacksApi
    tip: Tip
    chain: str
    held: Callable[[date], Held | None] = lambda _: None
    on_page: OnPage = lambda _: None
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    readers: int | None = None
    next_is_read: bool = field(default=False, init=False)
    chain_moved: bool = field(default=False, init=False)
    _unlisted: int = field(default=0, init=False)  # consecutive chunks whose burn blocks could not be listed
    _pages: Counter[date] = field(default_factory=Counter, init=False)
    _began: dict[date, float] = field(default_factory=dict, init=False)
    _counting: threading.Lock = field(default_factory=threading.Lock, init=False)

    def __post_init__(self) -> None:
        self._count = ReaderCount(self.api.http, self.readers)

    def days(self, days: Iterable[date]) -> Iterator[ProvedDay[Tx] | FailedDay]:
        """Yield each day once it is proved or has failed, in the order given. The order newest first is fastest."""
        with self._pools() as (readers, planner):
            reading: deque[_Reading] = deque()
            for plan in self._plans(days, planner):
                pieces = self._for_route(plan.day, plan.pieces) if isinstance(plan, DayPlan) else ()
                reading.append(_Reading(plan, [readers.submit(self._read, plan.day, piece) for piece in pieces]))
                while len(reading) > 1 and (_unfinished(reading) > self._count.now + _QUEUED or _is_read(reading)):
                    yield self._finish(reading)
            while reading:
                yield self._finish(reading)

    @contextmanager
    def _pools(self) -> Iterator[tuple[ThreadPoolExecutor, ThreadPoolExecutor]]:
        readers = ThreadPoolExecutor(self._count.threads, "reader")
        planner = ThreadPoolExecutor(1, "planner")
        try:
            yield readers, planner
        except BaseException:
            # After an error or an interrupt, do not wait for the pieces that are still being read.
            self.api.http.stop.set()
            planner.shutdown(wait=False, cancel_futures=True)
            readers.shutdown(wait=False, cancel_futures=True)
            raise
        planner.shutdown()
        readers.shutdown()

    def _plans(self, days: Iterable[date], planner: ThreadPoolExecutor) -> Iterator[DayPlan | FailedDay]:
        """Yield the plans in the order of the days. The next chunk of days is planned while the current one is read."""
        with thread_pool(min(16, self._count.now), "list", self.api.http.stop) as pool:
            burn_list = BurnList(self.api, self.tip, pool, self.clock)
            ahead: deque[Future[list[DayPlan | FailedDay]]] = deque()
            for chunk in _neighbours(days, self._count.now):
                ahead.append(planner.submit(self._plan, chunk, burn_list))
                if len(ahead) > 1:
                    yield from ahead.popleft().result()
            while ahead:
                yield from ahead.popleft().result()

    def _plan(self, chunk: Sequence[date], burn_list: BurnList) -> list[DayPlan | FailedDay]:
        if self._unlisted < _LIST_CHANCES:
            try:
                plans: list[DayPlan | FailedDay] = list(self._plan_by_list(chunk, burn_list))
                self._unlisted = 0
                return plans
            except Unreachable as error:
                self._unlisted += 1
                self.api.probe()  # finds the route (v3 or v1), on which the plan by sample depends
                if self._unlisted == 1:
                    log.warning("burn blocks cannot be listed here, so days are proved by a sample of them (%s)", error)
            except (ProofError, ApiError) as error:
                if len(chunk) == 1:
                    return [FailedDay(chunk[0], error)]
                return [plan for day in chunk for plan in self._plan([day], burn_list)]  # so that only bad days fail
        return [self._plan_by_sample(day) for day in chunk]

    def _plan_by_list(self, chunk: Sequence[date], burn_list: BurnList) -> Iterator[DayPlan]:
        before = burn_list.requests
        self._cover(burn_list, window(min(chunk))[0], window(max(chunk))[1])
        for day in chunk:
            plan = plan_day(day, burn_list.rows, burn_list.growing, self.held(day))
            yield plan._replace(requests=burn_list.requests - before)
            before = burn_list.requests

    def _plan_by_sample(self, day: date) -> DayPlan | FailedDay:
        try:
            return by_sample.plan_day(self.api, self.tip, day)
        except (ProofError, ApiError) as error:
            return FailedDay(day, error)

    def _for_route(self, day: date, pieces: Sequence[Piece]) -> Sequence[Piece]:
        is_by_window = self.api.route == "v1" or day < NAKAMOTO_DAY
        return without_shared_windows(pieces) if is_by_window else pieces

    def _read(self, day: date, piece: Piece) -> list[Tx]:
        def count(rows: int) -> None:
            with self._counting:
                self._pages[day] += 1
            self._count.follow()
            self.on_page(rows)

        with self._count.turn():
            self._began.setdefault(day, time.monotonic())
            return read_piece(self.api, piece, count)

    def _finish(self, reading: deque[_Reading]) -> ProvedDay[Tx] | FailedDay:
        plan, pieces = reading.popleft()
        if isinstance(plan, FailedDay):
            return plan
        try:
            return self._prove(plan, [tx for piece in pieces for tx in piece.result()])
        except (ProofError, ApiError) as error:
            return FailedDay(plan.day, error)
        finally:
            self.next_is_read = _is_read(reading)

    def _prove(self, plan: DayPlan, read: list[Tx]) -> ProvedDay[Tx]:
        if plan.burns is None:
            plan, rows = by_sample.prove(self.api, self.tip, plan, read)
        else:
            plan, rows = self._prove_by_counts(plan, [*plan.held, *read])
        rows.sort(key=lambda tx: (tx.block_height, tx.tx_index, tx.tx_id))  # in block 1, indexes repeat
        if plan.day < NAKAMOTO_DAY:
            rows = all_or_none(rows)
        requests = plan.requests + self._pages[plan.day] + bool(rows)
        cost = Cost(requests, round(self._seconds(plan.day), 3))
        certificate = certify(plan, rows, self.clock(), cost, self.api.route)
        return ProvedDay(rows, self._with_names(certificate, rows))

    def _seconds(self, day: date) -> float:
        now = time.monotonic()
        return now - self._began.get(day, now)

    def _with_names(self, certificate: Certificate, rows: Sequence[Tx]) -> Certificate:
        """Add the chain's name and the block hashes that link the day to its neighbours.

        Transactions do not contain the hash of their block's parent. Transactions read from v1 do not contain their
        block's index block hash either. Raises `ListMoved` if the block changed after it was read.
        """
        if not rows:
            return msgspec.structs.replace(certificate, chain=self.chain)
        parent = self._block_of(rows[0], certificate.day).parent_index_block_hash
        last = certificate.last_hash or self._block_of(rows[-1], certificate.day).index_block_hash
        return msgspec.structs.replace(certificate, chain=self.chain, first_parent_hash=parent, last_hash=last)

    def _block_of(self, tx: Tx, day: date) -> Block:
        block = block_below_tip(self.api, tx.block_height)
        if tx.index_block_hash not in {None, block.index_block_hash} or tx.block_hash not in {None, block.hash}:
            raise ListMoved(f"Stacks block {block.height} changed while {day} was read")
        return block

    def _prove_by_counts(self, plan: DayPlan, rows: list[Tx]) -> tuple[DayPlan, list[Tx]]:
        # Only an open day can lie above the newest block of a backend that is behind.
        for attempt in range(1, LOOKS if plan.state == "open" else 2):
            try:
                prove_by_counts(rows, plan.burns or (), plan.day)
            except ProofError as error:
                log.info("%s: the burn blocks that differ are read again: %s", plan.day, error)
                if attempt > 1:
                    self.api.http.stop.wait(self.api.http.patience.backoff(attempt - 1))
                plan, rows = self._read_again(plan, rows)
            else:
                return plan, rows
        prove_by_counts(rows, plan.burns or (), plan.day)
        return plan, rows

    def _read_again(self, plan: DayPlan, rows: Sequence[Tx]) -> tuple[DayPlan, list[Tx]]:
        """Read the counts again, and the burn blocks that do not agree with them. Return the new plan and all rows."""
        self.chain_moved = True
        with thread_pool(1, "list", self.api.http.stop) as pool:
            burn_list = BurnList(self.api, self.api.tip(), pool, self.clock)
            self._cover(burn_list, *window(plan.day))
        fresh = plan_day(plan.day, burn_list.rows, burn_list.growing)._replace(
            requests=plan.requests + burn_list.requests
        )
        burns = fresh.burns or ()
        short = faults(rows, burns, plan.day)
        whole = {row.burn.burn_block_height for row in burns} - short.keys()
        pieces = self._for_route(plan.day, cut([row for row in burns if row.burn.burn_block_height in short]))
        read = [tx for piece in pieces for tx in self._read(plan.day, piece)]
        return fresh, [tx for tx in rows if tx.burn_block_height in whole] + read

    def _cover(self, burn_list: BurnList, start: int, end: int) -> None:
        """Read the burn blocks of the window, and note whether the chain changed meanwhile."""

        def note(error: ListMoved) -> None:
            log.info("%s; reading the list again", error)
            self.chain_moved = True

        burn_list.cover_when_still(start, end, note)


def _unfinished(reading: Iterable[_Reading]) -> int:
    return sum(not piece.done() for day in reading for piece in day.pieces)


def _is_read(reading: Sequence[_Reading]) -> bool:
    """Return whether the next day has been read completely."""
    return bool(reading) and not _unfinished([reading[0]])


def _neighbours(days: Iterable[date], most: int) -> Iterator[list[date]]:
    """Yield chunks of adjacent days. The first chunks are small, so that reading starts soon."""
    size = 1
    chunk: list[date] = []
    for day in days:
        if chunk and (len(chunk) >= size or abs(day - chunk[-1]) != DAY):
            yield chunk
            chunk, size = [], min(most, size * 2)
        chunk.append(day)
    if chunk:
        yield chunk
