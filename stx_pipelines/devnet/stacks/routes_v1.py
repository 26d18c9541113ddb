"""The deprecated v1 route: transactions by windows of burn block time, with offsets.

This module makes the windows and pages of v1. It does not make v3 (routes_v3.py), blocks (routes_v2.py), headers
(answers.py) or faults (faults.py). The caller holds the chain's lock.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from stx_pipelines.devnet.stacks.answers import (
    INT_MAX,
    Answer,
    RefusedError,
    Request,
    bad_request,
    dumps,
    integer,
    out_of_range,
)
from stx_pipelines.devnet.stacks.chain import StacksChain
from stx_pipelines.devnet.stacks.knobs import Knobs
from stx_pipelines.devnet.stacks.render import v1_row
from stx_pipelines.devnet.stacks.values import BurnBlock, Transaction

_DEFAULT_LIMIT, _MOST = 20, 50


class V1Transactions:
    """The list of transactions, as old servers give it."""

    def __init__(self, chain: StacksChain, knobs: Knobs) -> None:
        """Serve this chain. The knob `hidden_transactions` leaves rows out, but `total` counts them."""
        self._chain = chain
        self._knobs = knobs

    def transactions(self, request: Request) -> Answer:
        """Respond to GET /extended/v1/tx. Every response, also a refusal, has the headers of a deprecated route."""
        try:
            return self._transactions(request)
        except RefusedError as refused:
            raise RefusedError(replace(refused.answer, deprecated=True)) from None

    def _transactions(self, request: Request) -> Answer:
        limit = integer(request.query, "limit", _DEFAULT_LIMIT, 0, _MOST) or _DEFAULT_LIMIT
        offset = integer(request.query, "offset", 0, 0, None)
        descending = _is_descending(request)
        burns = self._window(request)
        if descending:
            burns.reverse()
        rows = islice(self._rows(burns, offset, descending), limit)
        with_arguments = request.query.get("exclude_function_args") != "true"
        results = [v1_row(tx, self._parent(tx), with_arguments) for tx in rows]
        total = sum(len(block.transactions) for burn in burns for block in burn.blocks)
        body = {"limit": limit, "offset": offset, "total": total, "results": results}
        return Answer(200, dumps(body), self._chain.tip.index_hash, deprecated=True)

    def _window(self, request: Request) -> list[BurnBlock]:
        start = self._time(request, "start_time") or -INT_MAX
        end = self._time(request, "end_time") or INT_MAX
        return [burn for burn in self._chain.burn_blocks if start <= burn.time <= end]

    def _time(self, request: Request, name: str) -> int:
        value = integer(request.query, name, 0, -INT_MAX, None)
        if value > INT_MAX:
            raise out_of_range(str(value), "integer", self._chain.tip.index_hash)
        return value

    def _rows(self, burns: list[BurnBlock], offset: int, descending: bool) -> Iterator[Transaction]:
        for burn in burns:
            count = sum(len(block.transactions) for block in burn.blocks)
            if offset >= count and not self._knobs.hidden_transactions:
                offset -= count  # skip the rows without reading them, because offsets may be large
                continue
            rows = self._visible(burn)
            yield from islice(reversed(rows) if descending else rows, offset, None)
            offset = max(0, offset - len(rows))

    def _visible(self, burn: BurnBlock) -> list[Transaction]:
        return [tx for tx in burn.transactions() if tx.tx_id not in self._knobs.hidden_transactions]

    def _parent(self, tx: Transaction) -> tuple[str, int]:
        block = self._chain.block(tx.block_height)
        parent = self._chain.block(tx.block_height - 1)
        parent_hash = block.parent_hash if block else ""
        return parent_hash, parent.burn_time if parent else tx.burn_block_time


def _is_descending(request: Request) -> bool:
    order = request.query.get("order", "desc")
    if order not in {"asc", "desc"}:
        raise bad_request("querystring/order must be equal to one of the allowed values")
    return order == "desc"
