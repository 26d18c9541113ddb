"""The plan of an Ethereum chain, made before a node mines it.

Fee recipients alternate. Their balances rise, stay, fall, exceed 64 bits, and change between two of their blocks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, time, timedelta
from random import Random
from typing import NamedTuple


def addresses(seed: int, count: int) -> tuple[str, ...]:
    """Return `count` addresses in lower case."""
    random = Random(seed)
    return tuple("0x" + random.randbytes(20).hex() for _ in range(count))


MINERS = addresses(1, 6)
OTHER_MINERS = addresses(2, 6)
"""The fee recipients of blocks that replace others in a reorg."""


class Row(NamedTuple):
    """The expected balance change of a block, in Wei."""

    number: int
    miner: str
    balance_before: int
    balance_after: int


class Block(NamedTuple):
    """A planned block. `gift` is another address and its new balance. Times are unix seconds."""

    row: Row
    timestamp: int
    gift: tuple[str, int] | None

    @property
    def balances(self) -> dict[str, int]:
        """The balances that this block changes."""
        return {self.row.miner: self.row.balance_after} | dict([self.gift] if self.gift else [])


def plan(
    times: Iterable[int], *, miners: Sequence[str] = MINERS, after: Sequence[Block] = (), seed: int = 0
) -> list[Block]:
    """Return a block at each of these times, on top of `after` (or of an empty block 0)."""
    random = Random(seed)
    ledger = {address: balance for block in after for address, balance in block.balances.items()}
    blocks = []
    for number, timestamp in enumerate(times, len(after) + 1):
        miner, other = random.sample(miners, 2)
        before = ledger.get(miner, 0)
        row = Row(number, miner, before, before + _increase(random, before))
        gift = (other, ledger.get(other, 0) + random.randrange(1, 10**18)) if random.random() < 0.1 else None
        blocks.append(Block(row, timestamp, gift))
        ledger.update(blocks[-1].balances)
    return blocks


def _increase(random: Random, before: int) -> int:
    """Return an increase. About one in five is zero, and one negative; the first ones exceed 64 bits."""
    kind = random.random()
    if kind < 0.2:
        return 0
    if before == 0:
        return random.randrange(10**23, 10**26)
    if kind < 0.4:
        return -random.randrange(1, before // 2)
    return random.randrange(1, 10**18)


def several_days(count: int = 2_000, *, days: int = 3, newest: datetime | None = None) -> list[Block]:
    """Return `count` blocks, evenly from the first midnight of `days` UTC days up to `newest` (default: now)."""
    newest = newest or datetime.now(UTC)
    first = int(datetime.combine(newest.date() - timedelta(days=days - 1), time(), UTC).timestamp())
    span = int(newest.timestamp()) - first
    return plan(first + span * n // count for n in range(1, count + 1))


def every_twelve_seconds(count: int, *, first: datetime) -> list[Block]:
    """Return `count` blocks at Ethereum's pace of 7,200 a day."""
    start = int(first.timestamp())
    return plan(range(start, start + 12 * count, 12))
