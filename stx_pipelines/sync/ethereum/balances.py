"""The sync of `miners_balance`: the change of the fee recipient's balance in each block of a stored day."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import msgspec

from stx_pipelines.chains.balance_proof import (
    doubtful,
    judge_zeros,
    looks_stateless,
    oldest_balances,
    prove_balances,
    prove_repeated,
    refuse_newest_state,
)
from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.datasets import BALANCES, BLOCKS, DATASETS
from stx_pipelines.chains.errors import ProofError
from stx_pipelines.chains.ethereum import BalanceChange, BalanceKey, Block, balance_changes, balance_keys
from stx_pipelines.chains.ethereum_proof import NOBODY
from stx_pipelines.clients.errors import NoState, Unreachable
from stx_pipelines.clients.ethereum_rpc import EthereumRpc
from stx_pipelines.project import Project
from stx_pipelines.store.arrow import from_arrow
from stx_pipelines.store.dataset_store import DatasetStore
from stx_pipelines.store.day_files import DamagedDayFile
from stx_pipelines.sync.daily import DaySync
from stx_pipelines.sync.ethereum.account_proofs import AccountProofs
from stx_pipelines.sync.ethereum.blocks import BlocksSync, open_blocks
from stx_pipelines.sync.ethereum.chain import block_of, identify
from stx_pipelines.sync.outcome import FailedDay, NotNow, Outcome, ProvedDay

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)

_TRIES = 3
_ASKED_AGAIN = 20  # blocks whose balances are requested again
_FEW_RECIPIENTS = 3
_NEEDED = {"state_root", "withdrawals_gwei"}  # besides the columns of the first version
_PROOF = "one row per block of the day, increases and neighbouring balances agree, the day's last hash stood afterwards"


class BlocksAwaited(NotNow):
    """The day's blocks are not stored yet."""


