"""Functions that identify a node's chain, and find the first blocks of days and the stored days that changed."""

from __future__ import annotations

import logging
import re
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.days import DAY, day_of, window
from stx_pipelines.chains.ethereum import Block
from stx_pipelines.clients.errors import ApiError
from stx_pipelines.clients.ethereum_calls import Tag
from stx_pipelines.clients.ethereum_rpc import EthereumRpc
from stx_pipelines.store.data_folder import DataFolder
from stx_pipelines.store.identity import EthereumIdentity, keep_identity, known_ethereum
from stx_pipelines.sync.outcome import WrongChain

log = logging.getLogger(__name__)

_UNKNOWN_TAG = re.compile(
    r"\(-32602\)|HTTP 400|\binvalid (argument|params?|block)\b|hex string|0x prefix", re.IGNORECASE
)
_STRIDE = 8_192  # blocks; a little more than a day of 12-second slots
_PROBES = 32  # headers read at once while searching the first block of a day


def identify(node: EthereumRpc, folder: DataFolder, first_day: date | None = None) -> EthereumIdentity:
    """Return the identity of the data folder's chain. Read it from the node and save it at the first use.

    `first_day` is the first day of a node that no longer has the blocks before this day (EIP-4444). Raises `WrongChain`
    if the node serves another chain or does not have block 0.
    """
    chain_id, genesis, known = node.chain_id(), block_of(node, 0), known_ethereum(folder)
    if genesis is None:
        raise WrongChain(
            f"{node.http.name} does not have block 0 of its chain, so the chain cannot be told from others"
        )
    if known is None:
        return _read_first_day(node, folder, genesis, chain_id, first_day)
    asked = EthereumIdentity(chain_id, genesis.hash, known.first_day)
    if (known.chain_id, known.genesis_hash) != (asked.chain_id, asked.genesis_hash):
        raise WrongChain(
            f"{node.http.name} serves the chain {_shown(asked)}, but {folder.path} holds {_shown(known)}: "
            "set STX_DATA_DIR to another folder"
        )
    return _read_first_day(node, folder, genesis, chain_id, first_day or known.first_day) if known.is_given else known


def _read_first_day(
    node: EthereumRpc, folder: DataFolder, genesis: Block, chain_id: int, first_day: date | None
) -> EthereumIdentity:
    """Return the identity with the day of block 1, or with `first_day` if the node lacks block 1, and save it."""
    first = block_of(node, 1)
    began = day_of(first.timestamp) if first else first_day
    found = EthereumIdentity(chain_id, genesis.hash, began or day_of(genesis.timestamp), is_given=first is None)
    if began is not None:  # without block 1, the first day is not known yet
        keep_identity(folder, found)
    return found


def block_of(node: EthereumRpc, which: int | Tag) -> Block | None:
    """Return a block; None if the node reports twice that it does not have the block."""
    return node.block(which) or node.block(which)


def _shown(identity: EthereumIdentity) -> str:
    return f"{identity.chain_id} (genesis {identity.genesis_hash[:12]}...)"


def finalized(node: EthereumRpc, confirmations: int | None = None) -> Block:
    """Return the newest final block. Raises `ApiError` if no block except block 0 is final.

    If the node names no finalized block, the block `confirmations` below the newest block is final.
    """
    block = _named_final(node)
    if block is not None and block.number > 0:
        return block
    if confirmations is None:
        raise ApiError(
            f"{node.http.name} names no finalized block: it may still be syncing, try again later; for a chain that "
            "has none, set ETH_CONFIRMATIONS to the number of newer blocks that make a block final"
        )
    newest = block_of(node, "latest")
    number = newest.number - confirmations if newest else 0
    final = block_of(node, number) if number > 0 else None
    if final is None:
        raise ApiError(
            f"{node.http.name} names no finalized block, and has no block with ETH_CONFIRMATIONS={confirmations} newer "
            "ones: try again later"
        )
    return final


def _named_final(node: EthereumRpc) -> Block | None:
    try:
        return block_of(node, "finalized")
    except ApiError as error:
        if type(error) is ApiError and _UNKNOWN_TAG.search(str(error)):
            return None  # a node that takes numbers only
        raise


