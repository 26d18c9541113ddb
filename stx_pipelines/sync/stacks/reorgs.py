"""Before anything is written: is this the chain the data folder holds, and how much of it is still canonical?"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.days import day_of, window
from stx_pipelines.chains.stacks import Block, Tx
from stx_pipelines.clients.errors import NotFound
from stx_pipelines.clients.stacks_api import StacksApi
from stx_pipelines.store.data_folder import DataFolder
from stx_pipelines.store.identity import Identity, keep_identity, known_identity
from stx_pipelines.sync.outcome import WrongChain

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Standing:
    """The part of the stored history that is still canonical: everything up to `canonical_to` (a Stacks height).

    `stale` are stored days with blocks above that, newest first.
    """

    canonical_to: int
    stale: tuple[date, ...]


def identify(api: StacksApi, folder: DataFolder, first_day: date | None) -> Identity:
    """The chain of this data folder, asked from the server and kept at the first use.

    `first_day` is needed for a server whose history starts later than its chain; one that has block 1 is named by
    that, and its first day is the chain's own. Raises `WrongChain`.
    """
    known = known_identity(folder)
    if known is not None:
        return known
    try:
        identity = _identity(first := api.block(1), day_of(first.burn_block_time))
    except NotFound:
        if first_day is None:
            raise WrongChain(
                f"{api.http.base_url} does not have block 1 of its chain: set STX_FIRST_DAY to the first UTC day "
                "that it has whole"
            ) from None
        identity = _identity(_block_of(api, first_day), first_day)
    keep_identity(folder, identity)
    return identity


def _identity(block: Block, first_day: date) -> Identity:
    return Identity(block.height, block.index_block_hash, first_day)


def _block_of(api: StacksApi, first_day: date) -> Block:
    block = api.block_at(window(first_day)[1])
    if block is None:
        raise WrongChain(f"{api.http.base_url} has no block up to STX_FIRST_DAY={first_day}: choose a later day")
    return block


def standing(api: StacksApi, identity: Identity, stored: Iterable[Certificate]) -> Standing:
    """Compare stored days with the server, newest first, up to the first closed one that is closed there too.

    A hash names all its ancestors, so what is older is unchanged too, but for open days: they may have been stored
    before another fork was. A closed day is asked for by the block that closed it: a reorg below that may add burn
    blocks to the day above its last block. Usually two requests, one more per further open day. Raises `WrongChain`
    when the chain's identity is not there.
    """
    stale: list[date] = []
    canonical_to = 0
    for certificate in sorted(stored, key=lambda known: known.day, reverse=True):
        height = _canonical_height(api, certificate)
        if height is None:
            continue
        if height:
            canonical_to = max(canonical_to, height)
            if certificate.is_closed:
                return Standing(height if stale else canonical_to, tuple(stale))
            continue
        if not stale:
            _refuse_another_chain(api, identity)
        stale.append(certificate.day)
    if not canonical_to and not stale:
        _refuse_another_chain(api, identity)
    return Standing(0 if stale else canonical_to, tuple(stale))


def _canonical_height(api: StacksApi, certificate: Certificate) -> int | None:
    """Up to where a day's certificate vouches for the chain: 0 if it is of another fork, None if it says nothing."""
    if certificate.is_closed and (closed_by := certificate.closed_by):
        return closed_by.height if api.is_canonical(closed_by.height, closed_by.block_hash) else 0
    if certificate.last_height is None or certificate.last_hash is None:
        return None
    return certificate.last_height if api.has_block(certificate.last_height, certificate.last_hash) else 0


def _refuse_another_chain(api: StacksApi, identity: Identity) -> None:
    if not api.has_block(identity.height, identity.index_block_hash):
        raise WrongChain(
            f"the data folder holds the chain whose block {identity.height} is {identity.index_block_hash}, "
            f"{api.http.base_url} serves another one: change STX_DATA_DIR or HIRO_API_URL; nothing was written"
        )


def fork_height(api: StacksApi, rows: Iterable[Tx], floor: int) -> int:
    """The highest of the rows' blocks that is still canonical, by bisection; `floor` if none is."""
    hashes = {tx.block_height: tx.index_block_hash for tx in rows if tx.index_block_hash}
    heights = sorted(hashes)
    low, high = 0, len(heights)  # heights[:low] are canonical, heights[high:] are not
    while low < high:
        middle = (low + high) // 2
        if api.has_block(heights[middle], hashes[heights[middle]] or ""):
            low = middle + 1
        else:
            high = middle
    return heights[low - 1] if low else floor
