"""Days of `miners_balance`: what each block of a landed day did to its fee recipient, read and proved."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import NamedTuple

import msgspec

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.errors import ProofError
from stx_pipelines.chains.ethereum import BalanceChange, BalanceKey, Block, balance_changes, balance_keys
from stx_pipelines.chains.ethereum_proof import prove_balances
from stx_pipelines.sources.errors import ApiError, NoState
from stx_pipelines.sources.ethereum_rpc import EthereumRpc
from stx_pipelines.store import ethereum_rows
from stx_pipelines.store.days import DamagedDayFile
from stx_pipelines.sync import homeward
from stx_pipelines.sync.ahead import read_ahead
from stx_pipelines.sync.dataset_names import BALANCES
from stx_pipelines.sync.ethereum_blocks import BlocksWalk
from stx_pipelines.sync.ethereum_chain import identify
from stx_pipelines.sync.homeward import count_failure, known_certificate
from stx_pipelines.sync.land import Landing
from stx_pipelines.sync.outcome import FailedDay, Landed, Outcome
from stx_pipelines.sync.read import OnPage

log = logging.getLogger(__name__)

_TRIES = 3
_PROOF = "one row per block of the day, increases and neighbouring balances agree, the day's last hash stood afterwards"


class BlocksAwaited(ApiError):
    """A day whose blocks have not landed: nothing is wrong with it, so it does not count as a try."""


class BalanceDay(NamedTuple):
    """A day's proved rows, the blocks they belong to, and the certificate that says what they rest on."""

    changes: list[BalanceChange]
    blocks: list[Block]
    certificate: Certificate


