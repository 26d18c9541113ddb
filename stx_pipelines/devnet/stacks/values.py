"""What the made-up chain consists of: its specification, transactions, Stacks blocks, burn (Bitcoin) blocks.

Belongs here: plain values and the one way hashes are made. Not here: how a chain grows (stacks_chain.py) or
reads on the wire (render.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from typing import Literal, NamedTuple

Shape = Literal["even", "heavy", "giant"]
DAY = 86_400


def unix_midnight(day: date) -> int:
    """The first second of a UTC day."""
    return int(datetime.combine(day, time(), UTC).timestamp())


def made_hash(seed: int, kind: str, number: int, fork: int = 0) -> str:
    """A hash derived from what it names, so that equal chains have equal hashes."""
    return "0x" + sha256(f"{seed}:{kind}:{number}:{fork}".encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class ChainSpec:
    """Everything that decides a chain: two chains of one spec are equal, byte by byte.

    Every tenure starts with two transactions of its miner, so `transactions_per_day` below about twice
    `burn_blocks_per_day` cannot be kept.
    """

    seed: int = 1
    first_day: date
    tip: datetime
    transactions_per_day: int = 1000
    shape: Shape = "even"
    first_height: int = 1
    first_burn_height: int = 900_000
    burn_blocks_per_day: int = 144
    stacks_blocks_per_burn_block: int = 5

    def __post_init__(self) -> None:
        """Refuse a specification no chain can follow."""
        if self.tip.tzinfo is None:
            raise ValueError(f"tip must name its time zone, got {self.tip.isoformat()}")
        start = datetime.combine(self.first_day, time(), UTC)
        if self.tip < start + timedelta(minutes=2):
            raise ValueError(f"tip must be at least two minutes after {start.isoformat()}, got {self.tip.isoformat()}")


@dataclass(frozen=True, slots=True)
class Transaction:
    """One canonical transaction, as the chain knows it. Times are unix seconds."""

    tx_id: str
    block_time: int
    block_height: int
    index_block_hash: str
    block_hash: str
    sender_address: str
    nonce: int
    sponsor_address: str | None
    sponsor_nonce: int | None
    fee_ustx: int
    tx_type: str
    tx_status: str
    burn_block_time: int
    burn_block_height: int
    tx_index: int


class Draft(NamedTuple):
    """A transaction before it is mined: what stays the same whichever block takes it."""

    tx_id: str
    sender_address: str
    nonce: int
    sponsor_address: str | None
    sponsor_nonce: int | None
    fee_ustx: int
    tx_type: str
    tx_status: str


@dataclass(frozen=True, slots=True)
class StacksBlock:
    """One Stacks block with its transactions, ascending by index."""

    height: int
    hash: str
    index_hash: str
    parent_hash: str
    parent_index_hash: str
    time: int
    tenure_height: int
    burn_height: int
    burn_hash: str
    burn_time: int
    transactions: tuple[Transaction, ...]


@dataclass(slots=True)
class BurnBlock:
    """One Bitcoin block that has Stacks blocks. `blocks` grows while it is the newest."""

    height: int
    hash: str
    time: int
    blocks: list[StacksBlock] = field(default_factory=list)

    @property
    def tx_count(self) -> int:
        """All transactions of its Stacks blocks, whatever their status."""
        return sum(len(block.transactions) for block in self.blocks)

    def transactions(self) -> Iterator[Transaction]:
        """All transactions of its Stacks blocks, ascending."""
        for block in self.blocks:
            yield from block.transactions
