"""The certificate of a day: the expected and seen counts of rows, and the kind of proof.

The day file holds its own certificate, so that a file and its proof stay together. A certificate of an earlier version
is read unchanged. A field that it lacks is `UNSET`, never a default, so that its bytes and its id stay the same.
"""

from __future__ import annotations

import hashlib
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

import msgspec

State = Literal["open", "closed"]

VERSION = 2
"""The version of the certificates that are written now. Certificates without a version count as version 1."""


class NewerCertificate(Exception):
    """A certificate that only a later version of this package can read."""

    def __init__(self, version: int, made_by: str | None) -> None:
        super().__init__(f"its certificate has version {version}, made by {made_by or 'a later stx-pipelines'}")


class ClosedBy(msgspec.Struct, frozen=True):
    """A Stacks block, by its height and its own hash. A day is closed as long as this block is canonical."""

    height: int
    block_hash: str


class PriceProof(msgspec.Struct, frozen=True, kw_only=True):
    """The proof of one pair's prices on a day, in hours.

    `without_trade` are the expected hours without a candle in two responses. `compared` hours were compared with the
    source `second`, and `far` of them differ by more than the limit. `median_bp` is the median difference in basis
    points. `second` and `median_bp` are None without a comparison, and `note` says why.
    """

    pair: str
    hours: int
    seen: int
    without_trade: int
    second: str | None
    compared: int
    far: int
    median_bp: Decimal | None
    note: str = ""


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """The record of a stored day's proof. Heights are None for a day without blocks.

    `published` counts the rows that the table shows. The first and last block times are of those rows (in older
    certificates, of all rows read); None if there are no such rows. `left_out` counts, by reason, the proved rows that
    the table does not show.
    `proved_to` is the newest block height the day is proved up to. `tip_height` is the newest final height at the time
    of the proof: of burn blocks for Stacks, of blocks for Ethereum. `requests` counts requests for Stacks, calls for
    Ethereum. `seconds` is the time from the first request for the day's rows to the proof; other days may have been
    read in that time.

    Fields that older certificates lack: `first_parent_hash` is the id that the day's first block names as its parent
    (Stacks: the index block hash). `closed_by` is a Stacks block of the burn block that closed a Stacks day. `chain`
    names the chain. `rows_digest` is a hash of the rows' values. `columns` counts the columns of the day file, to which
    later versions add at the end. `made_by` is the version of this package. `prices` are the proofs of
    a day of prices, whose heights are hours since 1970. The first form had `tip_burn_height` in place of `tip_height`.
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
    first_parent_hash: str | msgspec.UnsetType | None = msgspec.UNSET
    closed_by: ClosedBy | msgspec.UnsetType = msgspec.UNSET
    proved_to: int
    tip_height: int | msgspec.UnsetType = msgspec.UNSET
    tip_burn_height: int | msgspec.UnsetType = msgspec.UNSET
    proved_at: datetime
    requests: int
    seconds: float | msgspec.UnsetType = msgspec.UNSET
    route: str
    chain: str | msgspec.UnsetType = msgspec.UNSET
    rows_digest: str | msgspec.UnsetType = msgspec.UNSET
    columns: int | msgspec.UnsetType = msgspec.UNSET
    made_by: str | msgspec.UnsetType = msgspec.UNSET
    version: int | msgspec.UnsetType = msgspec.UNSET
    prices: tuple[PriceProof, ...] | msgspec.UnsetType = msgspec.UNSET

    @property
    def id(self) -> str:
        """The first 16 digits of the certificate's SHA-256. The database's coverage row of the day contains it too."""
        return hashlib.sha256(encode(self)).hexdigest()[:16]

    @property
    def tip(self) -> int:
        """The newest final height when the day was proved. For older certificates, it is `proved_to`."""
        return self.proved_to if self.tip_height is msgspec.UNSET else self.tip_height

    @property
    def is_closed(self) -> bool:
        """Whether the day is over and final."""
        return self.state == "closed"

    def is_of_same_blocks(self, other: Certificate | None) -> bool:
        """Return whether both certificates are of the same blocks. The last hash depends on all blocks before it."""
        return other is not None and (self.first_height, self.last_height, self.last_hash) == (
            other.first_height,
            other.last_height,
            other.last_hash,
        )


def encode(certificate: Certificate) -> bytes:
    """Return the certificate as JSON with its keys in a fixed order."""
    return msgspec.json.encode(certificate, order="deterministic")


def decode(content: bytes) -> Certificate:
    """Return the certificate in this JSON. Raises `NewerCertificate`, or `msgspec.DecodeError` if it is not one."""
    try:
        form = _decode_form(content)
        if form.version > VERSION:
            raise NewerCertificate(form.version, form.made_by)
        return _decode(content)
    except (UnicodeDecodeError, RecursionError) as error:
        raise msgspec.DecodeError(str(error)) from error


class _Form(msgspec.Struct):
    version: int = 1
    made_by: str | None = None


_decode_form = msgspec.json.Decoder(_Form).decode
_decode = msgspec.json.Decoder(Certificate).decode
