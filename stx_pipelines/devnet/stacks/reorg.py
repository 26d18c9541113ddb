"""The plan of a reorganisation: the places of the new blocks and their content.

This module chooses the transactions to drop, move or add. It does not remove or append blocks (chain.py).
"""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from random import Random
from typing import NamedTuple

from stx_pipelines.devnet.stacks.mempool import Mempool
from stx_pipelines.devnet.stacks.values import BurnBlock, Draft, StacksBlock, Transaction


class Site(NamedTuple):
    """The place of a block in the chain, without its content."""

    time: int
    burn_height: int
    tenure_height: int
    miners_own: tuple[Draft, ...] = ()  # tenure_change and coinbase, in a tenure's first block
    is_empty: bool = False


def same_sites(blocks: list[StacksBlock]) -> list[Site]:
    """Return the sites of the replaced Stacks blocks. The new fork has as many blocks, at the same times."""
    return [_site(block, block.time) for block in blocks]


def new_sites(burns: list[BurnBlock], rng: Random) -> list[Site]:
    """Return sites for replaced burn blocks. Each tenure starts at the same time but may have more or fewer blocks."""
    ends = [burn.blocks[0].time for burn in burns[1:]] + [burns[-1].blocks[-1].time + 1]
    return [site for burn, end in zip(burns, ends, strict=True) for site in _tenure_sites(burn, end, rng)]


def refill(sites: list[Site], pool: list[Draft], mempool: Mempool, rng: Random) -> Iterator[tuple[Site, list[Draft]]]:
    """Yield each site with its transactions.

    The orphaned transactions keep their order, so that the nonces of a wallet keep rising. The transactions of an
    eighth of the senders are dropped. The transactions of another eighth are mined later. Some transactions are new.
    """
    kept = _thin_out(pool, mempool, rng)
    for _ in range(1 + len(pool) // 8):
        kept.insert(rng.randint(0, len(kept)), mempool.newcomers_draft())
    busy = [site for site in sites if not site.is_empty]
    cuts = [0, *sorted(rng.choices(range(len(kept) + 1), k=len(busy) - 1)), len(kept)] if busy else []
    slices = iter([kept[start:end] for start, end in pairwise(cuts)])
    for site in sites:
        yield site, [] if site.is_empty else _contents(site, next(slices), mempool)


def users_drafts(blocks: Iterable[StacksBlock]) -> list[Draft]:
    """Return the transactions of blocks, without tenure_change and coinbase."""
    return [draft_of(tx) for block in blocks for tx in block.transactions if not _is_miners_own(tx)]


def draft_of(tx: Transaction) -> Draft:
    """Make the draft of a transaction whose block was removed."""
    return Draft(
        tx.tx_id,
        tx.sender_address,
        tx.nonce,
        tx.sponsor_address,
        tx.sponsor_nonce,
        tx.fee_ustx,
        tx.tx_type,
        tx.tx_status,
        tx.salt,
    )


def _is_miners_own(tx: Transaction) -> bool:
    return tx.tx_type in {"tenure_change", "coinbase"}


def _site(block: StacksBlock, time: int) -> Site:
    miners_own = tuple(draft_of(tx) for tx in block.transactions if _is_miners_own(tx))
    return Site(time, block.burn_height, block.tenure_height, miners_own, not block.transactions)


def _tenure_sites(burn: BurnBlock, end: int, rng: Random) -> list[Site]:
    first = _site(burn.blocks[0], burn.blocks[0].time)
    if first.is_empty:
        return [first]
    wanted = len(burn.blocks) - 1 + rng.randint(-1, 1)
    room = range(first.time + 1, end)
    times = sorted(rng.sample(room, max(0, min(wanted, len(room)))))
    return [first, *(Site(time, first.burn_height, first.tenure_height) for time in times)]


def _thin_out(pool: list[Draft], mempool: Mempool, rng: Random) -> list[Draft]:
    """Drop or delay all transactions of some wallets, and return the transactions of the other wallets.

    Dropping only some transactions of a wallet would leave gaps in its nonces. Dropping a sponsored transaction would
    leave a gap in the nonces of its sponsor.
    """
    sponsored = {draft.sender_address for draft in [*pool, *mempool.waiting] if draft.sponsor_address}
    senders = sorted({draft.sender_address for draft in pool} - sponsored)
    leaving = rng.sample(senders, min(len(senders), 2 + len(senders) // 4) if len(senders) > 1 else 0)
    dropped, later = set(leaving[::2]), set(leaving[1::2])
    mempool.forget(draft for draft in pool if draft.sender_address in dropped)
    mempool.give_back([draft for draft in pool if draft.sender_address in later])
    return [draft for draft in pool if draft.sender_address not in dropped | later]


def _contents(site: Site, drafts: list[Draft], mempool: Mempool) -> list[Draft]:
    opening = [mempool.again(draft) for draft in site.miners_own]
    return opening + drafts or [mempool.newcomers_draft()]
