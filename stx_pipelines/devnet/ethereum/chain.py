"""The made-up Ethereum chain: growth, reorganisations, reading.

This module holds the canonical chain. It does not hold balances (accounts.py), JSON (render.py), responses (methods.py)
or faults (faults.py). It reads no clock, so every instant is an argument. The same spec and the same calls give the
same chain.
"""

from bisect import bisect_left
from datetime import date, datetime
from hashlib import sha256
from random import Random
from threading import RLock

from stx_pipelines.devnet.days import DAY, unix_midnight
from stx_pipelines.devnet.ethereum.accounts import Accounts, Recipient
from stx_pipelines.devnet.ethereum.bodies import MadeTransaction, body_roots, increase_of, made_body
from stx_pipelines.devnet.ethereum.header import (
    EMPTY_UNCLES,
    derived,
    header_hash,
    withdrawals_of,
    withdrawals_root,
)
from stx_pipelines.devnet.ethereum.values import EthereumBlock, EthereumSpec

# Exported again, because code that uses the chain also needs its values.
__all__ = ["EthereumBlock", "EthereumChain", "EthereumSpec"]

_GAS_LIMIT = 36_000_000
_GAS_PER_TRANSACTION = 21_000
_FIRST_BASE_FEE = 1_000_000_000
_QUIET_BASE_FEE = 500_000_000  # below this fee, blocks use more gas than the target, so that the fee rises
_DEAR_BASE_FEE = 20_000_000_000  # above this fee, blocks use less gas than the target, so that the fee falls
_SHARE_REPEATED = 0.12  # blocks whose builder is not drawn: the builder of the block before builds them too
_TRANSACTIONS = (0, 1, 1, 1, 2, 2, 2, 3, 3, 4)
_NO_PARENT = "0x" + "0" * 64