@dataclass
class BalancesWalk:
    """Brings days of balances home, from `node` through the proof to `landing`, for the days that `blocks` landed."""

    node: EthereumRpc
    landing: Landing[BalanceChange]
    blocks: BlocksWalk
    on_page: OnPage = lambda _: None
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    _no_state: NoState | None = field(default=None, init=False)
    _no_state_below: int = field(default=0, init=False)

    def bring_home(self, days: Iterable[date], *, force: bool = False) -> Iterator[Outcome]:
        """Each day as it lands, newest first. `force` reads the days again even where they are closed.

        Failed days are told apart from landed ones and do not stop the others. Raises `WrongChain`, the errors of
        `EthereumRpc` while the chain is compared, and `StoreError`.
        """
        return homeward.bring_home(
            self.landing,
            days,
            closed=lambda day: None if force else self._closed(day),
            fetch=lambda rest: self._fetch(rest, force),
            remember=self._remember,
        )

    def _closed(self, day: date) -> Certificate | None:
        known = known_certificate(self.landing, day)
        return known if known and known.is_closed and known.is_of_same_blocks(self._of_blocks(day)) else None

    def _of_blocks(self, day: date) -> Certificate | None:
        return known_certificate(self.blocks.landing, day)

    def _remember(self, failed: FailedDay) -> None:
        if not isinstance(failed.error, BlocksAwaited):
            count_failure(self.landing, failed, lambda: self.node.block("latest"), self.clock())

    def _fetch(self, days: Sequence[date], force: bool) -> Iterator[Outcome]:
        identify(self.node, self.blocks.data_folder)
        self._seek_state(days)
        for day, read in read_ahead(lambda day: self._read(day, force), days, self.node.http.stop):
            try:
                proved = self._unless_changed(day, read.result(), force)
            except (ProofError, ApiError) as error:
                yield FailedDay(day, error)
                continue
            if proved is None:
                known = known_certificate(self.landing, day)
                assert known is not None  # its rows were found to be those of the present blocks
                self.landing.mark_checked([day], self.clock())
                yield Landed(known, fetched=False)
                continue
            self.landing.land([(proved.changes, proved.certificate)])
            yield Landed(proved.certificate, fetched=True)

    def _seek_state(self, days: Sequence[date]) -> None:
        """Find out at once, with the oldest block wanted, whether the node has the state to answer."""
        known = [c for day in days if (c := self._of_blocks(day)) and c.first_height is not None]
        oldest = min((c.first_height or 0 for c in known), default=0)
        try:
            if oldest > 1:
                self.node.balances([BalanceKey("0x" + "0" * 40, oldest - 1)])
        except NoState as error:
            newest = max(c.last_height or 0 for c in known)
            self._no_state_below = self.node.first_state(oldest - 1, newest)
            self._no_state = NoState(
                f"this node keeps no state before block {self._no_state_below}: use an archive node ({error})"
            )
            log.warning("%s", self._no_state)

    def _read(self, day: date, force: bool) -> BalanceDay | None:
        """The day's rows; None if they are here for all blocks that have landed."""
        began, calls = time.monotonic(), self.node.calls
        of_blocks = self._of_blocks(day)
        if of_blocks is None:
            raise BlocksAwaited(f"the blocks of {day} have not landed yet; its balances are read after them")
        known = None if force else known_certificate(self.landing, day)
        if known is not None and known.is_of_same_blocks(of_blocks) and known.state == of_blocks.state:
            return None
        if self._no_state is not None and (of_blocks.first_height or 0) <= self._no_state_below:
            raise self._no_state
        blocks = ethereum_rows.blocks_from_arrow(self.blocks.landing.files.read(day))
        changes = self._changes(blocks, self._held(day) if known is not None else {})
        prove_balances(changes, blocks)
        seconds = round(time.monotonic() - began, 3)
        certificate = self._certify(of_blocks, changes, self.node.calls - calls, seconds)
        return BalanceDay(changes, blocks, certificate)

    def _changes(self, blocks: Sequence[Block], held: dict[str, BalanceChange]) -> list[BalanceChange]:
        """One row per block: what is held of this very block, and the rest read."""
        missing = [block for block in blocks if block.hash not in held]
        read = balance_changes(missing, self.node.balances(balance_keys(missing), self.on_page))
        by_hash = held | {change.block_hash: change for change in read}
        return [by_hash[block.hash] for block in blocks if block.number > 0]

    def _held(self, day: date) -> dict[str, BalanceChange]:
        try:
            rows = ethereum_rows.balances_from_arrow(self.landing.files.read(day))
        except DamagedDayFile as error:
            log.warning("%s", error)
            return {}
        return {change.block_hash: change for change in rows}

    def _unless_changed(self, day: date, read: BalanceDay | None, force: bool) -> BalanceDay | None:
        """Balances are asked for by number: see that the numbers still mean the same blocks, or read the day again."""
        for _ in range(_TRIES):
            if read is None or self._still_stands(read.blocks):
                return read
            log.info("the chain changed while the balances of %s were read; reading its blocks again", day)
            for outcome in self.blocks.bring_home([day], force=True):
                if isinstance(outcome, FailedDay) and outcome.day == day:
                    raise outcome.error
            read = self._read(day, force)
        raise ProofError(f"the chain kept changing while the balances of {day} were read; the next sync tries again")

    def _still_stands(self, blocks: Sequence[Block]) -> bool:
        # Every block names the hash of the one before: the last hash is the same only if all are.
        if not blocks:
            return True
        last = self.node.block(blocks[-1].number)
        return last is not None and last.hash == blocks[-1].hash

    def _certify(
        self, of_blocks: Certificate, changes: Sequence[BalanceChange], calls: int, seconds: float
    ) -> Certificate:
        return msgspec.structs.replace(
            of_blocks,
            dataset=BALANCES,
            proof=_PROOF,
            expected=of_blocks.seen - (of_blocks.first_height == 0),
            seen=len(changes),
            published=len(changes),
            proved_at=self.clock().replace(microsecond=0),
            requests=calls,
            seconds=seconds,
            route="eth_getBalance",
        )