@dataclass
class DayStarts:
    """The first block of each day, found by reading headers of blocks up to `top`.

    Each result is kept. The certificates of `stored` days give the first block of their own day and of the next day
    without a request. `oldest` is the first day of a node that no longer has the blocks before this day. Blocks that
    the node lacks count as older than that day, and no block before it is requested for a later day.
    """

    node: EthereumRpc
    top: Block
    stored: Iterable[Certificate] = ()
    oldest: date | None = None
    _known: dict[date, int] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        for certificate in self.stored:
            if certificate.first_height is not None:
                self._known[certificate.day] = certificate.first_height
            if certificate.last_height is not None and certificate.is_closed:
                self._known[certificate.day + DAY] = certificate.last_height + 1

    def first_block(self, day: date) -> int:
        """Return the number of the first block of the day or later; `top.number + 1` if there is none."""
        if day not in self._known:
            self._known[day] = self._find(day)
        # A stored day may start above `top`, because the newest final block can move back.
        return min(self._known[day], self.top.number + 1)

    def _find(self, day: date) -> int:
        start, _ = window(day)
        if self.top.timestamp < start:
            return self.top.number + 1
        if self.oldest and day > self.oldest:
            self.first_block(self.oldest)  # the floor of the search
        lo, hi = self._bounds(day, start)
        if day == self.oldest:
            return lo + bisect_left(range(lo, hi + 1), start, key=self._time)
        while lo <= hi:
            probes = range(lo, hi + 1, max(1, (hi - lo + 1) // _PROBES))
            at = bisect_left([block.timestamp for block in self.node.blocks(probes)], start)
            lo, hi = (probes[at - 1] + 1 if at else lo), (probes[at] - 1 if at < len(probes) else hi)
        return lo

    def _bounds(self, day: date, start: int) -> tuple[int, int]:
        """Return the lowest and the highest block number to search, from the known days before and after the day.

        The lowest number is found by doubling steps down from the highest, because some nodes no longer have blocks
        that are much older than the day.
        """
        floor = max((known for other, known in self._known.items() if other < day), default=0)
        hi = min([self.top.number, *(known for other, known in self._known.items() if other > day)])
        stride = _STRIDE
        while (lo := hi - stride) > floor and self._time(lo) >= start:
            hi, stride = lo, stride * 2
        return max(lo, floor), hi

    def _time(self, number: int) -> int:
        """Return the time of a block; -1 if the node lacks the block, which may be too old for it."""
        if self.oldest is None:
            return self.node.blocks([number])[0].timestamp
        block = block_of(self.node, number)
        return block.timestamp if block else -1


def changed_days(node: EthereumRpc, stored: Mapping[date, Certificate], top: Block) -> list[date]:
    """Return the stored days that a reorg changed, newest first.

    A block's hash covers all blocks before it, so one request is enough for a run of linked days that did not change. A
    day without blocks has no hash. It counts as changed if the nearest day with blocks, before or after it, changed.
    """
    changed: set[date] = set()
    for linked in _linked_runs(stored):
        for certificate in linked:
            if _is_still_there(node, certificate, top):
                break
            changed.add(certificate.day)
    return sorted(changed | _empty_beside(changed, stored), reverse=True)


def _empty_beside(changed: Collection[date], stored: Mapping[date, Certificate]) -> set[date]:
    """Return the days without blocks for which the nearest day with blocks, before or after, is in `changed`."""
    beside: set[date] = set()
    for order in (sorted(stored), sorted(stored, reverse=True)):
        follows_changed = False
        for day in order:
            if stored[day].last_height is not None:
                follows_changed = day in changed
            elif follows_changed:
                beside.add(day)
    return beside


def _is_still_there(node: EthereumRpc, certificate: Certificate, top: Block) -> bool:
    height = certificate.last_height
    if height is None:
        return False
    block = top if height == top.number else block_of(node, height)
    if block is None and height <= top.number:
        log.warning("%s no longer has block %d: %s is taken to be unchanged", node.http.name, height, certificate.day)
        return True  # the chain is longer, so it has a block at this height, and only this node lacks it
    return block is not None and block.hash == certificate.last_hash


def _linked_runs(stored: Mapping[date, Certificate]) -> Iterator[list[Certificate]]:
    """Yield runs of linked days with blocks, newest first. A run ends where the next older day is not linked."""
    run: list[Certificate] = []
    for day in sorted(stored, reverse=True):
        certificate = stored[day]
        if certificate.last_height is None:
            continue
        if run and not _follows(run[-1], certificate):
            yield run
            run = []
        run.append(certificate)
    if run:
        yield run


def _follows(newer: Certificate, older: Certificate) -> bool:
    return newer.day - older.day == DAY and newer.first_parent_hash == older.last_hash


def misfits(stored: Mapping[date, Certificate]) -> list[date]:
    """Return adjacent stored days that are not linked, newest first. One day of each pair is of another fork."""
    wrong: set[date] = set()
    for newer, older in pairwise(sorted((c for c in stored.values() if c.last_height is not None), key=_by_day)[::-1]):
        if newer.day - older.day == DAY and older.is_closed and not _follows(newer, older):
            wrong |= {newer.day, older.day}
    return sorted(wrong, reverse=True)


def _by_day(certificate: Certificate) -> date:
    return certificate.day
