"""The calls of an Ethereum node that this package makes: their parameters, and how their results are read."""

from __future__ import annotations

from typing import Literal

import msgspec

from stx_pipelines.chains.errors import MalformedAnswer
from stx_pipelines.chains.ethereum import BalanceKey, Block, Header, parse_account_proof, parse_quantity, quantities
from stx_pipelines.chains.ethereum_blocks import parse_block, parse_header, usual_headers
from stx_pipelines.chains.ethereum_header import RpcHeader
from stx_pipelines.clients.json_rpc import InBulk, Question

Tag = Literal["latest", "finalized", "earliest"]
_BLOCK = "eth_getBlockByNumber"


def _numbered(raw: msgspec.Raw, number: int) -> Header:
    header = parse_header(raw)
    if header.block.number != number:
        raise MalformedAnswer(f"block {number} was requested, block {header.block.number} was returned")
    return header


def _all_numbered(blocks: list[RpcHeader], numbers: list[int]) -> list[Header]:
    headers = usual_headers(blocks)
    if [header.block.number for header in headers] != numbers:
        raise MalformedAnswer("other blocks were returned")
    return headers


def _perhaps_a_block(raw: msgspec.Raw, which: int | Tag) -> Block | None:
    if bytes(raw) == b"null":
        return None
    return _numbered(raw, which).block if isinstance(which, int) else parse_block(raw)


def _by_number(which: int | Tag) -> str:
    name = f"{which:#x}" if isinstance(which, int) else which
    return f'["{name}",false]'


CHAIN_ID: Question[str, int] = Question(
    "eth_chainId",
    render=lambda _: "[]",
    parse=lambda raw, _: parse_quantity(raw),
    shown=lambda _: "its chain id",
)
HEADER: Question[int, Header] = Question(
    _BLOCK,
    render=_by_number,
    parse=_numbered,
    shown=lambda number: f"block {number}",
    in_bulk=InBulk(RpcHeader, _all_numbered),
)
PERHAPS_A_BLOCK: Question[int | Tag, Block | None] = Question(
    _BLOCK, render=_by_number, parse=_perhaps_a_block, shown=lambda which: f"block {which}"
)
BALANCE: Question[BalanceKey, int] = Question(
    "eth_getBalance",
    render=lambda key: f'["{key[0]}","{hex(key[1])}"]',
    parse=lambda raw, _: parse_quantity(raw),
    shown=lambda key: f"the balance of {key.address} at block {key.number}",
    of_state=True,
    in_bulk=InBulk(str, lambda texts, _: quantities(texts)),
)
ACCOUNT_PROOF: Question[BalanceKey, list[bytes]] = Question(
    "eth_getProof",
    render=lambda key: f'["{key.address}",[],"{key.number:#x}"]',
    parse=lambda raw, _: parse_account_proof(raw),
    shown=lambda key: f"the account proof of {key.address} at block {key.number}",
    of_state=True,
)
