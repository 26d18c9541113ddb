"""Responses of the Stacks API become rows or a `MalformedAnswer`, never a wrong row.

The recorded bodies are the ones that the devnet is compared with.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stx_pipelines.chains.errors import MalformedAnswer
from stx_pipelines.chains.stacks import ANCHORED, Cursor
from stx_pipelines.chains.stacks_answers import (
    parse_block,
    parse_burn_block,
    parse_burn_blocks,
    parse_page,
    parse_tip,
    parse_window_page,
)
from stx_pipelines_tests.hostile import HOSTILE

RECORDED = Path(__file__).parent.parent / "devnet" / "recorded"
TOP = Cursor.top_of(6_500_000)


def recorded(name: str) -> Any:
    return json.loads((RECORDED / f"{name}.json").read_bytes())


def body(value: Any) -> bytes:
    return json.dumps(value).encode()


def read_page(value: bytes) -> object:
    return parse_page(value, TOP)


PARSERS: dict[str, tuple[str, Callable[[bytes], object]]] = {
    "v3": ("v3_tx_limit3", read_page),
    "v1": ("v1_tx_limit3", parse_window_page),
    "burn blocks": ("v2_burn_blocks", parse_burn_blocks),
    "block": ("v2_block_by_height", parse_block),
    "tip": ("extended", parse_tip),
}


def test_a_recorded_v3_page_becomes_rows() -> None:
    page = parse_page(body(recorded("v3_tx_limit3")), TOP)
    first, _, sponsored = page.rows
    assert page.next == Cursor(6_499_997, ANCHORED, 0)
    assert msgspec.structs.asdict(first) == {
        "tx_id": "0x52e77046e9df27ce88e32fc71de8ae1ba0bde629ee5576a5412335510c6ce99b",
        "block_time": 1_795_319_683,
        "block_height": 6_500_000,
        "sender_address": "SP3MN26VYTKPVV2F8M71ARZDQEYWT9M9717SFWBD9",
        "fee_ustx": 2868,
        "tx_type": "token_transfer",
        "canonical": True,
        "tx_status": "success",
        "burn_block_time": 1_795_319_255,
        "burn_block_height": 976_000,
        "microblock_sequence": ANCHORED,
        "tx_index": 0,
        "index_block_hash": "0x28897f406118b9634e3589f3ae2699fd79bf2f021c3563acae7dc9e643bd6afb",
        "nonce": 426,
        "sponsor_address": None,
        "contract_id": None,
        "function_name": None,
        "recipient_address": "SP30852N99YD17Z9TKV1YCYQPXPVWB0SEW68Z70WZ",
        "amount_ustx": 2_868_000,
        "sponsor_nonce": None,
        "memo": "0x" + "00" * 34,
        "block_hash": "0x9cf12874a1355d5d06b914370b8fbca634261bef258410bae091b9a1a1b225bc",
    }
    assert sponsored.sponsor_address == "SPBBZ4FH6S7866X17QF0VT4FSP7C6WEJZM87F4RX"


def test_the_same_transactions_are_the_same_rows_through_v1() -> None:
    """Only the index block hash is missing, which v1 does not report."""
    v3 = parse_page(body(recorded("v3_tx_limit3")), TOP).rows
    v1 = parse_window_page(body(recorded("v1_tx_limit3")))
    assert v1.rows == [msgspec.structs.replace(row, index_block_hash=None) for row in v3]
    assert v1.total == 436_410


def test_recorded_blocks_become_values() -> None:
    block = parse_block(body(recorded("v2_block_by_height")))
    assert (block.height, block.block_time) == (6_499_519, 1_795_313_828)
    assert block.index_block_hash.startswith("0xbdfbe6ee73d69a1a")
    tip = parse_tip(body(recorded("extended")))
    assert (tip.block_height, tip.burn_block_height) == (6_500_000, 976_000)
    burns = parse_burn_blocks(body(recorded("v2_burn_blocks")))
    assert burns[0].burn_block_height == 976_000
    assert burns[0].stacks_blocks[0] == tip.block_hash
    assert parse_burn_block(body(recorded("v2_burn_blocks")["results"][0])) == burns[0]


@pytest.mark.parametrize("name", sorted(path.stem for path in RECORDED.glob("*.json") if path.stat().st_size))
def test_an_answer_of_one_kind_is_never_taken_for_another(name: str) -> None:
    """Every parser refuses errors and the responses of other routes."""
    theirs = {
        "v3": ("v3_tx_limit3", "v3_block_txs_latest"),
        "v1": ("v1_tx_limit3",),
        "burn blocks": ("v2_burn_blocks", "v3_tx_cursor_below_all"),  # an empty list has no kind
        "block": ("v2_block_by_height",),
        "tip": ("extended",),
    }
    for kind, (_, parse) in PARSERS.items():
        if name not in theirs[kind] and name != "v3_tx_sponsored_row":
            with pytest.raises(MalformedAnswer):
                parse(body(recorded(name)))


@pytest.mark.parametrize("kind", PARSERS)
@pytest.mark.parametrize(
    "garbage", [b"", b" ", b"null", b"[]", b"{}", b"1", b'"x"', b"<html>", b"\xff\xfe", b'{"a":"\xff"}', b"NaN"]
)
def test_garbage_is_malformed(kind: str, garbage: bytes) -> None:
    with pytest.raises(MalformedAnswer):
        PARSERS[kind][1](garbage)


@pytest.mark.parametrize("kind", PARSERS)
def test_a_body_cut_anywhere_is_malformed(kind: str) -> None:
    name, parse = PARSERS[kind]
    whole = body(recorded(name))
    for end in range(0, len(whole), 7):
        with pytest.raises(MalformedAnswer):
            parse(whole[:end])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(JSON, st.sampled_from(sorted(PARSERS)))
def test_arbitrary_json_never_becomes_a_value(value: Any, kind: str) -> None:
    with pytest.raises(MalformedAnswer):
        PARSERS[kind][1](body(value))


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return every place in a JSON value."""
    found = [path] if path else []
    if isinstance(value, dict):
        return found + [place for key in value for place in places(value[key], (*path, key))]
    if isinstance(value, list):
        return found + [place for n, each in enumerate(value) for place in places(each, (*path, n))]
    return found


