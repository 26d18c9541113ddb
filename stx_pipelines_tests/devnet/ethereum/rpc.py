"""Asking the devnet's Ethereum chain by JSON-RPC. Not here: claims (test_*.py), chains and servers (conftest.py)."""

from __future__ import annotations

from typing import Any

import requests

from stx_pipelines.devnet.server import Devnet
from stx_pipelines_tests.waiting import LONGEST


def post(devnet: Devnet, body: Any) -> requests.Response:
    """POST a JSON body to the Ethereum chain."""
    return requests.post(devnet.ethereum_url, json=body, timeout=LONGEST)


def call(method: str, *params: Any, call_id: Any = 1) -> dict[str, Any]:
    """A call as it travels."""
    return {"jsonrpc": "2.0", "id": call_id, "method": method, "params": list(params)}


def ask(devnet: Devnet, method: str, *params: Any) -> Any:
    """The result of a single call, or its error."""
    answer = post(devnet, call(method, *params)).json()
    assert answer["id"] == 1
    return answer.get("result", answer.get("error"))


def balance_calls(devnet: Devnet, count: int = 20) -> list[dict[str, Any]]:
    """A batch of balances, one for each of the first blocks, under ids that rise from 100."""
    blocks = devnet.ethereum_chain.blocks[1 : count + 1]
    return [call("eth_getBalance", block.miner, hex(block.number), call_id=99 + block.number) for block in blocks]


def true_answers(devnet: Devnet, count: int = 20) -> dict[int, str]:
    """What those calls must be answered with, by id."""
    chain = devnet.ethereum_chain
    blocks = chain.blocks[1 : count + 1]
    return {99 + block.number: hex(chain.balance(block.miner, block.number)) for block in blocks}
