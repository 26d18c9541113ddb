"""Values of the made-up Stacks chain: its specification, transactions, Stacks blocks, burn (Bitcoin) blocks.

This module holds plain values and made-up hashes. It does not make a chain grow (chain.py) or write JSON (render.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Literal, NamedTuple

from stx_pipelines.devnet.days import midnight

Shape = Literal["even", "heavy", "giant"]

SKIPPED = "problematic_skipped"
"""The status of a transaction that its block marks as problematic."""

ANCHORED = 2_147_483_647
"""The microblock sequence of a transaction in the Stacks block itself, as always since Nakamoto."""

_NAKAMOTO = 1_730_160_000  # 2024-10-29


def made_hash(seed: int, kind: str, number: int, fork: int = 0) -> str:
    """Make a hash from these arguments, so that equal chains have equal hashes."""
    return "0x" + sha256(f"{seed}:{kind}:{number}:{fork}".encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class ChainSpec:
    """The specification of a chain. Two chains of one spec are equal, byte for byte.

    Every tenure starts with two transactions of its miner. A chain therefore has at least about twice
    `burn_blocks_per_day` transactions a day.

    A chain with `life` grows, has weekdays, launches, returning wallets and whales. It has about `transactions_per_day`
    transactions a day on average over its first 120 days, fewer at first and more later.
    """

    seed: int = 1
    first_day: date
    tip: datetime
    transactions_per_day: int = 1000
    shape: Shape = "even"
    first_height: int = 1
    header_version: int = 1
    first_burn_height: int = 900_000
    burn_blocks_per_day: int = 144
    stacks_blocks_per_burn_block: int = 5
    life: bool = False
    boot_transactions: int = 0  # of block 0, which the API shows in block 1 and does not count
    microblocks: int = 0  # that each Stacks block before 2024-10-29 confirms; they hold half of its transactions

    def __post_init__(self) -> None:
        """Raise ValueError for a tip without a time zone, or less than two minutes after the first day's start."""
        if self.tip.tzinfo is None:
            raise ValueError(f"tip must name its time zone, got {self.tip.isoformat()}")
        start = midnight(self.first_day)
        if self.tip < start + timedelta(minutes=2):
            raise ValueError(f"tip must be at least two minutes after {start.isoformat()}, got {self.tip.isoformat()}")


@dataclass(frozen=True, slots=True)
class Transaction:
    """One canonical transaction. Times are unix seconds."""

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
    salt: int = field(default=0, compare=False)  # only in the raw bytes
    microblock_sequence: int = ANCHORED


class Draft(NamedTuple):
    """A transaction before it is mined: the fields that do not depend on its block."""

    tx_id: str
    sender_address: str
    nonce: int
    sponsor_address: str | None
    sponsor_nonce: int | None
    fee_ustx: int
    tx_type: str
    tx_status: str
    salt: int


@dataclass(frozen=True, slots=True)
class StacksBlock:
    """One Stacks block with its transactions, ascending by index.

    `fork` is the number of reorganisations before the block was mined. `signed` are the transactions in the block's raw
    bytes; None if they are `transactions`.
    """

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
    fork: int = 0
    signed: tuple[Transaction, ...] | None = None

    @property
    def tx_count(self) -> int:
        """The number of its own transactions, without those of block 0 that the API shows in block 1."""
        if self.height != 1:
            return len(self.transactions)
        return sum(tx.block_time == self.time for tx in self.transactions)


@dataclass(slots=True)
class BurnBlock:
    """One Bitcoin block with Stacks blocks. `blocks` grows while this block is the newest."""

    height: int
    hash: str
    time: int
    blocks: list[StacksBlock] = field(default_factory=list)

    @property
    def tx_count(self) -> int:
        """The number of transactions with any status in its Stacks blocks."""
        return sum(block.tx_count for block in self.blocks)

    def transactions(self) -> Iterator[Transaction]:
        """Yield all transactions of its Stacks blocks, ascending."""
        for block in self.blocks:
            yield from block.transactions


def in_microblocks(rows: tuple[Transaction, ...], spec: ChainSpec) -> tuple[Transaction, ...]:
    """Return a block's transactions in the API's order, the later half of them in microblocks.

    The API shows the microblocks first, so that the indexes in the block do not rise with the order.
    """
    if not spec.microblocks or not rows or rows[0].burn_block_time >= _NAKAMOTO:
        return rows
    own, streamed = rows[: len(rows) - len(rows) // 2], rows[len(rows) - len(rows) // 2 :]
    share = -(-len(streamed) // spec.microblocks) or 1
    return *(replace(tx, microblock_sequence=at // share) for at, tx in enumerate(streamed)), *own


def with_boot_rows(rows: tuple[Transaction, ...], spec: ChainSpec) -> tuple[Transaction, ...]:
    """Return the transactions of block 1 with those of block 0, as the real server shows them: indexes repeat."""
    boot = [
        replace(
            rows[0],
            tx_id=made_hash(spec.seed, "boot", number),
            block_time=rows[0].block_time - 3600,
            sender_address="SP000000000000000000002Q6VF78",
            nonce=number,
            sponsor_address=None,
            sponsor_nonce=None,
            fee_ustx=0,
            tx_type="token_transfer",
            tx_status="success",
            tx_index=number + 1,
        )
        for number in range(spec.boot_transactions)
    ]
    return tuple(sorted([*rows, *boot], key=lambda tx: tx.tx_index))
