"""The routes of a Stacks node that serve raw blocks: `/v3/blocks` and `/v3/tenures`.

This module makes the bytes of blocks and tenures. It does not make the JSON of the API (routes_v1.py to routes_v3.py).
The caller holds the chain's lock.
"""

from stx_pipelines.devnet.stacks.answers import OCTETS, TEXT, Answer, Caching, Request, dumps
from stx_pipelines.devnet.stacks.chain import StacksChain
from stx_pipelines.devnet.stacks.encoding import consensus_hash
from stx_pipelines.devnet.stacks.knobs import Knobs
from stx_pipelines.devnet.stacks.values import StacksBlock


class NodeBlocks:
    """Raw blocks. Orphaned blocks are served by their ids too, as by a real node."""

    def __init__(self, chain: StacksChain, knobs: Knobs) -> None:
        """Serve this chain. Knobs spoil the bytes of tenures."""
        self._chain = chain
        self._knobs = knobs

    def block(self, request: Request) -> Answer:
        """Respond to GET /v3/blocks/{index block hash}."""
        found = self._chain.any_block("0x" + request.argument)
        return _octets(self._chain.raw(found)) if found else _no_block(request.argument)

    def block_at(self, request: Request) -> Answer:
        """Respond to GET /v3/blocks/height/{height}."""
        found = self._chain.block(int(request.argument))
        return _octets(self._chain.raw(found)) if found else _no_block(request.argument)

    def tenure(self, request: Request) -> Answer:
        """Respond to GET /v3/tenures/{index block hash}: the block and those below it, down to the tenure's first."""
        newest = self._chain.any_block("0x" + request.argument)
        if newest is not None and self._knobs.tenure_of_parent:
            newest = self._chain.any_block(newest.parent_index_hash)
        if newest is None:
            return _no_block(request.argument)
        body = b""
        block: StacksBlock | None = newest
        while block is not None and (block.burn_height, block.burn_hash) == (newest.burn_height, newest.burn_hash):
            raw = self._chain.raw(block)
            if body and len(body) + len(raw) > self._knobs.tenure_bytes:
                break
            body += raw
            block = self._chain.any_block(block.parent_index_hash)
        return _octets(self._spoiled(body))

    def tenure_blocks(self, request: Request) -> Answer:
        """Respond to GET /v3/tenures/blocks/height/{burn block height}."""
        burn = self._chain.burn_block(int(request.argument))
        blocks = [] if burn is None else burn.blocks[::-1]
        listed = [
            {
                "block_id": block.index_hash[2:],
                "block_hash": block.hash[2:],
                "parent_block_id": block.parent_index_hash[2:],
                "height": block.height,
                "header_type": "nakamoto",
            }
            for block in blocks
        ]
        of = {"burn_block_height": int(request.argument), "stacks_blocks": listed}
        if burn is not None:
            of |= {"burn_block_hash": burn.hash[2:], "consensus_hash": consensus_hash(burn.hash).hex()}
        return Answer(200, dumps(of), caching=Caching.SILENT)

    def _spoiled(self, body: bytes) -> bytes:
        bit = self._knobs.tenure_flipped_bit
        if bit >= 0:
            at, shift = divmod(bit % (len(body) * 8), 8)
            body = body[:at] + bytes([body[at] ^ 1 << shift]) + body[at + 1 :]
        return body[: self._knobs.tenure_cut_at or None]


def _octets(body: bytes) -> Answer:
    return Answer(200, body, caching=Caching.SILENT, content_type=OCTETS)


def _no_block(name: str) -> Answer:
    return Answer(404, f"No such block {name}\n".encode(), caching=Caching.SILENT, content_type=TEXT)
