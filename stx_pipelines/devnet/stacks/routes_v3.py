"""The v3 routes: transactions by cursor, of the chain and of one block.

This module makes the cursors and pages of v3. It does not make v1 or v2 (routes_v1.py, routes_v2.py), headers
(answers.py) or faults (faults.py). The caller holds the chain's lock.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from stx_pipelines.devnet.stacks.answers import (
    INT_MAX,
    Answer,
    Request,
    bad_request,
    integer,
    not_found,
    out_of_range,
)
from stx_pipelines.devnet.stacks.chain import StacksChain
from stx_pipelines.devnet.stacks.knobs import Knobs
from stx_pipelines.devnet.stacks.render import v3_row
from stx_pipelines.devnet.stacks.values import ANCHORED, StacksBlock, Transaction

_SMALLINT_MAX = 32_767
_DEFAULT_LIMIT, _MOST = 20, 50
_CURSOR = re.compile(r"([0-9]+):([0-9]+):([0-9]+)")
_BLOCK_NAME = re.compile(r"latest|[0-9]+|0x[0-9a-fA-F]{64}")


class _Place(NamedTuple):
    height: int
    microblock_sequence: int
    tx_index: int


class V3Pages:
    """Pages of transactions. Each row's JSON is written once and kept until the next reorganisation."""

    def __init__(self, chain: StacksChain, knobs: Knobs) -> None:
        """Serve this chain. The knob `hidden_transactions` leaves rows out of every list."""
        self._chain = chain
        self._knobs = knobs
        self._state = (chain.forks, chain.false_rows)
        self._written: dict[str, bytes] = {}

    def transactions(self, request: Request) -> Answer:
        """Respond to GET /extended/v3/transactions."""
        limit = integer(request.query, "limit", _DEFAULT_LIMIT, 1, _MOST)
        start = self._start(request)
        end = self._chain.rows_up_to(*start)
        return Answer(200, self._page(self._chain.rows, end, limit), self._chain.tip.index_hash)

    def of_block(self, request: Request) -> Answer:
        """Respond to GET /extended/v3/blocks/{height|hash|latest}/transactions."""
        limit = integer(request.query, "limit", _DEFAULT_LIMIT, 1, _MOST)
        start = self._start(request)
        block = find_block(self._chain, request.argument)
        if block is None:
            raise not_found("Block not found")
        end = sum((tx.block_height, tx.microblock_sequence, tx.tx_index) <= start for tx in block.transactions)
        return Answer(200, self._page(block.transactions, end, limit), f"{block.index_hash}:true")

    def _start(self, request: Request) -> _Place:
        text = request.query.get("cursor")
        if text is None:
            return _Place(INT_MAX, ANCHORED, _SMALLINT_MAX)
        return parse_cursor(text, self._chain.tip.index_hash)

    def _page(self, rows: Sequence[Transaction], end: int, limit: int) -> bytes:
        """Return the `limit` rows below position `end`, newest first, with `current`, `next` and `previous` cursors."""
        reach = limit + len(self._knobs.hidden_transactions)
        below = self._visible(rows[max(0, end - reach - 1) : end])[::-1]
        page, following = below[:limit], below[limit:]
        newer = self._visible(rows[end : end + reach])[:limit] if page else []
        cursors = f'"next":{_name(following[:1])},"previous":{_name(newer[-1:])},"current":{_name(page[:1])}'
        head = f'{{"total":{len(rows) if page else 0},"limit":{limit},"cursor":{{{cursors}}},"results":['
        return b"".join([head.encode(), b",".join(self._written_rows(page)), b"]}"])

    def _visible(self, rows: Sequence[Transaction]) -> Sequence[Transaction]:
        hidden = self._knobs.hidden_transactions
        return [tx for tx in rows if tx.tx_id not in hidden] if hidden else rows

    def _written_rows(self, page: Sequence[Transaction]) -> list[bytes]:
        state = (self._chain.forks, self._chain.false_rows)
        if self._state != state:  # rows may have moved to other blocks, or have other values
            self._state = state
            self._written.clear()
        return [self._written.get(tx.tx_id) or self._write(tx) for tx in page]

    def _write(self, tx: Transaction) -> bytes:
        self._written[tx.tx_id] = written = v3_row(tx)
        return written


def parse_cursor(text: str, etag: str) -> _Place:
    """Return the place of the newest row that a cursor permits. Raises the error response for a malformed cursor.

    Rows are ordered by height, microblock sequence and tx_index. Rows outside microblocks have the greatest sequence.
    A cursor with a smaller sequence does not permit these rows of its block, as on the real server. The only exception
    is `H:0:0`, which permits the whole block.
    """
    found = _CURSOR.fullmatch(text)
    if found is None:
        raise bad_request('querystring/cursor must match pattern "^[0-9]+:[0-9]+:[0-9]+$"')
    height, sequence, tx_index = (int(part) for part in found.groups())
    for part in (height, sequence):
        if part > INT_MAX:
            raise out_of_range(str(part), "integer", etag)
    if tx_index > _SMALLINT_MAX:
        raise out_of_range(str(tx_index), "smallint", etag)
    if (sequence, tx_index) == (0, 0):
        return _Place(height, ANCHORED, _SMALLINT_MAX)
    return _Place(height, sequence, tx_index)


def find_block(chain: StacksChain, name: str) -> StacksBlock | None:
    """Return the canonical block that a path names by its height, one of its hashes or `latest`; None if unknown."""
    if not _BLOCK_NAME.fullmatch(name):
        raise bad_request('params/height_or_hash must match pattern "^(latest|[0-9]+|0x[a-fA-F0-9]{64})$"')
    if name == "latest":
        return chain.tip
    return chain.block_by_hash(name.lower()) if name.startswith("0x") else chain.block(int(name))


def _name(rows: Sequence[Transaction]) -> str:
    return f'"{rows[0].block_height}:{rows[0].microblock_sequence}:{rows[0].tx_index}"' if rows else "null"
