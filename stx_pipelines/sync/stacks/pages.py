"""Functions that read one piece of the chain page by page through v3, or through v1 if the server has no v3."""

from __future__ import annotations

from stx_pipelines.chains.errors import ProofError
from stx_pipelines.chains.stacks import Cursor, Page, PageMovedError, Tx
from stx_pipelines.clients.stacks_api import StacksApi, SwitchRoute
from stx_pipelines.sync.outcome import OnPage
from stx_pipelines.sync.stacks.burn_blocks import ListMoved
from stx_pipelines.sync.stacks.plan import Piece
from stx_pipelines.sync.stacks.v1 import by_window, refuse_too_many, with_microblocks

_STARTS = 3  # attempts to read a piece while reorgs interrupt


def read_piece(api: StacksApi, piece: Piece, on_page: OnPage) -> list[Tx]:
    """Return every transaction of the piece's heights. Raises `ProofError` and the errors of `StacksApi`."""
    if api.route == "v3":
        try:
            return with_microblocks(api, piece, _by_cursor(api, piece, on_page), on_page)
        except SwitchRoute:
            pass  # the client has logged it
    return by_window(api, piece, on_page)


def _by_cursor(api: StacksApi, piece: Piece, on_page: OnPage) -> list[Tx]:
    """Read the piece from its highest block downwards. Start again if a reorg removes the row that a cursor names."""
    for _ in range(_STARTS):
        try:
            return _downwards(api, piece, on_page)
        except PageMovedError as error:
            moved = error
    raise ListMoved(f"the chain kept changing while heights {piece.lo} to {piece.hi} were read: {moved}")


def _downwards(api: StacksApi, piece: Piece, on_page: OnPage) -> list[Tx]:
    rows: dict[str, Tx] = {}
    cursor: Cursor | None = Cursor.top_of(piece.hi)
    while cursor is not None and cursor.height >= piece.lo:
        page = page_at(api, cursor)
        wanted = {tx.tx_id: tx for tx in page.rows if tx.block_height >= piece.lo}
        if wanted and wanted.keys() <= rows.keys():
            raise ProofError(f"the page at {cursor} repeats an earlier page")
        rows |= wanted
        refuse_too_many(len(rows), piece)
        on_page(len(wanted))
        cursor = page.next
    return list(rows.values())


def page_at(api: StacksApi, cursor: Cursor) -> Page:
    """Return a page. If it starts at another row, request it again: the response may belong to another request."""
    try:
        return api.page(cursor)
    except PageMovedError:
        return api.page(cursor)