class EthereumChain:
    """A deterministic chain. Hold `lock` while reading several values that another thread may change."""

    def __init__(self, spec: EthereumSpec) -> None:
        """Build the chain up to the spec's tip."""
        self.spec = spec
        self.lock = RLock()
        self.blocks: list[EthereumBlock] = []  # the position of a block is its number
        self.accounts = Accounts(spec.seed)
        self.forks = 0  # reorganisations so far
        self.finalized_back = 0
        self._start = unix_midnight(spec.first_day)
        self._rng = Random(f"{spec.seed}:ethereum")
        self._append_genesis()
        self._next_slot = 0
        self._advance()
        self.grow_to(spec.tip)

    @property
    def latest(self) -> EthereumBlock:
        """The newest block."""
        return self.blocks[-1]

    @property
    def safe(self) -> EthereumBlock:
        """The block that the tag `safe` names."""
        return self._behind(self.spec.safe_blocks)

    @property
    def finalized(self) -> EthereumBlock:
        """The block that the tag `finalized` names."""
        return self._behind(self.spec.finality_blocks + self.finalized_back)

    def set_finalized_back(self, blocks: int) -> None:
        """Move `finalized` this many blocks further back than in the spec. Raises ValueError for a negative number."""
        if blocks < 0:
            raise ValueError(f"finalized moves back by 0 blocks or more, got {blocks}")
        self.finalized_back = blocks

    def block(self, number: int) -> EthereumBlock | None:
        """Return the canonical block of a number, or None."""
        return self.blocks[number] if 0 <= number < len(self.blocks) else None

    def blocks_of(self, day: date) -> list[EthereumBlock]:
        """Return the canonical blocks whose timestamps are on this day, ascending."""
        start = unix_midnight(day)
        with self.lock:
            first, end = (
                bisect_left(self.blocks, at, key=lambda block: block.timestamp) for at in (start, start + DAY)
            )
            return self.blocks[first:end]

    def balance(self, address: str, number: int) -> int:
        """Return the balance of an address after a block, in Wei; 0 for an unknown address."""
        return self.accounts.balance(address.lower(), number)

    def grow(self, blocks: int) -> None:
        """Append this many blocks."""
        with self.lock:
            for _ in range(blocks):
                self._mine()

    def grow_to(self, instant: datetime) -> None:
        """Append every block up to this instant. An instant before the newest block changes nothing."""
        until = int(instant.timestamp())
        with self.lock:
            while self._time(self._next_slot) <= until:
                self._mine()

    def reorg(self, depth: int, length: int | None = None) -> None:
        """Replace the newest `depth` blocks by `length` other blocks. The default of `length` is `depth`.

        The new blocks have the timestamps of the replaced blocks, or some of these timestamps if there are fewer new
        blocks. Further new blocks continue the chain. Raises ValueError for impossible numbers.
        """
        length = depth if length is None else length
        if not 0 < depth < len(self.blocks) or length < 0:
            raise ValueError(f"a reorganisation replaces between 1 and {len(self.blocks) - 1} blocks, got {depth}")
        with self.lock:
            self.forks += 1
            self._rng = Random(f"{self.spec.seed}:ethereum:fork:{self.forks}")
            times = [block.timestamp for block in self.blocks[-depth:]]
            self.accounts.cut(len(self.blocks) - depth)
            del self.blocks[-depth:]
            for timestamp in sorted(self._rng.sample(times, min(depth, length))):
                self._append(timestamp)
            self.grow(length - depth)

    def _behind(self, blocks: int) -> EthereumBlock:
        return self.blocks[max(0, len(self.blocks) - 1 - blocks)]

    def _time(self, slot: int) -> int:
        return self._start + slot * self.spec.slot_seconds

    def _advance(self) -> None:
        self._next_slot += 1
        while self._rng.random() < self.spec.missed_share:
            self._next_slot += 1

    def _mine(self) -> None:
        self._append(self._time(self._next_slot))
        self._advance()

    def _append_genesis(self) -> None:
        spec = self.spec
        timestamp = 0 if spec.genesis_timestamp_zero else self._start
        base_fee = _FIRST_BASE_FEE if spec.london_number <= 0 else None
        content = (spec.first_day, spec.slot_seconds, spec.chain_id)
        nobody = "0x" + "0" * 40
        begun = EthereumBlock(0, "", _NO_PARENT, nobody, timestamp, 0, _GAS_LIMIT, base_fee, 0, 540, "0x")
        self.blocks.append(self._sealed(begun, self._digest(_NO_PARENT, content)))

    def _append(self, timestamp: int) -> None:
        parent, rng = self.blocks[-1], self._rng
        number = parent.number + 1
        miner = self._miner(parent)
        if not self.spec.bodies:
            self.accounts.mined(number, miner.address, rng)
        count = _TRANSACTIONS[int(rng.random() * len(_TRANSACTIONS))]
        gas_limit = _GAS_LIMIT + int(rng.random() * 36) * 1_000
        gas_used = self._gas_used(parent, count, gas_limit)
        size = 1_200 + count * 110 + gas_used // 400
        content = (number, miner.address, timestamp, gas_used, gas_limit, count, size)
        begun = EthereumBlock(
            number,
            "",
            parent.hash,
            miner.address,
            timestamp,
            gas_used,
            gas_limit,
            self._base_fee(parent),
            count,
            size,
            miner.extra_data,
        )
        mix_hash = self._digest(parent.hash, content)
        if self.spec.bodies:
            begun = begun._replace(mix_hash=mix_hash)
            self.accounts.mined(number, miner.address, rng, increase_of(begun, self.body(begun)))
        self.blocks.append(self._sealed(begun, mix_hash))

    def body(self, block: EthereumBlock) -> list[MadeTransaction]:
        """Return the transactions of a block. The chain's spec must have `bodies`."""
        before = self.balance(block.miner, block.number - 1) if block.number else 0
        return made_body(block, before, self.spec.chain_id)

    def _sealed(self, block: EthereumBlock, mix_hash: str) -> EthereumBlock:
        """Return the block with its remaining fields and the hash of all fields."""
        is_old = block.base_fee_per_gas is None
        block = block._replace(
            nonce="0x" + "0" * 16,
            sha3_uncles=EMPTY_UNCLES,
            state_root=self.accounts.state.root(),
            difficulty=17_171_480_576 if is_old else 0,
            mix_hash=mix_hash,
        )
        bodies = body_roots(self.body(block)) if self.spec.bodies else (derived(block, 3), derived(block, 2))
        block = block._replace(transactions_root=bodies[0], receipts_root=bodies[1])
        if not is_old:
            withdrawals = withdrawals_of(block.number, block.miner, block.parent_hash)
            block = block._replace(
                withdrawals_root=withdrawals_root(withdrawals),
                blob_gas_used=131_072,
                excess_blob_gas=0,
                parent_beacon_block_root=derived(block, 4),
                requests_hash=derived(block, 5),
                withdrawals_gwei=sum(one.gwei for one in withdrawals if one.address == block.miner),
            )
        spec = self.spec
        sealed = header_hash(
            block, has_future_member=block.number >= spec.future_number, is_ethereums=not spec.other_hashes
        )
        return block._replace(hash=sealed)

    def _miner(self, parent: EthereumBlock) -> Recipient:
        drawn = self.accounts.pick(self._rng)
        repeats = self._rng.random() < _SHARE_REPEATED
        return self.accounts.by_address.get(parent.miner, drawn) if repeats else drawn

    def _gas_used(self, parent: EthereumBlock, count: int, gas_limit: int) -> int:
        if count == 0:
            return 0
        fee = parent.base_fee_per_gas or _FIRST_BASE_FEE
        middle = 0.65 if fee < _QUIET_BASE_FEE else 0.35 if fee > _DEAR_BASE_FEE else 0.55
        return max(count * _GAS_PER_TRANSACTION, int(gas_limit * (middle + (self._rng.random() - 0.5) * 0.6)))

    def _base_fee(self, parent: EthereumBlock) -> int | None:
        """Return the base fee of the next block in Wei by EIP-1559, or None before the London fork.

        The fee rises by an eighth after a full block and falls by an eighth after an empty block.
        """
        if parent.number + 1 < self.spec.london_number:
            return None
        if parent.base_fee_per_gas is None:
            return _FIRST_BASE_FEE
        fee, target = parent.base_fee_per_gas, parent.gas_limit // 2
        above = parent.gas_used - target
        if above > 0:
            return fee + max(fee * above // target // 8, 1)
        return fee - fee * -above // target // 8

    def _digest(self, parent_hash: str, content: tuple[object, ...]) -> str:
        told = f"{self.spec.seed}:{self.forks}:{parent_hash}:{content}"
        return "0x" + sha256(told.encode()).hexdigest()