@given(st.data())
def test_a_page_with_anything_replaced_is_refused_or_gives_the_replaced_value_itself(drawn: st.DataObject) -> None:
    """Nothing is coerced: a number in words, a word as a number, a missing part are all malformed."""
    value = recorded("v3_tx_limit3")
    place = drawn.draw(st.sampled_from(places(value)))
    replaced = drawn.draw(JSON)
    changed = copy.deepcopy(value)
    holder = changed
    for step in place[:-1]:
        holder = holder[step]
    holder[place[-1]] = replaced
    try:
        rows = parse_page(body(changed), TOP).rows
    except MalformedAnswer:
        return
    for row in rows:
        assert len(row.tx_id) == 66
        for name in ("block_height", "fee_ustx", "tx_index", "burn_block_time", "burn_block_height"):
            number = getattr(row, name)
            assert type(number) is int
            assert 0 <= number < 2**63
        assert row.block_time is None or type(row.block_time) is int
        assert row.sender_address is None or (isinstance(row.sender_address, str) and row.sender_address)
        assert isinstance(row.tx_type, str) and row.tx_type  # noqa: PT018 - one claim
        assert isinstance(row.tx_status, str) and row.tx_status  # noqa: PT018


@pytest.mark.parametrize("key", ["tx_id", "sender", "sponsor", "fee_rate", "block", "bitcoin_block", "status", "type"])
def test_a_row_that_lacks_a_part_is_malformed(key: str) -> None:
    value = recorded("v3_tx_limit3")
    del value["results"][1][key]
    with pytest.raises(MalformedAnswer, match=key):
        read_page(body(value))


@pytest.mark.parametrize(
    "fee", ["", "-1", "1.5", "1e3", " 1", "1 ", "1\n", "0x10", "1_000", "\u0663", "9" * 19, 2868, None, True]
)
@pytest.mark.parametrize("kind", ["v3", "v1"])
def test_a_fee_that_is_not_a_plain_number_in_words_is_malformed(kind: str, fee: object) -> None:
    name, parse = PARSERS[kind]
    value = recorded(name)
    value["results"][0]["fee_rate"] = fee
    with pytest.raises(MalformedAnswer):
        parse(body(value))


