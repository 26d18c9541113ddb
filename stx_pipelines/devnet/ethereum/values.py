"""Values of the made-up Ethereum chain: its specification, its blocks, the calls of its clients.

This module holds plain values. It does not make a chain grow (chain.py) or write JSON (render.py).
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

from msgspec import UNSET, Struct, UnsetType

from stx_pipelines.devnet.days import midnight

WEI_PER_ETHER = 10**18

CallId = int | float | str | None
Params = list[Any]  # as the client sends them; each method checks its own parameters


@dataclass(frozen=True, kw_only=True)
class EthereumSpec:
    """The specification of a chain. Two chains of one spec are equal, byte for byte."""

    seed: int = 1
    first_day: date
    tip: datetime
    slot_seconds: int = 12
    missed_share: float = 0.01  # slots without a block
    chain_id: int = 1
    finality_blocks: int = 64  # number of blocks from `finalized` to the newest block
    safe_blocks: int = 32  # number of blocks from `safe` to the newest block
    london_number: int = 0  # the first block that has a base fee
    genesis_timestamp_zero: bool = False  # as on mainnet, where the timestamp of block 0 is 0
    future_number: int = 2**63  # the first block that has a field of a future fork
    bodies: bool = False  # blocks have whole transactions and receipts, and increases are made of them
    other_hashes: bool = False  # headers are hashed by another rule than Ethereum's

    def __post_init__(self) -> None:
        """Raise ValueError for a tip without a time zone or before the first day, or a wrong `missed_share`."""
        if self.tip.tzinfo is None:
            raise ValueError(f"tip must name its time zone, got {self.tip.isoformat()}")
        start = midnight(self.first_day)
        if self.tip < start:
            raise ValueError(f"tip must not be before {start.isoformat()}, got {self.tip.isoformat()}")
        if not 0 <= self.missed_share <= 0.5:
            raise ValueError(f"missed_share must lie between 0 and 0.5, got {self.missed_share}")


class EthereumBlock(NamedTuple):
    """One canonical block. `timestamp` is unix seconds, amounts are Wei."""

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
    nonce: str | None = None
    sha3_uncles: str | None = None
    transactions_root: str | None = None
    state_root: str | None = None
    receipts_root: str | None = None
    difficulty: int | None = None
    mix_hash: str | None = None
    withdrawals_root: str | None = None
    blob_gas_used: int | None = None
    excess_blob_gas: int | None = None
    parent_beacon_block_root: str | None = None
    requests_hash: str | None = None
    withdrawals_gwei: int | None = None  # the withdrawals to the fee recipient


class Call(Struct):
    """One JSON-RPC call. A call without an id is a notification, which gets no response."""

    method: str = ""
    params: Params = []
    id: CallId | UnsetType = UNSET

    @property
    def reply_id(self) -> CallId:
        """The id of the response."""
        return None if self.id is UNSET else self.id
