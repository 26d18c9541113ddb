"""The tenures of the made-up Stacks chain: their blocks, the times of the blocks and the numbers of transactions.

This module makes the shapes of a chain, and the burn blocks of special sizes that every chain contains. It does not
make the transactions (mempool.py).
"""

from random import Random
from typing import NamedTuple

from stx_pipelines.devnet.days import DAY
from stx_pipelines.devnet.stacks.bitcoin import Bitcoin, BitcoinBlock
from stx_pipelines.devnet.stacks.mempool import MINERS_OWN, Mempool
from stx_pipelines.devnet.stacks.values import ChainSpec

# Numbers of transactions at which readers often fail: none, exactly one page, one more than a page, many pages.
# The key is the number of the tenure in a cycle of about a week.
_SPECIAL_EVERYWHERE = {3: 0, 5: 50, 7: 51}
_SPECIAL_HEAVY = {11: 500, 17: 1_500}
_BIG_BLOCK = 800  # transactions in one Stacks block of the tenure of 1,500
_GIANT_SHARE = 0.4
_HEAVY_TAIL = 1.8  # sigma of the log-normal distribution; the median is a fifth of the mean
_HEAVY_MOST = 1_200


class BlockPlan(NamedTuple):
    """One future Stacks block: its place and its number of transactions."""

    time: int
    burn_height: int
    tenure_height: int
    starts_tenure: bool
    tx_count: int


class Tenures:
    """The plan of all tenures, made in a fixed order so that growing in steps does not change it."""

    def __init__(self, spec: ChainSpec, bitcoin: Bitcoin, mempool: Mempool) -> None:
        """Start before the first tenure. `mempool` tells how many transactions a day has."""
        self._spec = spec
        self._bitcoin = bitcoin
        self._rng = Random(f"{spec.seed}:tenures")
        self._sizes = _Sizes(spec, self._rng, mempool)
        self._planned = 0
        self._next = bitcoin.next_tenure(0)

    def plan(self) -> list[BlockPlan]:
        """Plan the blocks of the next tenure, oldest first."""
        burn = self._next
        self._next = self._bitcoin.next_tenure(burn.height)
        total = self._sizes.next(burn.arrival)
        times = self._block_times(burn, self._next.arrival, total)
        counts = _split(total, len(times), self._rng)
        self._planned += 1
        return [
            BlockPlan(time, burn.height, self._planned, position == 0, count)
            for position, (time, count) in enumerate(zip(times, counts, strict=True))
        ]

    def _block_times(self, burn: BitcoinBlock, end: int, total: int) -> list[int]:
        """Return rising times of fewer blocks than `total`, so that a block can be empty only if it is the only one."""
        first = burn.arrival + self._rng.randint(1, min(20, (end - burn.arrival) // 2))
        wanted = round(self._spec.stacks_blocks_per_burn_block * self._rng.uniform(0.5, 1.5))
        count = max(1, min(wanted, total - 1, end - first))
        return [first, *sorted(self._rng.sample(range(first + 1, end), count - 1))]


class _Sizes:
    """The number of transactions of each tenure, one after another."""

    def __init__(self, spec: ChainSpec, rng: Random, mempool: Mempool) -> None:
        self._spec = spec
        self._rng = rng
        self._mempool = mempool
        self._tenures_a_day = spec.burn_blocks_per_day * 0.96
        self._mean = 0.0  # of the present day
        self._special = _special_sizes(spec)
        self._cycle = max(24, round(7 * self._tenures_a_day))
        self._ordinal = -1
        self._owed = 0.0  # expected minus drawn transactions; later sizes make up for special sizes
        self._giant_after = self._draw_giant(0)

    def next(self, arrival: int) -> int:
        """Return the size of the next tenure, whose burn block arrives at `arrival`."""
        self._ordinal += 1
        if self._spec.shape == "giant" and arrival >= self._giant_after:
            self._giant_after = self._draw_giant(arrival // DAY + 1)
            return max(60, int(self._spec.transactions_per_day * _GIANT_SHARE))
        share = 1 - _GIANT_SHARE if self._spec.shape == "giant" else 1
        self._mean = share * self._mempool.transactions_of(arrival // DAY) / self._tenures_a_day
        total = self._special.get(self._ordinal % self._cycle, -1)
        if total < 0:
            total = self._heavy() if self._spec.shape == "heavy" else self._even()
        self._owed += self._mean - total
        return total

    def _even(self) -> int:
        return max(MINERS_OWN, round(self._mean * self._rng.uniform(0.9, 1.1) + self._owed / 24))

    def _heavy(self) -> int:
        mean = max(1.0, self._mean + self._owed / 96 - MINERS_OWN)
        drawn = mean * self._rng.lognormvariate(-(_HEAVY_TAIL**2) / 2, _HEAVY_TAIL)
        return MINERS_OWN + min(_HEAVY_MOST, int(drawn))

    def _draw_giant(self, day_number: int) -> int:
        return day_number * DAY + self._rng.randint(DAY // 12, DAY * 11 // 12)


def _special_sizes(spec: ChainSpec) -> dict[int, int]:
    heavy = _SPECIAL_HEAVY if spec.shape == "heavy" else {}
    fitting = {at: size for at, size in heavy.items() if size <= 2 * spec.transactions_per_day}
    return _SPECIAL_EVERYWHERE | fitting


def _split(total: int, blocks: int, rng: Random) -> list[int]:
    """Return the number of transactions of each block: at least two in the first, at least one in the others."""
    if total == 0:
        return [0]
    if total == _SPECIAL_HEAVY[17] and blocks > 1:
        return [*_split(total - _BIG_BLOCK, blocks - 1, rng), _BIG_BLOCK]
    counts = [MINERS_OWN] + [1] * (blocks - 1)
    for position in rng.choices(range(blocks), k=total - sum(counts)):
        counts[position] += 1
    return counts
