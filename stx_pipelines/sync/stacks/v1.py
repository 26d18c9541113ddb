"""Everything that a sync reads through the deprecated v1 route of the API.

That is the pieces of a server without v3, and on any server the numbers of microblocks, which v3 does not name. Days
before 2024-10-29 have microblocks. Each such day costs one request more for each 50 of its transactions, about twice
as many requests as a day without microblocks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from stx_pipelines.chains.errors import ProofError
from stx_pipelines.chains.stacks import PAGE_SIZE, Tx
from stx_pipelines.clients.stacks_api import NoV1, StacksApi
from stx_pipelines.sync.outcome import OnPage
from stx_pipelines.sync.stacks.plan import Piece, joined


def by_window(api: StacksApi, piece: Piece, on_page: OnPage) -> list[Tx]:
    """Read the piece by time, oldest first. New transactions are then appended, so that offsets do not change."""
    rows: list[Tx] = []
    offset, total, first_total = 0, 1, 0
    while offset < total:
        page = api.window_page(piece.start, piece.end, offset)
        wanted = [tx for tx in page.rows if piece.lo <= tx.block_height <= piece.hi]
        rows += wanted
        refuse_too_many(len(rows), piece)
        on_page(len(wanted))
        first_total = first_total or page.total
        if page.total > 2 * first_total + PAGE_SIZE:
            raise ProofError(f"the list of heights {piece.lo} to {piece.hi} grew from {first_total} to {page.total}")
        offset, total = offset + len(page.rows), page.total
    return rows


def with_microblocks(api: StacksApi, piece: Piece, rows: Sequence[Tx], on_page: OnPage) -> list[Tx]:
    """Return rows of v3 with the `microblock_sequence` of v1. It stays None where v1 does not name it, or is missing.

    Rows since 2024-10-29 have it already. Raises the errors of `by_window`.
    """
    if not api.has_v1 or all(tx.microblock_sequence is not None for tx in rows):
        return list(rows)
    try:
        named = {tx.tx_id: tx.microblock_sequence for tx in by_window(api, piece, lambda _: on_page(0))}
    except NoV1:
        return list(rows)  # the client has logged it
    return [replace(tx, microblock_sequence=named.get(tx.tx_id)) for tx in rows]


def all_or_none(rows: Sequence[Tx]) -> list[Tx]:
    """Return the rows of a day, all without `microblock_sequence` if one of them has none."""
    if all(tx.microblock_sequence is not None for tx in rows):
        return list(rows)
    return [replace(tx, microblock_sequence=None) for tx in rows]


def without_shared_windows(newest_first: Iterable[Piece]) -> list[Piece]:
    """Join adjacent pieces whose burn times overlap, because servers without v3 are read by time."""
    apart: list[Piece] = []
    for piece in newest_first:
        last = apart[-1] if apart else None
        if last and last.lo == piece.hi + 1 and last.start < piece.end and piece.start < last.end:
            apart[-1] = joined([last, piece])
        else:
            apart.append(piece)
    return apart


def refuse_too_many(count: int, piece: Piece) -> None:
    """Raise `ProofError` if a piece has more rows than its burn blocks promise and one page, so that reading ends.

    Block 1 has more rows than promised: the transactions of block 0.
    """
    if piece.most is not None and count > piece.most + PAGE_SIZE:
        raise ProofError(f"heights {piece.lo} to {piece.hi} have {piece.most} transactions, but {count} were read")
