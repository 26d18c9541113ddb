"""Functions that prove stored Stacks days again: by the bytes of their blocks, and by the links between days."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import NamedTuple

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.days import DAY
from stx_pipelines.chains.errors import ProofError
from stx_pipelines.chains.stacks import Tx
from stx_pipelines.store.dataset_store import DatasetStore
from stx_pipelines.sync.stacks.tenures import TenureProofs, burn_blocks_of, can_be_proved

_AT_ONCE = 16  # burn blocks whose evidence is stored together, so that a stop loses little


class MerkleVerdict(NamedTuple):
    """The result for a day: the burn blocks proved now, and in all; why others were not; a fault, or None."""

    day: date
    proved_now: int
    proved: int
    burn_blocks: int
    left_out: tuple[str, ...]
    fault: str | None


def lacking(store: DatasetStore[Tx], certificate: Certificate) -> list[int]:
    """Return the heights of a stored day's burn blocks that can be proved by hashes and have no evidence, newest first.

    Raises `DamagedDayFile`.
    """
    if not can_be_proved(certificate):
        return []
    known = store.evidence.of(certificate)
    return sorted(burn_blocks_of(store.rows(certificate.day)).keys() - known, reverse=True)


def prove_day(
    store: DatasetStore[Tx], proofs: TenureProofs, certificate: Certificate, heights: Sequence[int]
) -> MerkleVerdict:
    """Prove these burn blocks of a stored day, and store the evidence. Raises `Interrupted`."""
    rows, above = store.rows(certificate.day), store.files.certificates().get(certificate.day + DAY)
    proved_now, why, fault = 0, set[str](), None
    for start in range(0, len(heights), _AT_ONCE):
        try:
            proof = proofs.prove_all(rows, certificate, heights[start : start + _AT_ONCE], above)
        except ProofError as error:
            fault = str(error)
            break
        why.update(proof.left_out)
        if proof.round is not None:
            with store.writing():
                store.evidence.add(certificate, proof.round)
            proved_now += len(proof.round.burn_blocks)
        if proofs.refusal:
            break
    proved = len(store.evidence.of(certificate))
    return MerkleVerdict(certificate.day, proved_now, proved, certificate.burn_blocks, tuple(sorted(why)), fault)


def broken_links(store: DatasetStore[Tx], certificates: Sequence[Certificate]) -> Iterator[str]:
    """Yield a sentence for each closed day whose first block does not follow the closed day before it.

    Days may interleave where a Bitcoin block has an earlier time than the block before, so the parent of a day's first
    block is looked for among the rows of the day before, unless it is that day's last block. Raises `DamagedDayFile`.
    """
    by_day = {certificate.day: certificate for certificate in certificates if certificate.is_closed}
    for day, later in by_day.items():
        earlier = by_day.get(day - DAY)
        if earlier is None or not later.first_parent_hash or later.first_height is None or not earlier.last_hash:
            continue
        if later.first_parent_hash == earlier.last_hash:
            continue
        below = {row.index_block_hash for row in store.rows(earlier.day) if row.block_height == later.first_height - 1}
        if below and later.first_parent_hash not in below:
            yield (
                f"{day}: the parent of its first Stacks block ({later.first_height}) is {later.first_parent_hash}, but "
                f"{earlier.day} was stored with another block at that height"
            )
