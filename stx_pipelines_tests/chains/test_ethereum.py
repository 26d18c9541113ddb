"""Answers of an Ethereum node become rows, or a `MalformedAnswer`: never a wrong row."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stx_pipelines.chains.days import LAST_SECOND
from stx_pipelines.chains.errors import MalformedAnswer, ProofError
from stx_pipelines.chains.ethereum import BalanceKey, Block, balance_changes, balance_keys, parse_quantity
from stx_pipelines.chains.ethereum_blocks import parse_block

ALICE, BOB = "0x" + "a1" * 20, "0x" + "b0" * 20
HEADER: dict[str, Any] = {
    "number": "0x7",
    "hash": "0x" + "0A" * 32,
    "parentHash": "0x" + "0b" * 32,
    "miner": "0x" + "A1" * 20,
    "timestamp": "0x6745b2c0",
    "gasUsed": "0x5208",
    "gasLimit": "0x1c9c380",
    "baseFeePerGas": "0x7",
    "transactions": ["0x" + "01" * 32, {"any": [None]}],
    "size": "0x265",
    "extraData": "0xBEef",
    "withdrawals": [{"index": "0x1"}],
    "difficulty": "0x0",
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def body(value: Any) -> bytes:
    return json.dumps(value).encode()


def make_block(number: int, miner: str = ALICE) -> Block:
    return Block(number, f"0x{number:064x}", f"0x{number - 1:064x}", miner, 1_000 + number, 0, 1, None, 0, 500, "0x")


def test_a_header_becomes_a_row_in_lower_case() -> None:
    assert parse_block(body(HEADER)) == Block(
        number=7,
        hash="0x" + "0a" * 32,
        parent_hash="0x" + "0b" * 32,
        miner=ALICE,
        timestamp=0x6745B2C0,
        gas_used=21_000,
        gas_limit=30_000_000,
        base_fee_per_gas=7,
        transaction_count=2,
        size=613,
        extra_data="0xbeef",
    )
    assert parse_block(msgspec.Raw(body(HEADER))).number == 7


@pytest.mark.parametrize("header", [HEADER | {"baseFeePerGas": None}, {k: HEADER[k] for k in HEADER if k[0] != "b"}])
def test_a_block_before_london_has_no_base_fee(header: dict[str, Any]) -> None:
    assert parse_block(body(header)).base_fee_per_gas is None


NEEDED = [key for key in HEADER if key not in {"withdrawals", "difficulty", "baseFeePerGas", "size", "extraData"}]


@pytest.mark.parametrize("key", NEEDED)
@given(value=JSON)
def test_a_header_with_anything_else_in_a_field_is_refused(key: str, value: Any) -> None:
    """Any JSON in place of any field, and the field's absence."""
    if key == "transactions" and isinstance(value, list):
        return
    with pytest.raises(MalformedAnswer):
        parse_block(body(HEADER | {key: value}))
    with pytest.raises(MalformedAnswer):
        parse_block(body({name: HEADER[name] for name in HEADER if name != key}))


@given(JSON)
def test_any_other_json_is_no_block_and_no_quantity(value: Any) -> None:
    for parse in (parse_block, parse_quantity):
        with pytest.raises(MalformedAnswer):
            parse(body(value))


@given(st.binary(max_size=40))
def test_any_bytes_are_refused(raw: bytes) -> None:
    for parse in (parse_block, parse_quantity):
        with pytest.raises(MalformedAnswer):
            parse(raw)


def test_a_tower_of_brackets_is_refused() -> None:
    tower = b"[" * 200_000 + b"]" * 200_000
    for raw in (tower, body(HEADER).replace(b'"0x5208"', tower), body(HEADER).replace(b'{"any": [null]}', tower)):
        with pytest.raises(MalformedAnswer):
            parse_block(raw)
    with pytest.raises(MalformedAnswer):
        parse_quantity(tower)


@given(st.integers(0, 10**38 - 1))
def test_every_amount_of_up_to_38_digits_is_read_exactly(number: int) -> None:
    assert parse_quantity(body(hex(number))) == number


@pytest.mark.parametrize(
    "text",
    ["0x", "-0x1", "+0x1", " 0x1", "0x1 ", "0x1\n", "0x1_0", "1f", "12", "", "0x\u0661", "0x1g", "0x-1",
     hex(10**38), "0x" + "f" * 64, "0x" + "f" * 65, "0x" + "0" * 65, "0x" + "f" * 100_000],
)  # fmt: skip
def test_what_is_no_plain_hex_number_is_refused(text: str) -> None:
    with pytest.raises(MalformedAnswer) as caught:
        parse_quantity(body(text))
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("key", ["number", "timestamp", "gasUsed", "size", "baseFeePerGas"])
def test_a_number_that_no_table_can_hold_is_refused(key: str) -> None:
    most = LAST_SECOND if key == "timestamp" else 2**63
    parse_block(body(HEADER | {key: hex(most - 1)}))
    with pytest.raises(MalformedAnswer):
        parse_block(body(HEADER | {key: hex(most)}))


def test_consecutive_blocks_of_one_miner_share_a_read() -> None:
    blocks = [make_block(4), make_block(5), make_block(6, BOB), make_block(7)]
    assert balance_keys(blocks) == [
        BalanceKey(ALICE, 3),
        BalanceKey(ALICE, 4),
        BalanceKey(ALICE, 5),
        BalanceKey(BOB, 5),
        BalanceKey(BOB, 6),
        BalanceKey(ALICE, 6),
        BalanceKey(ALICE, 7),
    ]


def test_block_0_needs_no_balance_and_has_no_row() -> None:
    assert balance_keys([make_block(0)]) == []
    assert balance_changes([make_block(0)], {}) == []


def test_a_row_is_the_difference_of_two_balances_and_may_be_negative() -> None:
    blocks = [make_block(0), make_block(1), make_block(2, BOB)]
    wei = 120_000_000 * 10**18
    balances = {BalanceKey(ALICE, 0): wei, BalanceKey(ALICE, 1): wei + 1, BalanceKey(BOB, 1): 5, BalanceKey(BOB, 2): 2}
    first, second = balance_changes(blocks, balances)
    assert first == (1, 1_001, ALICE, wei, wei + 1, 1, blocks[1].hash, None)
    assert second == (2, 1_002, BOB, 5, 2, -3, blocks[2].hash, None)


@given(st.data())
def test_a_balance_that_was_not_read_is_never_made_up(data: st.DataObject) -> None:
    blocks = [make_block(number, data.draw(st.sampled_from([ALICE, BOB]))) for number in range(5)]
    keys = balance_keys(blocks)
    missing = data.draw(st.sampled_from(keys))
    with pytest.raises(ProofError, match=f"{missing.address} at block {missing.number} was not read") as caught:
        balance_changes(blocks, {key: 1 for key in keys if key != missing})
    assert caught.value.heights <= {missing.number, missing.number + 1}
