"""Proofs of a day's burn blocks by the raw bytes of their Stacks blocks, all of them or a sample."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random, SystemRandom
from typing import Literal, NamedTuple

import msgspec

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.days import day_of
from stx_pipelines.chains.evidence import Round
from stx_pipelines.chains.stacks import NAKAMOTO_DAY, Block, Tx
from stx_pipelines.chains.stacks_block import RawBlock, split_blocks
from stx_pipelines.chains.stacks_hashes import EMPTY_ROOT
from stx_pipelines.chains.stacks_transaction import CannotBeRead
from stx_pipelines.chains.tenure_proof import Tenure, TenureFault, prove_links, prove_tenure
from stx_pipelines.clients.errors import ApiError, Interrupted, NotFound
from stx_pipelines.clients.stacks_node import NoRawBlocks, StacksNode
from stx_pipelines.sync.pools import thread_pool

log = logging.getLogger(__name__)

Mode = Literal["sample", "counts", "full"]
_AT_ONCE = 5  # a response may have 16 MiB
_LONGEST_GAP = 1_000  # requests to follow the parents of blocks that have no rows


class HashProof(NamedTuple):
    """The result of a proof: the burn blocks proved by hashes (None if there are none), and why others were not."""

    round: Round | None
    left_out: tuple[str, ...] = ()


class _Left(NamedTuple):
    """A tenure that was not proved, and the reason."""

    why: str


@dataclass
class TenureProofs:
    """The proof of burn blocks by the bytes that a node serves.

    `mode` chooses the burn blocks of a day: none (`counts`), `sample` of them, or all (`full`). A sample has the
    oldest, the newest and random others. A node that does not serve raw blocks, or does not respond, is asked once;
    `refusal` then says why. `block_of` returns the API's block with an id, or None if the API does not have it.
    """

    node: StacksNode
    block_of: Callable[[str], Block | None]
    mode: Mode = "sample"
    sample: int = _AT_ONCE  # one round of requests
    random: Random = field(default_factory=SystemRandom)
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    refusal: str | None = field(default=None, init=False)
    _said: set[str] = field(default_factory=set, init=False)

    def prove(
        self,
        rows: Sequence[Tx],
        certificate: Certificate,
        known: Collection[int] = (),
        above: Certificate | None = None,
    ) -> HashProof:
        """Prove burn blocks of a closed day. `known` are those that were proved before, `above` is the next day.

        Raises `TenureFault` if rows differ from their blocks, the errors of `block_of`, and `Interrupted`.
        """
        if self.mode == "counts" or not can_be_proved(certificate):
            return HashProof(None)
        return self.prove_all(rows, certificate, self._choose(burn_blocks_of(rows), known), above)

    def prove_all(
        self, rows: Sequence[Tx], certificate: Certificate, heights: Sequence[int], above: Certificate | None = None
    ) -> HashProof:
        """Prove the burn blocks at these heights. Raises the errors of `prove`."""
        if self.refusal or not heights:
            return HashProof(None, (self.refusal,) if self.refusal else ())
        by_burn = burn_blocks_of(rows)
        with thread_pool(_AT_ONCE, "tenure", self.node.http.stop) as pool:
            found = dict(zip(heights, pool.map(lambda height: self._prove_one(by_burn[height]), heights), strict=True))
        found |= self._unexplained(found, rows, certificate, above)
        proved = {height: tenure for height, tenure in found.items() if isinstance(tenure, Tenure)}
        _link(proved, rows, certificate)
        why = tuple(sorted({left.why for left in found.values() if isinstance(left, _Left)}))
        self._say(certificate, why)
        if not proved:
            return HashProof(None, why)
        now = self.clock().replace(microsecond=0)
        return HashProof(Round(self.node.http.name, now, tuple(sorted(proved))), why)

    def _choose(self, heights: Mapping[int, object], known: Collection[int]) -> list[int]:
        lacking = [height for height in sorted(heights) if height not in known]
        if self.mode == "full" or len(lacking) <= self.sample:
            return lacking
        ends = list(dict.fromkeys((lacking[0], lacking[-1])))[: self.sample]
        others = self.random.sample(lacking[1:-1], max(0, self.sample - len(ends)))
        return sorted({*ends, *others})

    def _prove_one(self, rows: Sequence[Tx]) -> Tenure | _Left:
        if self.refusal:
            return _Left(self.refusal)
        newest = rows[-1].index_block_hash or ""
        try:
            tenure = prove_tenure(self._fetch(newest, rows[0].block_height), rows, newest)
        except Interrupted:
            raise
        except NotFound:
            return _Left(f"{self.node.http.name} lacks blocks of the day")
        except ApiError as error:
            what = "serves" if isinstance(error, NoRawBlocks) else "sent"
            self.refusal = f"{self.node.http.name} {what} no raw blocks ({error})"
            return _Left(self.refusal)
        except CannotBeRead as error:
            return _Left(f"raw blocks cannot be read ({error})")
        return _Left(f"raw blocks cannot be read ({tenure.unread[0]})") if tenure.unread else tenure

    def _fetch(self, newest: str, lowest: int) -> list[RawBlock]:
        """Return the blocks from `newest` down to the height `lowest`.

        The bytes may end early, because of their size or because they were cut. The rest is then requested by the
        parent of the last block. Each response must begin with the requested block, so the requests come to an end.
        Raises `TenureFault` if bytes follow the lowest block.
        """
        blocks: list[RawBlock] = []
        wanted = newest
        while True:
            more, left_over = split_blocks(self.node.tenure(wanted))
            for block in more:
                blocks.append(block)
                if block.index_block_hash != wanted or block.consensus_hash != blocks[0].consensus_hash:
                    return blocks  # the proof names the fault
                wanted = block.parent_id
            if blocks[-1].height <= lowest:
                if left_over:
                    raise TenureFault(f"Stacks block {blocks[-1].height} is followed by {left_over} unknown bytes")
                return blocks

    def _unexplained(
        self,
        found: Mapping[int, Tenure | _Left],
        rows: Sequence[Tx],
        certificate: Certificate,
        above: Certificate | None,
    ) -> dict[int, _Left]:
        """Return the burn blocks between which and the block below, or the day above, some blocks could not be read.

        The rows have no block at these heights. Raises `TenureFault` if one of the blocks has transactions of this day.
        """
        ids = {row.block_height: row.index_block_hash or "" for row in rows}
        first, last = rows[0].block_height, rows[-1].block_height
        gaps = {
            height: tenure.parent_id
            for height, tenure in found.items()
            if isinstance(tenure, Tenure) and first < tenure.lowest_height and tenure.lowest_height - 1 not in ids
        }
        if above and above.first_parent_hash and above.first_height and above.first_height > last + 1:
            gaps[rows[-1].burn_block_height] = above.first_parent_hash
        known = set(ids.values())
        why = {height: self._follow(parent, known, first, certificate) for height, parent in gaps.items()}
        return {height: left for height, left in why.items() if left is not None and height in found}

    def _follow(self, wanted: str, known: Collection[str], first: int, certificate: Certificate) -> _Left | None:
        """Follow the parents from this id down to a block of the day. Return why that was not possible, or None."""
        for _ in range(_LONGEST_GAP):
            if wanted in known:
                return None
            try:
                blocks, _ = split_blocks(self.node.tenure(wanted))
            except Interrupted:
                raise
            except (ApiError, CannotBeRead) as error:
                return _Left(f"blocks without rows cannot be read ({error})")
            for block in blocks:
                if block.index_block_hash != wanted:
                    return _Left("the node sent another block than the requested one")
                if block.tx_merkle_root != EMPTY_ROOT and self._is_of_day(block, certificate):
                    named = f", {block.transactions[0].tx_id} among them" if block.transactions else ""
                    raise TenureFault(
                        f"Stacks block {block.height} has {block.tx_count} transactions{named}, but none was read"
                    )
                wanted = block.parent_id
                if wanted in known or block.height <= first:
                    return None
        return _Left(f"more than {_LONGEST_GAP} blocks have no rows")

    def _is_of_day(self, block: RawBlock, certificate: Certificate) -> bool:
        """Return whether a block is of this day. Days may interleave, so it may be of a neighbouring day.

        A block that the API does not have at all counts as of this day, because a later block of the day names it.
        """
        told = self.block_of(block.index_block_hash)
        return told is None or day_of(told.burn_block_time) == certificate.day

    def _say(self, certificate: Certificate, reasons: Collection[str]) -> None:
        """Log each reason once per run."""
        for why in set(reasons) - self._said:
            self._said.add(why)
            log.warning("%s: %s; such burn blocks are proved by counts", certificate.day, why)


def can_be_proved(certificate: Certificate) -> bool:
    """Return whether a stored day can be proved by raw blocks: it has blocks, named by their ids, of Nakamoto."""
    return certificate.day >= NAKAMOTO_DAY and certificate.route != "v1" and bool(certificate.seen)


def burn_blocks_of(rows: Sequence[Tx]) -> dict[int, list[Tx]]:
    """Return the rows of each burn block, in chain order.

    Burn blocks with a row without an id are left out. That of block 1 is too, because the API adds rows of block 0.
    """
    groups: defaultdict[int, list[Tx]] = defaultdict(list)
    for row in rows:
        groups[row.burn_block_height].append(row)
    return {
        height: group
        for height, group in groups.items()
        if all(row.index_block_hash for row in group) and group[0].block_height > 1
    }


def with_evidence(certificate: Certificate, proof: HashProof) -> Certificate:
    """Return the certificate of a day that is about to be stored, whose sentence also counts the proofs by hashes."""
    if proof.round is None:
        return certificate
    count = len(proof.round.burn_blocks)
    of = f"{count} of {certificate.burn_blocks} burn blocks also by the hashes of their Stacks blocks"
    return msgspec.structs.replace(certificate, proof=f"{certificate.proof}; {of}")


def _link(proved: Mapping[int, Tenure], rows: Sequence[Tx], certificate: Certificate) -> None:
    """Raise `TenureFault` unless each tenure follows the block below it in the rows, or the day before."""
    ids = {row.block_height: row.index_block_hash for row in rows}
    if certificate.first_height is not None and certificate.first_parent_hash:
        ids.setdefault(certificate.first_height - 1, certificate.first_parent_hash)
    prove_links([(tenure, ids.get(tenure.lowest_height - 1)) for tenure in proved.values()], list(proved))
