"""Functions that check, before a sync writes, the identity of the server's chain and which days are canonical."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
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
from stx_pipelines.sync.stacks.looks import View

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Standing:
    """The canonical part of the stored history, up to `canonical_to` (a Stacks height).

    `stale` are the stored days that a reorg changed, newest first.
    """

    canonical_to: int
    stale: tuple[date, ...]


def identify(api: StacksApi, folder: DataFolder, first_day: date | None) -> Identity:
    """Return the identity of the data folder's chain. Read it from the server and save it at the first use.

    The identity is block 1 and its UTC day. If the server does not have block 1, the identity is a block of `first_day`
    and that day. Raises `WrongChain` if `first_day` is needed and is None or before the server's first block,
    and `ApiError` if the server is not a Hiro API.
    """
    known = known_identity(folder)
    if known is not None:
        return known
    try:
        identity = _identity(first := api.block(1), day_of(first.burn_block_time))
    except NotFound:
        api.tip()  # raises `ApiError` if the server is not a Hiro API, so that it lacks more than this block
        if first_day is None:
            raise WrongChain(
                f"{api.http.base_url} does not have block 1 of its chain: set STX_FIRST_DAY to the first UTC day "
                "that the server has completely"
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


def standing(view: View, identity: Identity, stored: Iterable[Certificate], each: Collection[date] = ()) -> Standing:
    """Return the canonical part of the stored history, and the stored days that a reorg changed.

    Days are compared with the server, newest first, up to the first closed day that is unchanged. A block hash covers
    all ancestors, so older days are unchanged too. The days in `each` are all compared, because one run may have stored
    them from several forks. Open days may be of different forks, so each open day is compared.
    For a closed day, the block that closed the day is compared instead of its last block, because a reorg between these
    two blocks may add burn blocks to the day. Usually this takes two requests, and one more for each further open day.
    Raises `WrongChain` if the server does not have the chain's identity, and `Lagging`.
    """
    stale: list[date] = []
    canonical_to = 0
    below_closed = False  # whether a newer day is closed and unchanged
    for certificate in sorted(stored, key=lambda known: known.day, reverse=True):
        if below_closed and certificate.day not in each:
            continue
        height = _canonical_height(view, certificate)
        if height is None:
            continue
        if height:
            canonical_to = height if stale and certificate.is_closed else max(canonical_to, height)
            below_closed |= certificate.is_closed
            continue
        if not stale:
            refuse_another_chain(view.api, identity)
        stale.append(certificate.day)
        canonical_to = 0 if below_closed else canonical_to
    if not canonical_to and not stale:
        refuse_another_chain(view.api, identity)
    return Standing(canonical_to if below_closed or not stale else 0, tuple(stale))


def _canonical_height(view: View, certificate: Certificate) -> int | None:
    """Return the height of the certificate's block if that block is canonical, otherwise 0; None without a block."""
    if certificate.is_closed and (closed_by := certificate.closed_by):
        return closed_by.height if view.is_canonical(closed_by.height, closed_by.block_hash) else 0
    if certificate.last_height is None or certificate.last_hash is None:
        return None
    return certificate.last_height if view.has_block(certificate.last_height, certificate.last_hash) else 0


def refuse_another_chain(api: StacksApi, identity: Identity) -> None:
    """Raise `WrongChain` if the server does not have the block that identifies the data folder's chain."""
    if not api.has_block(identity.height, identity.index_block_hash):
        raise WrongChain(
            f"the data folder holds the chain whose block {identity.height} is {identity.index_block_hash}, "
            f"but {api.http.base_url} serves another chain: change STX_DATA_DIR or HIRO_API_URL; nothing was written"
        )


def fork_height(view: View, rows: Iterable[Tx], floor: int) -> int:
    """Return the height of the highest canonical block of these rows, by bisection; `floor` if none is canonical.

    Raises `Lagging`.
    """
    hashes = {tx.block_height: tx.index_block_hash for tx in rows if tx.index_block_hash}
    heights = sorted(hashes)
    low, high = 0, len(heights)  # heights[:low] are canonical, heights[high:] are not
    while low < high:
        middle = (low + high) // 2
        if view.has_block(heights[middle], hashes[heights[middle]] or ""):
            low = middle + 1
        else:
            high = middle
    return heights[low - 1] if low else floor
