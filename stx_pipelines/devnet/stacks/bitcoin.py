"""The Bitcoin chain of the made-up Stacks chain: the arrivals of its blocks and the times in their headers.

This module makes arrivals, header times by Bitcoin's rule, and the heights that have a Stacks tenure. It does not make
the Stacks blocks of a tenure (tenures.py).
"""

from dataclasses import dataclass, replace
from random import Random
from statistics import median_low

from stx_pipelines.devnet.days import DAY, unix_midnight
from stx_pipelines.devnet.stacks.values import ChainSpec, made_hash

_MEDIAN_OF = 11  # a header's time must be later than the median of the eleven headers before
_MAX_AHEAD = 7_200  # seconds; nodes refuse a header whose time is further ahead of their clock
_SHARE_WITHOUT_TENURE = 0.04
_SHARE_OF_WRONG_CLOCKS = 0.05  # makes about 3 % of header times earlier than that of the header before
_MIN_INTERVAL = 4


@dataclass(frozen=True, slots=True)
class BitcoinBlock:
    """One Bitcoin block. `arrival` is when the network saw it, `time` is in its header; both in unix seconds."""

    height: int
    hash: str
    arrival: int
    time: int
    has_tenure: bool


class Bitcoin:
    """All Bitcoin blocks made so far, with or without a Stacks tenure. More are made as needed."""

    def __init__(self, spec: ChainSpec) -> None:
        """Start without blocks. The first one arrives in the first seconds of the spec's first day."""
        self.blocks: list[BitcoinBlock] = []
        self._spec = spec
        self._rng = Random(f"{spec.seed}:bitcoin")
        self._midnight = unix_midnight(spec.first_day)
        self._interval = DAY / spec.burn_blocks_per_day

    def at(self, height: int) -> BitcoinBlock:
        """Return the block of a height. The block must have been made already."""
        return self.blocks[height - self._spec.first_burn_height]

    def next_tenure(self, height: int) -> BitcoinBlock:
        """Return the first block above `height` that has a Stacks tenure."""
        position = max(0, height + 1 - self._spec.first_burn_height)
        while True:
            while position >= len(self.blocks):
                self._extend()
            if self.blocks[position].has_tenure:
                return self.blocks[position]
            position += 1

    def redraw(self, height: int, fork: int, rng: Random) -> None:
        """Replace every block from `height` on by one with the same arrival, another hash and another header time."""
        for position in range(height - self._spec.first_burn_height, len(self.blocks)):
            block = self.blocks[position]
            arrivals = [earlier.arrival for earlier in self.blocks[max(0, position - 2) : position + 1]]
            claimed = self._header_time(position, arrivals, rng)
            self.blocks[position] = replace(block, hash=self._hash(block.height, fork), time=claimed)

    def _extend(self) -> None:
        position = len(self.blocks)
        arrivals = [*(block.arrival for block in self.blocks[-2:]), self._next_arrival()]
        height = self._spec.first_burn_height + position
        has_tenure = position == 0 or self._rng.random() >= _SHARE_WITHOUT_TENURE
        claimed = self._header_time(position, arrivals, self._rng)
        self.blocks.append(BitcoinBlock(height, self._hash(height, 0), arrivals[-1], claimed, has_tenure))

    def _next_arrival(self) -> int:
        if not self.blocks:
            return self._midnight + self._rng.randint(1, 30)
        return self.blocks[-1].arrival + max(_MIN_INTERVAL, int(self._rng.expovariate(1 / self._interval)))

    def _header_time(self, position: int, arrivals: list[int], rng: Random) -> int:
        wobble = int(self._interval / 75)
        claimed = arrivals[-1] + rng.randint(-wobble, wobble)
        if rng.random() < _SHARE_OF_WRONG_CLOCKS:
            error = min(_MAX_AHEAD, int(rng.expovariate(1 / self._interval)))
            claimed = arrivals[-1] + (error if rng.random() < 0.5 else -error)
        # The second block of about half of all days has a header time of the day before, because readers often fail
        # at the edge of a day.
        if _is_second_of_its_day(arrivals) and rng.random() < 0.5:
            claimed = arrivals[-1] - arrivals[-1] % DAY - rng.randint(1, max(1, int(self._interval / 2)))
        return max(claimed, self._median_time_past(position) + 1)

    def _median_time_past(self, position: int) -> int:
        times = [block.time for block in self.blocks[max(0, position - _MEDIAN_OF) : position]]
        # Blocks before the first one count as older than the first day, so that no header time is before that day.
        before = [self._midnight - 1] * (_MEDIAN_OF - len(times))
        return median_low(before + times)

    def _hash(self, height: int, fork: int) -> str:
        # A mined Bitcoin hash starts with zeros.
        return "0x" + "0" * 20 + made_hash(self._spec.seed, "burn", height, fork)[-44:]


def _is_second_of_its_day(arrivals: list[int]) -> bool:
    days = [arrival // DAY for arrival in arrivals]
    return len(days) == 3 and days[0] < days[1] == days[2]
