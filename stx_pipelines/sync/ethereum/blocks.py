"""Days of Ethereum blocks: found by time, read up to the newest final block, proved by their links, landed."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.datasets import BLOCKS
from stx_pipelines.chains.days import DAY
from stx_pipelines.chains.errors import ProofError
from stx_pipelines.chains.ethereum import Block
from stx_pipelines.chains.ethereum_proof import prove_blocks
from stx_pipelines.clients.errors import ApiError, Unreachable
from stx_pipelines.clients.ethereum_rpc import EthereumRpc
from stx_pipelines.project import Project
from stx_pipelines.store.data_folder import DataFolder
from stx_pipelines.store.dataset_store import DatasetStore
from stx_pipelines.store.day_files import DamagedDayFile
from stx_pipelines.sync import daily as homeward
from stx_pipelines.sync.ahead import read_ahead
from stx_pipelines.sync.daily import count_failure, known_certificate
from stx_pipelines.sync.ethereum.chain import DayStarts, block_of, changed_days, finalized, identify, misfits
from stx_pipelines.sync.outcome import FailedDay, Landed, Outcome
from stx_pipelines.sync.stacks.pages import OnPage
from stx_pipelines.sync.tip import note_tip, out_of_reach

log = logging.getLogger(__name__)

_ROUNDS = 3
_PROOF = "numbers without a gap, every block names the one before, the neighbours are of other days"


class BlockDay(NamedTuple):
    """A day's proved blocks in their order, and the certificate that says what they rest on."""

    blocks: list[Block]
    certificate: Certificate


