"""The certificate of a day: what was expected, what was seen, and by which proof.

It is kept inside the day file it speaks of, so a file and its proof cannot be parted.
"""

from __future__ import annotations

import hashlib
from datetime import date, datetime
from typing import Literal

import msgspec

State = Literal["open", "closed"]


class ClosedBy(msgspec.Struct, frozen=True):
    """A Stacks block by its height and its own hash: a day is closed as long as this block is canonical."""

    height: int
    block_hash: str


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """What a landed day rests on. Heights are None for a day without blocks; `published` goes to the table, and the
    block times are of those rows, None where there are none (older certificates: of all rows that were read).

    `proved_to` is the newest block height the day is proved up to, `tip_height` was the newest final one then: burn
    blocks for Stacks, blocks for Ethereum. `first_parent_hash` is what an Ethereum day's first block names as its
    parent. `closed_by` is of the burn block that closed a Stacks day; older certificates lack it.
    `requests` is what was spent of the budget, which for Ethereum counts calls.
    `left_out` counts, by reason, the proved rows that the table does not show. `seconds` from the first request for
    the day's rows to the proof, while other days were read too.
    """

    dataset: str
    day: date
    state: State
    proof: str
    expected: int
    seen: int
    published: int
    left_out: dict[str, int]
    first_height: int | None
    last_height: int | None
    last_hash: str | None
    first_block_time: datetime | None
    last_block_time: datetime | None
    burn_blocks: int = 0
    first_parent_hash: str | None = None
    closed_by: ClosedBy | msgspec.UnsetType = msgspec.UNSET
    proved_to: int
    tip_height: int
    proved_at: datetime
    requests: int
    seconds: float
    route: str

    @property
    def id(self) -> str:
        """Names this very certificate; the table's coverage row repeats it."""
        return hashlib.sha256(encode(self)).hexdigest()[:16]

    @property
    def is_closed(self) -> bool:
        """Whether the day is over and final."""
        return self.state == "closed"

    def is_of_same_blocks(self, other: Certificate | None) -> bool:
        """Whether another dataset's day has the very same blocks: the last hash vouches for all before it."""
        return other is not None and (self.first_height, self.last_height, self.last_hash) == (
            other.first_height,
            other.last_height,
            other.last_hash,
        )


def encode(certificate: Certificate) -> bytes:
    """The certificate as JSON, its keys in a fixed order."""
    return msgspec.json.encode(certificate, order="deterministic")


def decode(content: bytes) -> Certificate:
    """JSON to certificate; raises `msgspec.DecodeError` on anything else."""
    try:
        return _decode(content)
    except (UnicodeDecodeError, RecursionError) as error:
        raise msgspec.DecodeError(str(error)) from error


_decode = msgspec.json.Decoder(Certificate).decode
