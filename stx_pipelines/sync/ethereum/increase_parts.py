"""The sync of `increase_parts`: what each increase of a stored day of `miners_balance` is made of."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

import msgspec

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.datasets import BALANCES, PARTS
from stx_pipelines.chains.ethereum import BalanceChange
from stx_pipelines.chains.increase_parts import IncreaseParts, parts_of, prove_parts
from stx_pipelines.clients.ethereum_bodies import Bodies
from stx_pipelines.clients.ethereum_rpc import EthereumRpc
from stx_pipelines.project import Project
from stx_pipelines.store.data_folder import DataFolder
from stx_pipelines.store.dataset_store import DatasetStore
from stx_pipelines.store.day_files import DamagedDayFile
from stx_pipelines.sync.daily import DaySync
from stx_pipelines.sync.ethereum.balances import BlocksAwaited
from stx_pipelines.sync.ethereum.chain import identify
from stx_pipelines.sync.outcome import OnPage, Outcome, ProvedDay

log = logging.getLogger(__name__)

_PROOF = "one row per block of miners_balance, parts and rest are its increase"


class OtherBlock(BlocksAwaited):
    """The node has another block than the stored one. Its day is read again first."""


@dataclass
class PartsSync(DaySync[EthereumRpc, IncreaseParts]):
    """The sync of the parts of increases, for the days that are stored in `balances`.

    `folder` keeps the chain's identity, `first_day` is for nodes without older blocks.
    """

    balances: DatasetStore[BalanceChange]
    folder: DataFolder
    first_day: date | None = None
    bodies: Bodies = field(init=False)

    def __post_init__(self) -> None:
        self.bodies = Bodies(self.client)

    @property
    def made_from(self) -> DatasetStore[BalanceChange]:
        """The store of the balances."""
        return self.balances

    def _fetch(self, days: Sequence[date], *, force: bool) -> Iterator[Outcome]:
        identify(self.client, self.folder, self.first_day)
        yield from self._store_each(days, lambda day: self._read(day, force))

    def _read(self, day: date, force: bool) -> ProvedDay[IncreaseParts] | None:
        """Read and prove the day's rows. Return None if the stored rows cover all stored balances."""
        began, calls = time.monotonic(), self.client.calls
        of_balances, changes = self._stored_balances(day)
        known = None if force else self.certificate(day)
        if known and known.is_of_same_blocks(of_balances) and known.state == of_balances.state:
            return None
        held = self._held(day, known, changes) if known else {}
        read = read_parts(self.bodies, [each for each in changes if each.block_number not in held], self.on_page)
        rows = [held.get(each.block_number) or read[each.block_number] for each in changes]
        prove_parts(rows, changes)
        certificate = msgspec.structs.replace(
            of_balances,
            dataset=PARTS,
            proof=f"{_PROOF}; {_remark(rows)}",
            expected=of_balances.seen,
            seen=len(rows),
            published=len(rows),
            proved_at=self.clock().replace(microsecond=0),
            requests=self.client.calls - calls,
            seconds=round(time.monotonic() - began, 3),
            route="eth_getBlockReceipts",
        )
        return ProvedDay(rows, certificate)

    def _held(self, day: date, known: Certificate, changes: Sequence[BalanceChange]) -> dict[int, IncreaseParts]:
        """Return the stored rows of the day by number, unless the chain below them changed.

        Every block contains the hash of the block before, so it is enough to compare the last one.
        """
        hashes = {each.block_number: each.block_hash for each in changes}
        if known.last_height is None or hashes.get(known.last_height) != known.last_hash:
            return {}
        return {row.block_number: row for row in self._stored_rows(day)}

    def _stored_balances(self, day: date) -> tuple[Certificate, list[BalanceChange]]:
        """Return the certificate and the rows of a day of balances. Raises `BlocksAwaited` without them."""
        awaited = BlocksAwaited(f"the balances of {day} are not stored yet; the day's parts are read after them")
        known = self._source(day)
        if known is None:
            raise awaited
        try:
            changes = self.balances.rows(day)
        except DamagedDayFile as error:
            log.warning("%s", error)
            raise awaited from error
        # Another process may have stored the day again in between.
        if self._source(day) != known:
            raise awaited
        return known, sorted(changes)


def read_parts(
    bodies: Bodies, changes: Sequence[BalanceChange], on_page: OnPage = lambda _: None
) -> dict[int, IncreaseParts]:
    """Return the parts of these changes by block number. Raises `OtherBlock`, `ProofError` and the client's errors.

    Only some blocks are read at a time, because a block with its receipts has about 1 MB.
    """
    found = {}
    for start in range(0, len(changes), bodies.at_once):
        some = changes[start : start + bodies.at_once]
        read = bodies.read([each.block_number for each in some])
        for change, (body, receipts) in zip(some, read, strict=True):
            if body.header.block.hash != change.block_hash:
                raise OtherBlock(
                    f"block {change.block_number} of the node is not the stored one; the next sync reads the day's "
                    "blocks again, then its parts"
                )
            found[change.block_number] = parts_of(change, body, receipts)
        on_page(len(some))
    return found


def _remark(rows: Sequence[IncreaseParts]) -> str:
    """Return how many rows are proved by roots, and how many have a negative rest."""
    proved, negative = sum(row.is_proved for row in rows), sum(row.rest_wei < 0 for row in rows)
    return f"parts of {proved} of {len(rows)} blocks proved by the roots of hashed headers; {negative} negative rests"


def open_parts(project: Project) -> PartsSync:
    """Open the sync of the parts of increases. Raises `SettingsError`."""
    return PartsSync(
        project.ethereum_rpc(),
        project.store(PARTS),
        project.store(BALANCES),
        project.folder,
        first_day=project.settings.eth_first_day,
    )