@dataclass
class BlocksWalk:
    """Brings days of blocks home: from `node` through the proof to `landing`."""

    node: EthereumRpc
    landing: DatasetStore[Block]
    folder: DataFolder
    on_page: OnPage = lambda _: None
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    _chain: str = field(default="", init=False)  # what certificates call it
    tip_age: timedelta = timedelta(0)  # at which the newest final block is stale; zero: never

    def bring_home(self, days: Iterable[date], *, force: bool = False) -> Iterator[Outcome]:
        """Each day as it lands, newest first. `force` reads the days again even where they are closed.

        Failed days are told apart from landed ones and do not stop the others. Raises `WrongChain`, the errors of
        `EthereumRpc` while the newest final block is sought, and `StoreError`.
        """
        return homeward.bring_home(
            self.landing,
            days,
            closed=lambda day: None if force else self._closed(day),
            fetch=lambda rest: self._fetch(rest, force),
            remember=lambda failed: count_failure(
                self.landing, failed, lambda: self.node.block("latest"), self.clock()
            ),
        )

    def _closed(self, day: date) -> Certificate | None:
        known = known_certificate(self.landing, day)
        return known if known is not None and known.is_closed else None

    def _fetch(self, days: Sequence[date], force: bool) -> Iterator[Outcome]:
        identity = identify(self.node, self.folder)
        self._chain = identity.name
        top = finalized(self.node)
        self._refuse_if_behind(top)
        seen = note_tip(self.landing, self.node.http.name, top.timestamp, self.clock(), self.tip_age)
        changed = changed_days(self.node, self.landing.files.certificates(), top)
        self._reopen(changed)
        for early in sorted(day for day in {*days, *changed} if day < identity.first_day):
            yield FailedDay(early, ApiError(f"{early} is before the chain's first day, {identity.first_day}"))
        late = out_of_reach(self.landing, days, seen)
        yield from late
        unread = {failed.day for failed in late}
        wanted = {day for day in {*days, *changed} - unread if day >= identity.first_day}
        anew = wanted if force else set(changed)
        for _ in range(_ROUNDS):
            yield from self._land(sorted(wanted, reverse=True), top, anew)
            # Whichever of two neighbours landed second shows whether they are of one chain.
            wanted = anew = set(misfits(self.landing.files.certificates()))
            if not wanted:
                return
            self._reopen(wanted)
            top = finalized(self.node)

    def _refuse_if_behind(self, top: Block) -> None:
        """A node that has less than has landed shows no reorg: nothing may be taken back because of it."""
        newest = max((known.last_height or 0 for known in self.landing.files.certificates().values()), default=0)
        if newest <= top.number or block_of(self.node, newest) or self._is_of_another_fork(top):
            return
        raise Unreachable(
            f"{self.node.http.name} is behind: its newest final block is {top.number}, {newest} has landed already; "
            "nothing was changed, try again when it has caught up"
        )

    def _is_of_another_fork(self, block: Block) -> bool:
        """Whether another block of the same number has landed: that shows a reorg."""
        return any(
            held.number == block.number and held.hash != block.hash
            for day, known in self.landing.files.certificates().items()
            if known.last_height is not None and (known.first_height or 0) <= block.number <= known.last_height
            for held in self._held(day)
        )

    def _reopen(self, days: Iterable[date]) -> None:
        """Days that the chain changed are open from here on, so that a crash cannot hide it."""
        for day in days:
            known = known_certificate(self.landing, day)
            if known is not None and known.is_closed:
                log.warning("the chain changed %s after it was final: it is open again and read anew", day)
                try:
                    self.landing.files.reopen(day)
                except DamagedDayFile as error:
                    log.warning("%s; put aside as %s", error, self.landing.files.put_aside(day).name)

    def _land(self, days: Sequence[date], top: Block, anew: set[date]) -> Iterator[Outcome]:
        sure = [c for day, c in self.landing.files.certificates().items() if day not in anew]
        starts = DayStarts(self.node, top, sure)
        for day, read in read_ahead(lambda day: self._read(day, starts, day in anew), days, self.node.http.stop):
            try:
                proved = read.result()
            except (ProofError, ApiError) as error:
                yield FailedDay(day, error)
                continue
            if proved is None:
                known = known_certificate(self.landing, day)
                assert known is not None  # nothing new was found for it
                self.landing.mark_checked([day], self.clock())
                yield Landed(known, fetched=False)
                continue
            self.landing.land([(proved.blocks, proved.certificate)])
            yield Landed(proved.certificate, fetched=True)

    def _read(self, day: date, starts: DayStarts, anew: bool) -> BlockDay | None:
        """The day as the chain has it now; None if it has landed up to the newest final block already."""
        known = None if anew else known_certificate(self.landing, day)
        if known is not None and starts.top.number <= known.tip:
            return None
        held = self._held(day) if known is not None else []
        try:
            return self._prove(day, starts, held)
        except ProofError as error:
            if not held:
                raise
            log.info("%s is read again: %s", day, error)
            return self._prove(day, starts, [])

    def _held(self, day: date) -> list[Block]:
        try:
            return self.landing.rows(day)
        except DamagedDayFile as error:
            log.warning("%s", error)
            return []

    def _prove(self, day: date, starts: DayStarts, held: Sequence[Block]) -> BlockDay:
        began, calls = time.monotonic(), self.node.calls
        first, above = starts.first_block(day), starts.first_block(day + DAY)
        is_over = above <= starts.top.number
        wanted = range(first + len(held), above)
        below = [first - 1] if first else []
        read = self.node.blocks([*below, *wanted, *([above] if is_over else [])], self.on_page)
        before = read.pop(0) if below else None
        after = read.pop() if is_over else None
        blocks = [*held, *read]
        prove_blocks(blocks, day, before, after)
        seconds = round(time.monotonic() - began, 3)
        return BlockDay(blocks, self._certify(day, blocks, starts.top, is_over, self.node.calls - calls, seconds))

    def _certify(
        self, day: date, blocks: Sequence[Block], top: Block, is_over: bool, calls: int, seconds: float
    ) -> Certificate:
        first, last = (blocks[0], blocks[-1]) if blocks else (None, None)
        return Certificate(
            dataset=BLOCKS,
            day=day,
            state="closed" if is_over else "open",
            proof=_PROOF,
            expected=last.number - first.number + 1 if first and last else 0,
            seen=len(blocks),
            published=len(blocks),
            left_out={},
            first_height=first.number if first else None,
            last_height=last.number if last else None,
            last_hash=last.hash if last else None,
            first_parent_hash=first.parent_hash if first else None,
            first_block_time=datetime.fromtimestamp(first.timestamp, UTC) if first else None,
            last_block_time=datetime.fromtimestamp(last.timestamp, UTC) if last else None,
            proved_to=last.number if last else top.number,
            tip_height=top.number,
            proved_at=self.clock().replace(microsecond=0),
            requests=calls,
            seconds=seconds,
            route="eth_getBlockByNumber",
            chain=self._chain,
        )


def open_blocks(project: Project) -> BlocksWalk:
    """The sync of blocks. Raises `SettingsError`."""
    node, store = project.ethereum_rpc(), project.store(BLOCKS)
    return BlocksWalk(node, store, project.folder, tip_age=project.settings.eth_tip_age)