@dataclass
class BalancesSync(DaySync[EthereumRpc, BalanceChange]):
    """The sync of the fee recipients' balances, for the days that `blocks` stored.

    If `zeros_allowed` is true, a day on which no balance changed is accepted.
    """

    blocks: BlocksSync
    zeros_allowed: bool = False
    proofs: AccountProofs = field(init=False)
    _state_from: int = field(default=0, init=False)  # the node has no state of earlier blocks

    def __post_init__(self) -> None:
        self.proofs = AccountProofs(self.client)

    @property
    def made_from(self) -> DatasetStore[Block]:
        """The store of the blocks."""
        return self.blocks.store

    def _fetch(self, days: Sequence[date], *, force: bool) -> Iterator[Outcome]:
        identify(self.client, self.blocks.folder, self.blocks.first_day)
        certificates = [known for day in days if (known := self._source(day))]
        self._look_before([known for known in certificates if not self._is_up_to_date(known, force)])
        yield from self._store_each(
            days,
            read=lambda day: self._read(day, force),
            confirm=lambda day, proved: self._unless_changed(day, proved, force),
        )

    def _is_up_to_date(self, of_blocks: Certificate, force: bool) -> bool:
        known = None if force else self.certificate(of_blocks.day)
        return known is not None and known.is_of_same_blocks(of_blocks) and known.state == of_blocks.state

    def _look_before(self, wanted: Sequence[Certificate]) -> None:
        """Check first that the node has the newest wanted block, and the state of the oldest one.

        Raise `Unreachable` if the node lacks the block. If it lacks the state, set `_state_from` and log a warning.
        """
        heights = [height for c in wanted for height in (c.first_height, c.last_height) if height is not None]
        self._state_from = 0
        if not heights:
            return
        if block_of(self.client, max(heights)) is None:
            raise Unreachable(
                f"{self.client.http.name} is behind: it does not have block {max(heights)}, which is stored here; "
                "nothing was changed, try again when it has caught up"
            )
        oldest = max(0, min(heights) - 1)
        try:
            self.client.balances([BalanceKey(NOBODY, oldest)])
        except NoState:
            self._state_from = self.client.first_state(oldest, max(heights))
            if self._state_from > oldest:
                log.warning("%s", self._no_state())

    def _no_state(self) -> NoState:
        return NoState(f"this node keeps no state before block {self._state_from}: use an archive node")

    def _balances(self, keys: Sequence[BalanceKey]) -> dict[BalanceKey, int]:
        """Return the balance of each key in Wei. The keys must be in the order of their blocks. Raises `NoState`."""
        if not keys:
            return {}
        oldest, newest = keys[0].number, keys[-1].number
        if oldest < self._state_from:
            raise self._no_state()
        try:
            return self.client.balances(keys, self.on_page)
        except NoState as error:
            # The node may have dropped the state since the check at the beginning.
            state_from = self.client.first_state(oldest, newest)
            if state_from == oldest:
                raise  # not because of age; perhaps one of several nodes at this address
            self._state_from = state_from
            raise self._no_state() from error

    def _read(self, day: date, force: bool) -> ProvedDay[BalanceChange] | None:
        """Read and prove the day's rows. Return None if the stored rows cover all stored blocks."""
        began, calls = time.monotonic(), self.client.calls
        if (known := self._source(day)) and self._is_up_to_date(known, force):
            return None
        of_blocks, blocks = self._stored_blocks(day)
        held = {} if force else self._held(day)
        changes = self._changes(blocks, held)
        prove_balances(changes, blocks)
        is_news = any(change.block_hash not in held for change in changes)
        remarks = self._judge(day, of_blocks, blocks, changes, is_news=is_news)
        seconds = round(time.monotonic() - began, 3)
        certificate = self._certify(of_blocks, changes, self.client.calls - calls, seconds)
        return ProvedDay(changes, msgspec.structs.replace(certificate, proof="; ".join([_PROOF, *remarks])))

    def _judge(
        self,
        day: date,
        of_blocks: Certificate,
        blocks: Sequence[Block],
        changes: Sequence[BalanceChange],
        *,
        is_news: bool,
    ) -> list[str]:
        """Prove a sample of the balances. If none was proved, judge the day as a whole. Return remarks to certify."""
        try:
            proved, remark = self.proofs.prove(of_blocks, blocks, changes)
        except ProofError:
            if self._still_stands(of_blocks):
                raise
            return []  # the chain changed, so the day is read again before it is stored
        if proved:
            return [remark]
        if zeros := judge_zeros(changes, allowed=self.zeros_allowed):
            log.warning("the balances of %s: %s", day, zeros)
        elif is_news and not self.zeros_allowed:
            self._refuse_newest_state(changes)
        return [remark, *([zeros] if zeros else [])]

    def _refuse_newest_state(self, changes: Sequence[BalanceChange]) -> None:
        oldest = oldest_balances(changes)
        newest = self.client.block("latest") if oldest else None
        if newest is None:
            return
        few = dict(list(oldest.items())[:_FEW_RECIPIENTS])  # an archive node differs in at least one of them
        for part in (few, oldest):
            keys = [BalanceKey(address, newest.number) for address in part]
            found = {key.address: wei for key, wei in self.client.balances(keys).items()}
            if found != part:
                return
        refuse_newest_state(oldest, found)

    def _stored_blocks(self, day: date) -> tuple[Certificate, list[Block]]:
        """Return the certificate of a day's blocks, and the blocks. Raises `BlocksAwaited` if they are not stored."""
        awaited = BlocksAwaited(f"the blocks of {day} are not stored yet; the day's balances are read after its blocks")
        files = self.blocks.store.files
        try:
            for _ in range(_TRIES):
                of_blocks = self._source(day)
                if of_blocks is None:
                    raise awaited
                blocks = from_arrow(DATASETS[BLOCKS], _needed(files.read(day)))
                # Another process may have stored the day again in between.
                if self._source(day) == of_blocks:
                    return of_blocks, blocks
        except DamagedDayFile as error:
            log.warning("%s; put aside as %s", error, files.put_aside(day).name)
        raise awaited

    def _changes(self, blocks: Sequence[Block], held: dict[str, BalanceChange]) -> list[BalanceChange]:
        """Return one row per block. Rows held for the same block hash are reused, and the other rows are read."""
        missing = [block for block in blocks if block.hash not in held]
        read = balance_changes(missing, self._balances(balance_keys(missing)))
        self._ask_again(doubtful(read)[:_ASKED_AGAIN])
        by_hash = held | {change.block_hash: change for change in read}
        return [by_hash[block.hash] for block in blocks if block.number > 0]

    def _ask_again(self, changes: Sequence[BalanceChange]) -> None:
        numbers = [(change.miner, change.block_number) for change in changes]
        keys = [BalanceKey(miner, which) for miner, number in numbers for which in (number - 1, number)]
        prove_repeated(changes, self._balances(keys))

    def _held(self, day: date) -> dict[str, BalanceChange]:
        known = self.certificate(day)
        if known is None or DATASETS[BALANCES].lacks_columns(known):
            return {}
        rows = self._stored_rows(day)
        if looks_stateless(rows) and not self.zeros_allowed:
            return {}  # These rows may come from a node without old states. They must not be reused.
        return {change.block_hash: change for change in rows}

    def _unless_changed(
        self, day: date, read: ProvedDay[BalanceChange] | None, force: bool
    ) -> ProvedDay[BalanceChange] | None:
        """Return the day if the chain still has its blocks, otherwise read the day again.

        Balances are requested by block number, and a reorg changes the blocks at these numbers.
        """
        for _ in range(_TRIES):
            if read is None or self._still_stands(read.certificate):
                return read
            log.info("the chain changed while the balances of %s were read; reading its blocks again", day)
            # Consume the whole sync, because a sync that is left early stops its client.
            for outcome in list(self.blocks.sync([day], force=True)):
                if isinstance(outcome, FailedDay) and outcome.day == day:
                    raise outcome.error
            read = self._read(day, force)
        raise ProofError(f"the chain kept changing while the balances of {day} were read; the next sync tries again")

    def _still_stands(self, known: Certificate) -> bool:
        # Every block contains the hash of the block before, so the last hash is the same only if all hashes are.
        if known.last_height is None:
            return True
        last = block_of(self.client, known.last_height)
        return last is not None and last.hash == known.last_hash

    def _certify(
        self, of_blocks: Certificate, changes: Sequence[BalanceChange], calls: int, seconds: float
    ) -> Certificate:
        return msgspec.structs.replace(
            of_blocks,
            dataset=BALANCES,
            proof=_PROOF,
            expected=of_blocks.seen - (of_blocks.first_height == 0),
            first_block_time=datetime.fromtimestamp(changes[0].block_time, UTC) if changes else None,
            last_block_time=datetime.fromtimestamp(changes[-1].block_time, UTC) if changes else None,
            seen=len(changes),
            published=len(changes),
            proved_at=self.clock().replace(microsecond=0),
            requests=calls,
            seconds=seconds,
            route="eth_getBalance",
        )


def _needed(blocks: pa.Table) -> pa.Table:
    """Leave out the columns of a day of blocks that its balances do not need."""
    unneeded = [column.name for column in DATASETS[BLOCKS].columns if column.added and column.name not in _NEEDED]
    return blocks.drop_columns([name for name in unneeded if name in blocks.column_names])


def open_balances(project: Project) -> BalancesSync:
    """Open the sync of the fee recipients' balances. Raises `SettingsError`."""
    settings = project.settings
    allowed = settings.eth_zero_increases == "allow"
    sync = BalancesSync(project.ethereum_rpc(), project.store(BALANCES), open_blocks(project), zeros_allowed=allowed)
    sync.proofs.pairs = settings.eth_proof_pairs
    return sync
