"""The comparison of stored rows with the API, column by column: one random page of a day, or given pages."""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import suppress

from stx_pipelines.chains.stacks import ANCHORED, Cursor, PageMovedError, Tx
from stx_pipelines.clients.stacks_api import StacksApi, SwitchRoute
from stx_pipelines.sync.stacks.pages import page_at
from stx_pipelines.sync.stacks.plan import Piece
from stx_pipelines.sync.stacks.v1 import by_window

LARGE_FEE_USTX = 10**16
"""Fees above this number of microSTX (10 billion STX) are possible, and named by `verify`."""

_NOT_STORED = "block_hash"
_NOT_ALWAYS_NAMED = {"index_block_hash", "microblock_sequence"}  # v1 does not name one, v3 not always the other


def differing_rows(api: StacksApi, rows: Sequence[Tx], stored_columns: Sequence[str]) -> list[str]:
    """Read a page at a random row of the day again. Return a sentence for each row that differs, at most three.

    Rows of other days on the page are left out. Raises the errors of `StacksApi`.
    """
    if not rows:
        return []
    chosen = random.choice(rows)
    return _faults(_page_at(api, chosen), [chosen], rows, stored_columns)


def differing_page(api: StacksApi, page: Sequence[Tx], rows: Sequence[Tx], stored_columns: Sequence[str]) -> list[str]:
    """Read a page of the day again, all of its rows. Return a sentence for each row that differs, at most three.

    `page` is a part of the day's `rows`, which are in chain order. Rows of other days are left out. Raises the errors
    of `StacksApi`.
    """
    return _faults(_rows_from(api, page), page, rows, stored_columns)


def _faults(read: Sequence[Tx], chosen: Sequence[Tx], rows: Sequence[Tx], stored_columns: Sequence[str]) -> list[str]:
    """Compare the rows that were read, and name those of the `chosen` rows that were not."""
    names = [name for name in stored_columns if name != _NOT_STORED and name in Tx.__struct_fields__]
    known = {row.tx_id: row for row in rows}
    burns = {row.burn_block_height for row in rows}
    faults = []
    for there in read:
        here = known.get(there.tx_id)
        if here is None:
            if there.burn_block_height in burns:
                faults.append(f"the file lacks transaction {there.tx_id}")
        elif wrong := [name for name in names if _is_different(name, getattr(here, name), getattr(there, name))]:
            faults.append(f"transaction {there.tx_id} differs in {', '.join(wrong)}")
    there_too = {there.tx_id for there in read}
    faults += [
        f"the API does not have transaction {tx.tx_id} in block {tx.block_height}"
        for tx in chosen
        if tx.tx_id not in there_too
    ]
    return faults[:3]


def _is_different(name: str, here: object, there: object) -> bool:
    return here != there and not (name in _NOT_ALWAYS_NAMED and None in {here, there})


def _rows_from(api: StacksApi, page: Sequence[Tx]) -> list[Tx]:
    """Return the API's rows from the newest row of this page down, until they have every row of it."""
    lowest, newest = page[0].block_height, page[-1]
    if api.route == "v3":
        with suppress(SwitchRoute):
            rows: list[Tx] = []
            wanted = {tx.tx_id for tx in page}
            cursor: Cursor | None = _cursor_of(newest)
            while wanted and cursor and cursor.height >= lowest:
                try:
                    found = page_at(api, cursor)
                except PageMovedError:
                    break  # the API has another row at this place
                rows, cursor = rows + found.rows, found.next
                wanted -= {tx.tx_id for tx in found.rows}
            return rows
    times = [tx.burn_block_time for tx in page]
    piece = Piece(lowest, newest.block_height, min(times), max(times) + 1)
    return by_window(api, piece, lambda _: None)


def _cursor_of(tx: Tx) -> Cursor:
    """Return the cursor of a row, or of its block if the row's place in the list is not known."""
    # Before Nakamoto, v3 names no microblocks. The transactions of block 0 are numbered as those of block 1.
    if tx.microblock_sequence != ANCHORED or tx.block_height <= 1:
        return Cursor.top_of(tx.block_height)
    return Cursor(tx.block_height, tx.microblock_sequence, tx.tx_index)


def _page_at(api: StacksApi, tx: Tx) -> list[Tx]:
    """Return a page that contains this transaction, if the API has it."""
    if api.route == "v3":
        with suppress(SwitchRoute):
            rows: list[Tx] = []
            cursor: Cursor | None = Cursor.top_of(tx.block_height)
            while cursor and cursor.height == tx.block_height and tx.tx_id not in {row.tx_id for row in rows}:
                page = api.page(cursor)
                rows, cursor = page.rows, page.next
            return rows
    offset = 0
    while True:
        window = api.window_page(tx.burn_block_time, tx.burn_block_time + 1, offset)
        offset += len(window.rows)
        if offset >= window.total or tx.tx_id in {row.tx_id for row in window.rows}:
            return window.rows


def large_fees(rows: Sequence[Tx]) -> list[str]:
    """Return a sentence for each transaction with a very large fee, at most three."""
    large = [row for row in rows if row.fee_ustx > LARGE_FEE_USTX]
    return [f"transaction {row.tx_id} has a fee of {row.fee_ustx:,} microSTX" for row in large[:3]]
