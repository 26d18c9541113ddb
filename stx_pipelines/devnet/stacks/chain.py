"""The made-up Stacks chain: growth, reorganisations, reading.

This module holds the canonical chain. It does not make the senders of transactions (mempool.py), JSON (render.py),
responses (routes_*.py) or faults (faults.py). It reads no clock, so every instant is an argument. The same spec and the
same calls give the same chain.
"""

from bisect import bisect_right
from collections import OrderedDict, deque
from dataclasses import replace
from datetime import date, datetime
from hashlib import sha512
from random import Random
from threading import RLock

from stx_pipelines.devnet.days import DAY, unix_midnight
from stx_pipelines.devnet.stacks.bitcoin import Bitcoin
from stx_pipelines.devnet.stacks.encoding import Header, block_bytes, merkle_root
from stx_pipelines.devnet.stacks.lively_mempool import LivelyMempool
from stx_pipelines.devnet.stacks.mempool import Mempool
from stx_pipelines.devnet.stacks.reorg import Site, new_sites, refill, same_sites, users_drafts
from stx_pipelines.devnet.stacks.tenures import BlockPlan, Tenures
from stx_pipelines.devnet.stacks.values import (
    ANCHORED,
    SKIPPED,
    BurnBlock,
    ChainSpec,
    Draft,
    StacksBlock,
    Transaction,
    in_microblocks,
    with_boot_rows,
)

# Exported again, because code that uses the chain also needs its values.
__all__ = ["BurnBlock", "ChainSpec", "StacksBlock", "StacksChain", "Transaction"]


_MOST_ORPHANS = 2_000


