"""Tenures of the devnet for tests: their rows as the product keeps them, and their raw bytes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime

from stx_pipelines.chains.stacks import ANCHORED, Tx
from stx_pipelines.devnet.stacks.answers import Request
from stx_pipelines.devnet.stacks.chain import BurnBlock, ChainSpec, StacksChain, Transaction
from stx_pipelines.devnet.stacks.knobs import Knobs
from stx_pipelines.devnet.stacks.routes_node import NodeBlocks

DAY = date(2026, 8, 1)


def chain_of(**spec: object) -> StacksChain:
    """Return a chain of half a day with blocks of one to some hundred transactions."""
    wanted = {"first_day": DAY, "tip": datetime(2026, 8, 1, 12, tzinfo=UTC), "transactions_per_day": 2_000}
    return StacksChain(ChainSpec(**{**wanted, "shape": "heavy", **spec}))  # type: ignore[arg-type]


def rows_of(transactions: Sequence[Transaction]) -> list[Tx]:
    return [
        Tx(
            tx_id=tx.tx_id,
            block_time=tx.block_time,
            block_height=tx.block_height,
            sender_address=tx.sender_address,
            fee_ustx=tx.fee_ustx,
            tx_type=tx.tx_type,
            canonical=True,
            tx_status=tx.tx_status,
            burn_block_time=tx.burn_block_time,
            burn_block_height=tx.burn_block_height,
            microblock_sequence=ANCHORED,
            tx_index=tx.tx_index,
            index_block_hash=tx.index_block_hash,
            nonce=tx.nonce,
            sponsor_address=tx.sponsor_address,
            sponsor_nonce=tx.sponsor_nonce,
        )
        for tx in transactions
    ]


def busy(chain: StacksChain) -> list[BurnBlock]:
    """Return the burn blocks with transactions."""
    return [burn for burn in chain.burn_blocks if burn.tx_count]


def raw_tenure(chain: StacksChain, burn: BurnBlock) -> bytes:
    return NodeBlocks(chain, Knobs()).tenure(Request("", burn.blocks[-1].index_hash[2:])).body
