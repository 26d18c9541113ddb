"""Responses about accounts: the right values, and an error for every other shape."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stx_pipelines.chains.errors import MalformedAnswer
from stx_pipelines.chains.stacks import ANCHORED, MAX_TX_INDEX, Cursor
from stx_pipelines.chains.stacks_accounts import AccountState, parse_account, parse_changes

STATE = {"balance": "0x0000000000000000000000000000ffff", "locked": "0x01", "unlock_height": 7, "nonce": 3}
TOP = Cursor(9, ANCHORED, MAX_TX_INDEX)


def body(value: Any) -> bytes:
    return json.dumps(value).encode()


def change(height: int = 9, tx_index: int = 1, **stx: str) -> dict[str, Any]:
    place = {"height": height, "hash": f"0x{1:064x}", "index_hash": f"0x{2:064x}", "time": 5, "tx_index": tx_index}
    transaction = {
        "tx_id": f"0x{height * 100 + tx_index:064x}",
        "sender": {"address": "SP1", "nonce": 0},
        "sponsor": None,
        "fee_rate": "4",
        "block": place,
        "bitcoin_block": {"height": 1, "time": 5},
        "status": "success",
        "type": "coinbase",
    }
    amounts = {"sent": "10", "received": "4", "net": "-6"} | stx
    return {"transaction": transaction, "involvement": "sender", "balance_changes": {"stx": amounts}}


def page(*results: dict[str, Any], following: str | None = None) -> bytes:
    return body({"cursor": {"next": following, "current": None}, "results": list(results)})


def test_a_state_is_read() -> None:
    state = parse_account(body(STATE))
    assert state == AccountState(65_535, 1, 7, 3)
    assert state.total_ustx == 65_536


@pytest.mark.parametrize("wrong", [{"balance": "17"}, {"locked": "0x" + "1" * 33}, {"nonce": -1}, {"nonce": "3"}])
def test_a_state_of_another_shape_is_malformed(wrong: dict[str, Any]) -> None:
    with pytest.raises(MalformedAnswer):
        parse_account(body(STATE | wrong))


def test_changes_are_read() -> None:
    found = parse_changes(page(change(9, 2), change(9, 1), change(3), following="2:2147483647:0"), TOP)
    assert [each.tx.block_height for each in found.changes] == [9, 9, 3]
    assert (found.changes[0].sent_ustx, found.changes[0].received_ustx, found.changes[0].fee_ustx) == (10, 4, 4)
    assert found.next == Cursor(2, ANCHORED, 0)
    assert parse_changes(page(), TOP).changes == []


@pytest.mark.parametrize(
    "answer",
    [
        page(change(net="-5")),
        page(change(sent="ten")),
        page(change(3), change(9)),
        page(change(10)),
        page(change(), following="9:2147483647:32767"),
        page(following="2:2147483647:0"),
    ],
    ids=["wrong sum", "no number", "rising", "above the cursor", "the same cursor", "empty and more"],
)
def test_changes_of_another_shape_are_malformed(answer: bytes) -> None:
    with pytest.raises(MalformedAnswer):
        parse_changes(answer, TOP)
