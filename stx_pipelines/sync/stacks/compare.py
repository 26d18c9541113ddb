"""The comparison of stored rows with the API, column by column. One random page of a day is compared."""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import suppress

from stx_pipelines.chains.stacks import Cursor, Tx
from stx_pipelines.clients.stacks_api import StacksApi, SwitchRoute

LARGE_FEE_USTX = 10**16
"""Fees above this number of microSTX (10 billion STX) are possible, and named by `verify`."""

_NOT_COMPARED = {"block_hash", "microblock_sequence"}  # one is not stored, v3 names the other for some rows only
_ONLY_IN_V3 = "index_block_hash"


def differing_rows(api: StacksApi, rows: Sequence[Tx], stored_columns: Sequence[str]) -> list[str]:
    """Read a page at a random row of the day again. Return a sentence for each row that differs, at most three.

    Rows of other days on the page are left out. Raises the errors of `StacksApi`.
    """
    if not rows:
        return []
    chosen = random.choice(rows)
    page = _page_at(api, chosen)
    names = [name for name in stored_columns if name not in _NOT_COMPARED and name in Tx.__struct_fields__]
    known = {row.tx_id: row for row in rows}
    burns = {row.burn_block_height for row in rows}
    faults = []
    for there in page:
        here = known.get(there.tx_id)
        if here is None:
            if there.burn_block_height in burns:
                faults.append(f"the file lacks transaction {there.tx_id}")
            continue
        wrong = [name for name in names if getattr(here, name) != getattr(there, name)]
        if here.index_block_hash is None or there.index_block_hash is None:
            wrong = [name for name in wrong if name != _ONLY_IN_V3]
        if wrong:
            faults.append(f"transaction {there.tx_id} differs in {', '.join(wrong)}")
    if chosen.tx_id not in {there.tx_id for there in page}:
        faults.append(f"the API does not have transaction {chosen.tx_id} in block {chosen.block_height}")
    return faults[:3]


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
