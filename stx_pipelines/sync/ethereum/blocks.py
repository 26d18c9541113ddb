"""The sync of Ethereum blocks. It reads each day up to the newest final block, and proves hashes and links."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.datasets import BLOCKS
from stx_pipelines.chains.days import DAY
from stx_pipelines.chains.errors import ProofError
from stx_pipelines.chains.ethereum import Block, Header
from stx_pipelines.chains.ethereum_proof import HASHED, judge_headers, prove_blocks
from stx_pipelines.clients.ethereum_rpc import EthereumRpc
from stx_pipelines.project import Project
from stx_pipelines.store.data_folder import DataFolder
from stx_pipelines.sync.daily import DaySync
from stx_pipelines.sync.ethereum.chain import DayStarts, block_of, changed_days, finalized, identify, misfits
from stx_pipelines.sync.outcome import Outcome, ProvedDay

log = logging.getLogger(__name__)

_ROUNDS = 3
_PROOF = "numbers without a gap, every block names the one before, the neighbours are of other days; "


@dataclass
class BlocksSync(DaySync[EthereumRpc, Block]):
    """The sync of Ethereum blocks. `folder` keeps the chain's identity.

    `confirmations` is for chains whose node names no finalized block, `first_day` for nodes without older blocks.
    """

    folder: DataFolder
    confirmations: int | None = None
    first_day: date | None = None
    _chain: str = field(default="", init=False)  # the chain's name in certificates
    _is_like_ethereum: bool = field(default=False, init=False)  # whether a header of this chain was ever hashed
    _reported: set[str] = field(default_factory=set, init=False)

    block_columns = ("number", "hash")

    def check_tip(self) -> bool:
        """Record the newest final block's time. Return whether today's stored day is behind or on another fork."""
        top, today = finalized(self.client, self.confirmations), self._newest_certificate()
        self._note_tip(top.timestamp)
        if today is None:
            return False
        moved = top.number != today.tip or today.last_hash not in {None, top.hash}
        if not moved and today.last_hash:
            self._mark_unmoved(today)
        return moved

    def _fetch(self, days: Sequence[date], *, force: bool) -> Iterator[Outcome]:
        identity = identify(self.client, self.folder, self.first_day)
        self._chain = identity.name
        stored = self.store.files.certificates()
        self._is_like_ethereum = any(known.last_height and is_hashed(known) for known in stored.values())
        top = finalized(self.client, self.confirmations)
        self._refuse_if_node_is_behind(top)
        seen = self._note_tip(top.timestamp)
        changed = changed_days(self.client, stored, top)
        self._open_again(changed)
        refused = self._refused({*days, *changed}, identity.first_day, seen)
        yield from refused
        wanted = {*days, *changed} - {failed.day for failed in refused}
        anew = wanted if force else set(changed)
        for _ in range(_ROUNDS):
            yield from self._read_and_store(sorted(wanted, reverse=True), top, anew)
            # Only when two neighbouring days are both stored can they be compared.
            wanted = anew = set(misfits(self.store.files.certificates()))
            if not wanted:
                return
            self._open_again(wanted)
            top = finalized(self.client, self.confirmations)

    def _refuse_if_node_is_behind(self, top: Block) -> None:
        newest = max((known.last_height or 0 for known in self.store.files.certificates().values()), default=0)
        if newest > top.number and not block_of(self.client, newest):
            self._refuse_if_behind(top.number, top.hash, newest, noun="newest final block")

    def _open_again(self, days: Iterable[date]) -> None:
        """Mark changed days as open. A damaged file is put aside, so that its day counts as missing."""
        for day in self._reopen(days):
            log.warning("the file of %s is put aside as %s", day, self.store.files.put_aside(day).name)

    def _read_and_store(self, days: Sequence[date], top: Block, anew: set[date]) -> Iterator[Outcome]:
        sure = [known for day, known in self.store.files.certificates().items() if day not in anew]
        starts = DayStarts(self.client, top, sure, self.first_day)
        return self._store_each(days, lambda day: self._read(day, starts, day in anew))

    def _read(self, day: date, starts: DayStarts, anew: bool) -> ProvedDay[Block] | None:
        """Read and prove the day. Return None if the day is already stored up to the newest final block."""
        known = None if anew else self.certificate(day)
        if known is not None and starts.top.number <= known.tip:
            return None
        # Rows of an earlier version lack columns, and their headers were not hashed.
        held = self._stored_rows(day) if known is not None and known.proof.startswith(_PROOF) else []
        hashing = known.proof.removeprefix(_PROOF) if known is not None and held else HASHED
        try:
            return self._prove(day, starts, held, hashing)
        except ProofError as error:
            if not held:
                raise
            log.info("%s is read again: %s", day, error)
            return self._prove(day, starts, [], HASHED)

    def _prove(self, day: date, starts: DayStarts, held: Sequence[Block], hashing: str) -> ProvedDay[Block]:
        """Read the blocks of the day that are not in `held`, and prove all blocks of the day.

        `hashing` is the certificate's remark on how the headers of `held` were proved.
        """
        began, calls = time.monotonic(), self.client.calls
        first, above = starts.first_block(day), starts.first_block(day + DAY)
        is_over = above <= starts.top.number
        wanted = range(first + len(held), above)
        below = [first - 1] if first else []
        headers = self.client.headers([*below, *wanted, *([above] if is_over else [])], self.on_page)
        read = [header.block for header in headers]
        before = read.pop(0) if below else None
        after = read.pop() if is_over else None
        blocks = [*held, *read]
        prove_blocks(blocks, day, before, after)
        of_read = self._judge(day, headers)
        hashing = of_read if hashing == HASHED else hashing
        seconds = round(time.monotonic() - began, 3)
        certificate = self._certify(day, blocks, starts.top, is_over, self.client.calls - calls, seconds, hashing)
        return ProvedDay(blocks, certificate)

    def _judge(self, day: date, headers: Sequence[Header]) -> str:
        """Return whether the headers were hashed, or why some are only linked. Log each reason once per sync."""
        hashing = judge_headers(headers, is_like_ethereum=self._is_like_ethereum)
        self._report_large([header.block for header in headers])
        self._is_like_ethereum |= any(header.is_hashed for header in headers if header.block.number)
        why = hashing.partition("(")[2]
        if hashing != HASHED and why not in self._reported:
            self._reported.add(why)
            log.warning("%s: %s; balances of such blocks are not proved", day, hashing)
        return hashing

    def _report_large(self, blocks: Sequence[Block]) -> None:
        for block in blocks:
            # Each block has a gas limit; one whose nonce is known has a difficulty.
            large = {"gas_limit": block.gas_limit is None, "difficulty": block.nonce and block.difficulty is None}
            for column in {name for name, is_large in large.items() if is_large} - self._reported:
                self._reported.add(column)
                sentence = "block %d: its %s does not fit into 63 bits, so it is NULL (as in other such blocks)"
                log.warning(sentence, block.number, column)

    def _certify(
        self, day: date, blocks: Sequence[Block], top: Block, is_over: bool, calls: int, seconds: float, hashing: str
    ) -> Certificate:
        first, last = (blocks[0], blocks[-1]) if blocks else (None, None)
        return Certificate(
            dataset=BLOCKS,
            day=day,
            state="closed" if is_over else "open",
            proof=_PROOF + hashing,
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


def is_hashed(of_blocks: Certificate) -> bool:
    """Return whether every header of a stored day of blocks was hashed."""
    return of_blocks.proof == _PROOF + HASHED


def open_blocks(project: Project) -> BlocksSync:
    """Open the sync of blocks. Raises `SettingsError`."""
    settings = project.settings
    return BlocksSync(
        project.ethereum_rpc(),
        project.store(BLOCKS),
        project.folder,
        confirmations=settings.eth_confirmations,
        first_day=settings.eth_first_day,
        tip_age=settings.eth_tip_age,
    )
