"""The v2 routes and the status page: Stacks blocks and burn blocks.

This module makes blocks, their lists and their counts. It does not make transactions (routes_v3.py, routes_v1.py),
headers (answers.py) or faults (faults.py). The caller holds the chain's lock.
"""

import re

from stx_pipelines.devnet.stacks.answers import (
    INT_MAX,
    SERVER_VERSION,
    Answer,
    Request,
    bad_request,
    dumps,
    integer,
    not_found,
    out_of_range,
    timed_out,
)
from stx_pipelines.devnet.stacks.chain import StacksChain
from stx_pipelines.devnet.stacks.knobs import Knobs
from stx_pipelines.devnet.stacks.render import v2_block, v2_burn_block
from stx_pipelines.devnet.stacks.routes_v3 import find_block
from stx_pipelines.devnet.stacks.values import BurnBlock, StacksBlock

_DEFAULT_LIMIT, _MOST = 20, 30
_FURTHEST = 300
_HASH = re.compile(r"0x[0-9a-fA-F]{64}")


class V2Blocks:
    """The routes of Stacks blocks and burn blocks."""

    def __init__(self, chain: StacksChain, knobs: Knobs) -> None:
        """Serve this chain. Knobs break the list of burn blocks, or make the counts of some burn blocks wrong."""
        self._chain = chain
        self._knobs = knobs

    def status(self, request: Request) -> Answer:
        """Respond to GET /extended."""
        tip = self._chain.tip
        chain_tip = {
            "block_height": tip.height,
            "block_hash": tip.hash,
            "index_block_hash": tip.index_hash,
            "burn_block_height": tip.burn_height,
        }
        return self._list({"server_version": SERVER_VERSION, "status": "ready", "chain_tip": chain_tip})

    def blocks(self, request: Request) -> Answer:
        """Respond to GET /extended/v2/blocks. `prev` is the older page and `next` the newer one, unlike in v3."""
        limit = integer(request.query, "limit", _DEFAULT_LIMIT, 0, _MOST) or _DEFAULT_LIMIT
        offset = integer(request.query, "offset", 0, -_FURTHEST, _FURTHEST)
        newest = len(self._chain.blocks) - 1
        start = min(newest, self._cursor_position(request) - offset)  # positions count upwards, pages downwards
        page = [self._chain.blocks[at] for at in range(start, max(-1, start - limit), -1)]
        return self._list(
            {
                "limit": limit,
                "offset": offset,
                "total": len(self._chain.blocks),
                "next_cursor": self._index_hash(min(newest, start + limit)) if start < newest else None,
                "prev_cursor": self._index_hash(start - limit),
                "cursor": self._index_hash(start),
                "results": [v2_block(block) for block in page],
            }
        )

    def block(self, request: Request) -> Answer:
        """Respond to GET /extended/v2/blocks/{height|hash|latest}."""
        return _one_block(find_block(self._chain, request.argument), "Block not found")

    def block_by_time(self, request: Request) -> Answer:
        """Respond to GET /extended/v2/blocks/by-block-time/{unix}."""
        unix = request.argument
        if not unix.isdecimal():
            raise bad_request("params/timestamp must be integer")
        missing = "No block found at or before the given timestamp"
        return _one_block(self._chain.block_at(int(unix)), missing)

    def burn_blocks(self, request: Request) -> Answer:
        """Respond to GET /extended/v2/burn-blocks. `total` wrongly counts Stacks blocks, as on the real server."""
        if self._knobs.burn_list_broken:
            raise timed_out(self._chain.tip.index_hash)
        limit = integer(request.query, "limit", _DEFAULT_LIMIT, 0, _MOST) or _DEFAULT_LIMIT
        offset = integer(request.query, "offset", 0, 0, None)
        burns = self._chain.burn_blocks
        end = max(0, len(burns) - offset)
        results = [self._burn(burn) for burn in reversed(burns[max(0, end - limit) : end])]
        return self._list({"limit": limit, "offset": offset, "total": len(self._chain.blocks), "results": results})

    def burn_block(self, request: Request) -> Answer:
        """Respond to GET /extended/v2/burn-blocks/{height|hash|latest}."""
        burn = self._find_burn(request.argument)
        if burn is None:
            raise not_found("Not found", self._chain.tip.index_hash)
        return self._list(self._burn(burn))

    def _list(self, body: dict[str, object]) -> Answer:
        # The etag of every list names the chain's tip.
        return Answer(200, dumps(body), self._chain.tip.index_hash)

    def _cursor_position(self, request: Request) -> int:
        cursor = request.query.get("cursor")
        if cursor is None:
            return len(self._chain.blocks) - 1
        if not _HASH.fullmatch(cursor):
            raise bad_request('querystring/cursor must match pattern "^0x[a-fA-F0-9]{64}$"')
        block = self._chain.block_by_hash(cursor.lower())
        if block is None or block.index_hash != cursor.lower():
            raise not_found("Cursor not found")
        return block.height - self._chain.spec.first_height

    def _index_hash(self, position: int) -> str | None:
        return self._chain.blocks[position].index_hash if position >= 0 else None

    def _burn(self, burn: BurnBlock) -> dict[str, object]:
        return v2_burn_block(burn, excess=int(burn.height in self._knobs.wrong_counts))

    def _find_burn(self, name: str) -> BurnBlock | None:
        burns = self._chain.burn_blocks
        if name == "latest":
            return burns[-1]
        if _HASH.fullmatch(name):
            return next((burn for burn in reversed(burns) if burn.hash == name.lower()), None)
        if not name.isdecimal():
            raise bad_request('params/height_or_hash must match pattern "^(latest|[0-9]+|0x[a-fA-F0-9]{64})$"')
        if int(name) > INT_MAX:
            raise out_of_range(name, "integer", self._chain.tip.index_hash)
        return self._chain.burn_block(int(name))


def _one_block(block: StacksBlock | None, missing: str) -> Answer:
    if block is None:
        raise not_found(missing)
    return Answer(200, dumps(v2_block(block)), f"{block.index_hash}:true")
