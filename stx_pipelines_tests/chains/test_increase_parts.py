"""The parts of a block that a node sends in another form than its header commits to, or of unknown types.

The real bytes are read from the folder that STX_REAL_BYTES names; without it that test is skipped.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stx_pipelines.chains.errors import MalformedAnswer, ProofError
from stx_pipelines.chains.ethereum import BalanceChange
from stx_pipelines.chains.ethereum_bodies import parse_body, parse_receipts
from stx_pipelines.chains.increase_parts import IncreaseParts, explained, parts_of, prove_parts
from stx_pipelines.devnet.ethereum.render import block_json
from stx_pipelines.devnet.ethereum.render_bodies import receipts_json, transactions_json
from stx_pipelines_tests.sync.ethereum.world import make_chain

FOLDER = os.environ.get("STX_REAL_BYTES")
CHAIN = make_chain(0, 8, bodies=True)
BLOCK = next(
    block for block in CHAIN.blocks if block.transaction_count == 4 and CHAIN.body(block)[-1].sender == block.miner
)
NUMBER = BLOCK.number
BEFORE, AFTER = (CHAIN.balance(BLOCK.miner, number) for number in (NUMBER - 1, NUMBER))
CHANGE = BalanceChange(NUMBER, BLOCK.timestamp, BLOCK.miner, BEFORE, AFTER, AFTER - BEFORE, BLOCK.hash)

Spoil = Callable[[Any, Any], object]


def parts(spoil: Spoil = lambda block, receipts: None) -> IncreaseParts:
    """Return the parts of the block. `spoil` may change the JSON of the block and of its receipts."""
    made = CHAIN.body(BLOCK)
    block, receipts = (
        json.loads(block_json(BLOCK, whole=transactions_json(made))),
        json.loads(receipts_json(BLOCK, made)),
    )
    spoil(block, receipts)
    return parts_of(CHANGE, parse_body(json.dumps(block).encode()), parse_receipts(json.dumps(receipts).encode()))


def of_a_rollup(block: Any, receipts: Any) -> None:
    block["transactions"][0]["type"] = receipts[0]["type"] = "0x7e"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (
            lambda block, _: block["transactions"][0].update(value="0x7"),
            "transactions do not have the transactions root",
        ),
        (lambda block, _: block["transactions"][0].update(input="0x07"), "the transactions root"),
        (
            lambda _, receipts: receipts[1].update(status="0x0" if receipts[1]["status"] == "0x1" else "0x1"),
            "receipts root",
        ),
        (lambda _, receipts: receipts[0].update(cumulativeGasUsed="0x7"), "receipts root"),
        (lambda _, receipts: receipts[2].update(effectiveGasPrice="0x7"), "follows from the transaction"),
        (lambda _, receipts: receipts.pop(), "not those of its transactions"),
    ],
)
def test_what_the_header_does_not_commit_to_is_refused(spoil: Spoil, said: str) -> None:
    with pytest.raises(ProofError, match=said) as refused:
        parts(spoil)
    assert refused.value.heights == {NUMBER}
    assert "ETH_PARTS=0" in str(refused.value)


@pytest.mark.parametrize(
    "spoil",
    [
        of_a_rollup,
        lambda block, _: block.update(futureHash="0x00", hash="0x" + "7" * 64),
        lambda _, receipts: receipts[0].update(gasUsed="0x5209"),
    ],
)
def test_what_cannot_be_proved_is_said_and_still_adds_up(spoil: Spoil) -> None:
    assert parts().is_proved
    row = parts(spoil)
    assert not row.is_proved
    assert explained(row) + row.rest_wei == CHANGE.balance_increase


def test_a_wrong_rest_or_another_block_is_refused() -> None:
    row = parts()
    prove_parts([row], [CHANGE])
    assert row.proposer_payment_wei > 0
    with pytest.raises(ProofError, match="are not the increase"):
        prove_parts([row._replace(rest_wei=row.rest_wei + 1)], [CHANGE])
    with pytest.raises(ProofError, match="not those of the blocks"):
        prove_parts([], [CHANGE])


@pytest.mark.skipif(not FOLDER, reason="STX_REAL_BYTES names no folder of real bytes")
def test_a_real_answer_with_hashes_only_is_no_body() -> None:
    raw = (Path(FOLDER or "") / "ethereum_block_21925176.json").read_bytes()
    with pytest.raises(MalformedAnswer, match="no whole transactions"):
        parse_body(raw)
