"""What the made-up Ethereum chain consists of: its specification and its blocks.

Belongs here: plain values. Not here: how a chain grows (ethereum_chain.py) or reads on the wire
(ethereum_render.py).
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import NamedTuple

WEI_PER_ETHER = 10**18


@dataclass(frozen=True, kw_only=True)
class EthereumSpec:
    """Everything that decides a chain: two chains of one spec are equal, byte by byte."""

    seed: int = 1
    first_day: date
    tip: datetime
    slot_seconds: int = 12
    missed_share: float = 0.01  # slots without a block
    chain_id: int = 1
    finality_blocks: int = 64  # how far `finalized` lies behind the newest block
    safe_blocks: int = 32
    london_number: int = 0  # blocks below it are of the old kind, without a base fee
    genesis_timestamp_zero: bool = False  # as on mainnet, whose block 0 claims 1970

    def __post_init__(self) -> None:
        """Refuse a specification no chain can follow."""
        if self.tip.tzinfo is None:
            raise ValueError(f"tip must name its time zone, got {self.tip.isoformat()}")
        start = datetime.combine(self.first_day, time(), UTC)
        if self.tip < start:
            raise ValueError(f"tip must not be before {start.isoformat()}, got {self.tip.isoformat()}")
        if not 0 <= self.missed_share <= 0.5:
            raise ValueError(f"missed_share must lie between 0 and 0.5, got {self.missed_share}")


class EthereumBlock(NamedTuple):
    """One canonical block, as the chain knows it. `timestamp` is unix seconds, amounts are Wei."""

    number: int
    hash: str
    parent_hash: str
    miner: str
    timestamp: int
    gas_used: int
    gas_limit: int
    base_fee_per_gas: int | None
    transaction_count: int
    size: int
    extra_data: str