def _put(row: dict[str, Any], kind: str, what: str, word: str) -> None:
    """Replace a value in a row of a page."""
    if kind == "v1":
        row[
            {"type": "tx_type", "status": "tx_status", "sender": "sender_address", "sponsor": "sponsor_address"}[what]
        ] = word
    elif what in ("type", "status"):
        row[what] = word
    else:
        row[what] = {"address": word, "nonce": 1}


@pytest.mark.parametrize("text", [*HOSTILE, "", "x" * 300, "token_transfer\n", " success", "\u0455uccess"])
@pytest.mark.parametrize("what", ["type", "status", "sender", "sponsor"])
@pytest.mark.parametrize("kind", ["v3", "v1"])
def test_a_word_that_is_more_than_a_word_is_malformed(kind: str, what: str, text: str) -> None:
    name, parse = PARSERS[kind]
    value = recorded(name)
    _put(value["results"][1], kind, what, text)
    with pytest.raises(MalformedAnswer, match="not what the API promises"):
        parse(body(value))


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("type", "poison_microblock"),
        ("type", "a-type-to-come-2"),
        ("status", "dropped_replace_by_fee"),
        ("sender", "SP000000000000000000002Q6VF78"),
        ("sender", "ST2CY5V39NHDPWSXMW9QDT3HC3GD6Q6XX4CFRK9AG.my-contract_2"),
        ("sponsor", f"SM2C2YFP12AJZB4MABJBAJ55XECVS7E4PMMZ89YZR.{'c' * 128}"),
    ],
)
@pytest.mark.parametrize("kind", ["v3", "v1"])
def test_words_and_addresses_old_and_to_come_are_taken(kind: str, what: str, text: str) -> None:
    name, parse = PARSERS[kind]
    value = recorded(name)
    value["results"][1]["more"] = [1]
    _put(value["results"][1], kind, what, text)
    row = parse(body(value)).rows[1]  # type: ignore[attr-defined]
    assert text in (row.tx_type, row.tx_status, row.sender_address, row.sponsor_address)


@pytest.mark.parametrize(("fee", "expected"), [("0", 0), ("007", 7), ("9" * 18, 10**18 - 1)])
def test_a_fee_is_the_whole_fee(fee: str, expected: int) -> None:
    value = recorded("v3_tx_limit3")
    value["results"][0]["fee_rate"] = fee
    assert parse_page(body(value), TOP).rows[0].fee_ustx == expected


@pytest.mark.parametrize(
    "spoil",
    [str.upper, lambda text: text + "\n", lambda text: text[:-1], lambda _: "0x"],
    ids=["upper case", "a line's end", "short", "empty"],
)
def test_a_hash_that_is_none_is_malformed(spoil: Callable[[str], str]) -> None:
    value = recorded("v3_tx_limit3")
    value["results"][0]["tx_id"] = spoil(value["results"][0]["tx_id"])
    with pytest.raises(MalformedAnswer):
        read_page(body(value))


@pytest.mark.parametrize("number", [-1, 1.5, 2**63, "1", None])
@pytest.mark.parametrize("where", [("block", "height"), ("block", "tx_index"), ("bitcoin_block", "time")])
def test_a_number_that_cannot_be_is_malformed(where: tuple[str, str], number: object) -> None:
    value = recorded("v3_tx_limit3")
    value["results"][0][where[0]][where[1]] = number
    with pytest.raises(MalformedAnswer):
        read_page(body(value))


def test_a_row_without_sender_or_block_time_is_kept_with_none() -> None:
    value = recorded("v3_tx_limit3")
    value["results"][0]["sender"] = None
    value["results"][0]["block"]["time"] = None
    row = parse_page(body(value), TOP).rows[0]
    assert (row.sender_address, row.nonce, row.block_time) == (None, None, None)


def test_v3_does_not_name_the_microblock_before_nakamoto() -> None:
    value = recorded("v3_tx_limit3")
    assert [row.microblock_sequence for row in parse_page(body(value), TOP).rows] == [ANCHORED] * 3
    for tx in value["results"]:
        tx["bitcoin_block"]["time"] = 1_700_000_000
    value["cursor"]["current"] = "6500000:5:0"
    assert [row.microblock_sequence for row in parse_page(body(value), TOP).rows] == [None] * 3
