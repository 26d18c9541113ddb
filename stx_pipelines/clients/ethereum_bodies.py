"""The calls that read whole blocks of an Ethereum node: their transactions and receipts. Only ETH_PARTS needs them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from stx_pipelines.chains.errors import MalformedAnswer
from stx_pipelines.chains.ethereum_bodies import (
    Body,
    Receipts,
    checked_receipt,
    joined_receipts,
    parse_body,
    parse_receipts,
)
from stx_pipelines.clients.errors import ApiError, Denied
from stx_pipelines.clients.ethereum_rpc import EthereumRpc
from stx_pipelines.clients.json_rpc import Question

log = logging.getLogger(__name__)

MOST_BLOCKS = 16
"""The most blocks in a request. A block and its receipts have about 1 MB."""


def _numbered(raw: msgspec.Raw, number: int) -> Body:
    body = parse_body(raw)
    if body.header.block.number != number:
        raise MalformedAnswer(f"block {number} was requested, block {body.header.block.number} was returned")
    return body


_BODY: Question[int, Body] = Question(
    "eth_getBlockByNumber",
    render=lambda number: f'["{number:#x}",true]',
    parse=_numbered,
    shown=lambda number: f"block {number} with its transactions",
)
_RECEIPTS: Question[int, Receipts] = Question(
    "eth_getBlockReceipts",
    render=lambda number: f'["{number:#x}"]',
    parse=lambda raw, _: parse_receipts(raw),
    shown=lambda number: f"the receipts of block {number}",
)
_RECEIPT: Question[str, bytes] = Question(
    "eth_getTransactionReceipt",
    render=lambda name: f'["{name}"]',
    parse=checked_receipt,
    shown=lambda name: f"the receipt of {name}",
)


@dataclass
class Bodies:
    """The reader of whole blocks through a client. It shares the client's pace, but its requests have fewer calls."""

    client: EthereumRpc
    _gives_single_receipts_only: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        client = self.client
        # What a node refuses of whole blocks says nothing about batches of balances, so the lesson is not shared.
        self._few = EthereumRpc(client.http, min(MOST_BLOCKS, client.batch_size), client.parallel)

    @property
    def at_once(self) -> int:
        """The number of blocks that are read at the same time."""
        return self._few.batch_size * self._few.parallel

    def read(self, numbers: Sequence[int]) -> list[tuple[Body, Receipts]]:
        """Return the transactions and receipts of these blocks. Raises the errors of the client."""
        bodies = self._few.ask(_BODY, numbers)
        receipts = self._receipts([bodies[number] for number in numbers])
        return [(bodies[number], receipts[number]) for number in numbers]

    def _receipts(self, bodies: Sequence[Body]) -> dict[int, Receipts]:
        known = {body.header.block.number: joined_receipts([]) for body in bodies if not body.transactions}
        wanted = [body for body in bodies if body.transactions]
        if not self._gives_single_receipts_only:
            try:
                return known | self._few.ask(_RECEIPTS, [body.header.block.number for body in wanted])
            except ApiError as error:
                # Some providers refuse a method that a plan does not have with HTTP 403.
                if type(error) is not ApiError and not isinstance(error, Denied):
                    raise
                log.warning("receipts are read one by one, because the node gives none of whole blocks (%s)", error)
                self._gives_single_receipts_only = True
        return known | self._single_receipts(wanted)

    def _single_receipts(self, bodies: Sequence[Body]) -> dict[int, Receipts]:
        try:
            found = self.client.ask(_RECEIPT, [each.hash for body in bodies for each in body.transactions])
        except ApiError as error:
            if type(error) is not ApiError:
                raise
            raise ApiError(
                f"{self.client.http.name} gives no receipts, neither by eth_getBlockReceipts nor by "
                f"eth_getTransactionReceipt ({error}); blocks and balances are kept: set ETH_RPC_URL to a node with "
                "receipts, or ETH_PARTS=0"
            ) from error
        return {
            body.header.block.number: joined_receipts([found[each.hash] for each in body.transactions])
            for body in bodies
        }