class StacksChain:
    """A deterministic chain. Hold `lock` while reading several values that another thread may change."""

    def __init__(self, spec: ChainSpec) -> None:
        """Build the chain up to the spec's tip."""
        self.spec = spec
        self.lock = RLock()
        self.blocks: list[StacksBlock] = []
        self.burn_blocks: list[BurnBlock] = []
        self.rows: list[Transaction] = []  # every canonical transaction, ascending
        self.bitcoin = Bitcoin(spec)
        self._mempool = LivelyMempool(spec) if spec.life else Mempool(spec)
        self._tenures = Tenures(spec, self.bitcoin, self._mempool)
        self._planned: deque[BlockPlan] = deque()
        self._positions: dict[str, int] = {}  # the position of each block, by hash and by index hash
        self._row_starts: list[int] = []  # the position in `rows` of each block's first row
        self._orphans: OrderedDict[str, StacksBlock] = OrderedDict()  # by index hash, the newest last
        self.forks = 0  # reorganisations so far
        self.false_rows = 0  # rows that `falsify` changed so far
        self.grow_to(spec.tip)

    @property
    def tip(self) -> StacksBlock:
        """The newest block."""
        return self.blocks[-1]

    def grow_to(self, instant: datetime) -> None:
        """Append every block up to this instant. An instant before the tip changes nothing."""
        until = int(instant.timestamp())
        with self.lock:
            while self._next_plan().time <= until:
                self._mine(self._planned.popleft())

    def grow(self, *, burn_blocks: int) -> None:
        """Append Stacks blocks until this many more burn blocks have at least one Stacks block."""
        with self.lock:
            wanted = len(self.burn_blocks) + burn_blocks
            while len(self.burn_blocks) < wanted:
                self._next_plan()
                self._mine(self._planned.popleft())

    def reorg(self, *, stacks_blocks: int = 0, burn_blocks: int = 0) -> None:
        """Replace the newest Stacks blocks, or the newest burn blocks together with their Stacks blocks."""
        if (stacks_blocks > 0) == (burn_blocks > 0):
            raise ValueError("a reorganisation replaces either Stacks blocks or burn blocks, at least one")
        if stacks_blocks >= len(self.blocks) or burn_blocks >= len(self.burn_blocks):
            raise ValueError("a reorganisation cannot replace the whole chain")
        with self.lock:
            self.forks += 1
            rng = Random(f"{self.spec.seed}:fork:{self.forks}")
            replaced, sites = self._cut_burn(burn_blocks, rng) if burn_blocks else self._cut_stacks(stacks_blocks)
            for site, drafts in refill(sites, users_drafts(replaced), self._mempool, rng):
                self._append(site, drafts)

    def falsify(self, tx_id: str, **fields: object) -> None:
        """Change fields of a row that the API serves, or remove the row if no fields are given.

        The block's counts agree with the false rows. Its hash and its raw bytes stay true.
        """
        with self.lock:
            position = next(
                at for at, block in enumerate(self.blocks) if tx_id in {tx.tx_id for tx in block.transactions}
            )
            block = self.blocks[position]
            told = [replace(tx, **fields) if tx.tx_id == tx_id else tx for tx in block.transactions]  # type: ignore[arg-type]
            kept = told if fields else [tx for tx in told if tx.tx_id != tx_id]
            rows = tuple(replace(tx, tx_index=at) for at, tx in enumerate(kept))
            start = self._row_starts[position]
            self.rows[start : start + len(block.transactions)] = rows
            self._row_starts[position + 1 :] = [
                at + len(rows) - len(block.transactions) for at in self._row_starts[position + 1 :]
            ]
            false = replace(block, transactions=rows, signed=block.signed or block.transactions)
            self.blocks[position] = false
            burn = self.burn_block(block.burn_height)
            assert burn is not None
            burn.blocks[burn.blocks.index(block)] = false
            self.false_rows += 1

    def transactions(self, day: date | None = None) -> list[Transaction]:
        """Return the canonical transactions of a day (by the time of their burn block) or of all days, ascending."""
        start = unix_midnight(day) if day else 0
        with self.lock:
            burns = [burn for burn in self.burn_blocks if day is None or start <= burn.time < start + DAY]
            return [tx for burn in burns for tx in burn.transactions()]

    def block(self, height: int) -> StacksBlock | None:
        """Return the canonical block of a height, or None."""
        position = height - self.spec.first_height
        return self.blocks[position] if 0 <= position < len(self.blocks) else None

    def block_by_hash(self, block_hash: str) -> StacksBlock | None:
        """Return the canonical block with this hash or index hash, or None, for example if the block is orphaned."""
        position = self._positions.get(block_hash)
        return None if position is None else self.blocks[position]

    def any_block(self, index_hash: str) -> StacksBlock | None:
        """Return the canonical or orphaned block with this index hash, or None. Very old orphans are forgotten."""
        return self.block_by_hash(index_hash) or self._orphans.get(index_hash)

    def raw(self, block: StacksBlock) -> bytes:
        """Return the bytes of a block, made again from its values."""
        signed = block.transactions if block.signed is None else block.signed
        header = Header(
            self.spec.header_version,
            block.height,
            block.burn_hash,
            block.parent_index_hash,
            merkle_root([tx.tx_id for tx in signed]),
            block.time,
            block.fork,
            [at for at, tx in enumerate(signed) if tx.tx_status == SKIPPED],
        )
        return block_bytes(header, signed)

    def block_at(self, unix: int) -> StacksBlock | None:
        """Return the newest block whose time is not after `unix`, or None."""
        position = bisect_right(self.blocks, unix, key=lambda block: block.time)
        return self.blocks[position - 1] if position else None

    def burn_block(self, height: int) -> BurnBlock | None:
        """Return the burn block of a height, or None if there is no Stacks block in it."""
        position = bisect_right(self.burn_blocks, height, key=lambda burn: burn.height) - 1
        found = self.burn_blocks[position] if position >= 0 else None
        return found if found and found.height == height else None

    def rows_up_to(self, height: int, sequence: int, tx_index: int) -> int:
        """Return the number of `rows` up to and including a place in the chain. The place need not exist."""
        position = min(height - self.spec.first_height, len(self.blocks) - 1)
        if position < 0:
            return 0
        size = len(self.blocks[position].transactions)
        exact = self.blocks[position].height == height
        if exact and (self.spec.microblocks or (height == 1 and self.spec.boot_transactions)):  # indexes repeat
            rows = self.blocks[position].transactions
            within = sum((tx.microblock_sequence, tx.tx_index) <= (sequence, tx_index) for tx in rows)
            return self._row_starts[position] + within
        if exact and sequence < ANCHORED:
            return self._row_starts[position]
        return self._row_starts[position] + (min(tx_index + 1, size) if exact else size)

    def _next_plan(self) -> BlockPlan:
        if not self._planned:
            self._planned.extend(self._tenures.plan())
        return self._planned[0]

    def _mine(self, plan: BlockPlan) -> None:
        opens = plan.starts_tenure and plan.tx_count > 0
        opening = self._mempool.tenure_start() if opens else []
        drafts = self._mempool.drafts(plan.tx_count - len(opening), plan.time // DAY)
        self._append(Site(plan.time, plan.burn_height, plan.tenure_height), opening + drafts)

    def _cut_stacks(self, count: int) -> tuple[list[StacksBlock], list[Site]]:
        replaced = self._cut(count)
        return replaced, same_sites(replaced)

    def _cut_burn(self, count: int, rng: Random) -> tuple[list[StacksBlock], list[Site]]:
        burns = self.burn_blocks[-count:]
        sites = new_sites(burns, rng)
        self.bitcoin.redraw(burns[0].height, self.forks, rng)
        return self._cut(sum(len(burn.blocks) for burn in burns)), sites

    def _cut(self, count: int) -> list[StacksBlock]:
        """Remove the newest `count` blocks from the chain and return them, oldest first."""
        removed = self.blocks[-count:]
        del self.rows[self._row_starts[-count] :]
        del self.blocks[-count:], self._row_starts[-count:]
        for block in reversed(removed):
            del self._positions[block.hash], self._positions[block.index_hash]
            self._orphans[block.index_hash] = block
            self.burn_blocks[-1].blocks.pop()
            if not self.burn_blocks[-1].blocks:
                self.burn_blocks.pop()
        while len(self._orphans) > _MOST_ORPHANS:
            self._orphans.popitem(last=False)
        return removed

    def _append(self, site: Site, drafts: list[Draft]) -> None:
        burn = self._open_burn_block(site.burn_height)
        block = self._build(site, burn, drafts)
        self._positions[block.hash] = self._positions[block.index_hash] = len(self.blocks)
        self.blocks.append(block)
        burn.blocks.append(block)
        self._row_starts.append(len(self.rows))
        self.rows += block.transactions

    def _open_burn_block(self, height: int) -> BurnBlock:
        if not self.burn_blocks or self.burn_blocks[-1].height != height:
            bitcoin = self.bitcoin.at(height)
            self.burn_blocks.append(BurnBlock(height, bitcoin.hash, bitcoin.time))
        return self.burn_blocks[-1]

    def _build(self, site: Site, burn: BurnBlock, drafts: list[Draft]) -> StacksBlock:
        height = self.spec.first_height + len(self.blocks)
        parent = self.blocks[-1] if self.blocks else None
        parent_hashes = (parent.hash, parent.index_hash) if parent else self._hashes_before()
        header = Header(
            self.spec.header_version,
            height,
            burn.hash,
            parent_hashes[1],
            merkle_root([draft.tx_id for draft in drafts]),
            site.time,
            self.forks,
            [at for at, draft in enumerate(drafts) if draft.tx_status == SKIPPED],
        )
        block_hash, index_hash = header.hashes()
        # Positional arguments are faster, and this runs once per transaction.
        rows = tuple(
            Transaction(
                draft.tx_id,
                site.time,
                height,
                index_hash,
                block_hash,
                *draft[1:-1],
                burn.time,
                burn.height,
                tx_index,
                draft.salt,
            )
            for tx_index, draft in enumerate(drafts)
        )
        signed = None
        if height == 1 and self.spec.boot_transactions:
            signed, rows = rows, with_boot_rows(rows, self.spec)
        elif self.spec.microblocks:
            signed, rows = rows, in_microblocks(rows, self.spec)
        return StacksBlock(
            height,
            block_hash,
            index_hash,
            *parent_hashes,
            site.time,
            site.tenure_height,
            burn.height,
            burn.hash,
            burn.time,
            rows,
            self.forks,
            signed,
        )

    def _hashes_before(self) -> tuple[str, str]:
        """Return the hash and the index hash of the block before the chain's first one."""
        digest = sha512(f"{self.spec.seed}:before".encode()).hexdigest()
        return "0x" + digest[:64], "0x" + digest[64:]
