"""Answers that are right but unusual give the same rows as the usual ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from stx_pipelines.chains.errors import BeyondTables, MalformedAnswer
from stx_pipelines.chains.ethereum import Header, parse_quantity, quantities
from stx_pipelines.chains.ethereum_blocks import parse_block, parse_header
from stx_pipelines.devnet.ethereum.render import block_json
from stx_pipelines_tests.chains.test_ethereum import HEADER, body
from stx_pipelines_tests.sync.ethereum.world import make_chain

CHAIN = make_chain(1)
USUAL = [json.loads(block_json(CHAIN.blocks[number])) for number in (0, 1, 77)]
NUMBERS = ("number", "timestamp", "gasUsed", "gasLimit", "size", "baseFeePerGas", "blobGasUsed", "excessBlobGas")


def padded(block: Any) -> Any:
    numbers = {name: "0x" + block[name][2:].zfill(64) for name in NUMBERS if name in block}
    withdrawals = [
        {name: value if name == "address" else "0x00" + value[2:] for name, value in each.items()}
        for each in block.get("withdrawals", [])
    ]
    return block | numbers | {"difficulty": "0x00"} | ({"withdrawals": withdrawals} if withdrawals else {})


def in_capitals(block: Any) -> Any:
    """Return the block with all its hex in capitals, 0X too."""
    if isinstance(block, dict):
        return {name: in_capitals(value) for name, value in block.items()}
    return [in_capitals(each) for each in block] if isinstance(block, list) else block.upper()


def by_author(block: Any) -> Any:
    return {name: value for name, value in block.items() if name != "miner"} | {"author": block["miner"]}


FORMS: dict[str, Callable[[Any], Any]] = {
    "padded": padded,
    "in capitals": in_capitals,
    "author for miner": by_author,
    "author, and null for miner": lambda block: by_author(block) | {"miner": None},
    "all of it": lambda block: by_author(in_capitals(padded(block))),
}


@pytest.mark.parametrize("block", USUAL, ids=["0", "1", "77"])
@pytest.mark.parametrize("form", FORMS)
def test_an_unusual_form_is_the_same_hashed_block(form: str, block: Any) -> None:
    usual = parse_header(body(block))
    assert usual.is_hashed
    assert parse_header(body(FORMS[form](block))) == usual


@pytest.mark.parametrize("form", FORMS)
def test_an_altered_block_is_noticed_in_any_form(form: str) -> None:
    altered = FORMS[form](USUAL[2] | {"gasUsed": "0x1"})
    header = parse_header(body(altered))
    assert (header.is_hashed, header.unknown) == (False, ())


def test_a_block_without_size_is_hashed_and_one_without_extra_data_is_not() -> None:
    """The hash covers the extra data and not the size."""
    without_size = {name: value for name, value in USUAL[1].items() if name != "size"}
    usual, header = parse_header(body(USUAL[1])), parse_header(body(without_size))
    assert header == replace(usual, block=usual.block._replace(size=None))
    without_data = {name: value for name, value in USUAL[1].items() if name != "extraData"}
    header = parse_header(body(without_data))
    assert (header.computed, header.block.extra_data, header.block.hash) == (None, None, usual.block.hash)


@pytest.mark.parametrize("gone", ["size", "extraData"])
def test_a_block_of_another_kind_of_chain_needs_neither(gone: str) -> None:
    block = parse_block(body({name: value for name, value in HEADER.items() if name != gone}))
    assert (block.size if gone == "size" else block.extra_data) is None
    with pytest.raises(MalformedAnswer):
        parse_block(body(HEADER | {gone: "0xzz"}))


@pytest.mark.parametrize("name", ["gasLimit", "difficulty"])
@pytest.mark.parametrize("value", [2**63, 2**64 - 1, 2**256 - 1])
def test_a_limit_beyond_63_bits_is_null(name: str, value: int) -> None:
    header: Header = parse_header(body(USUAL[1] | {name: hex(value)}))
    block = header.block
    assert (block.gas_limit if name == "gasLimit" else block.difficulty) is None
    assert header.unknown == ()


@pytest.mark.parametrize("text", ["0x", "-0x1", "12", "0x1_0"])
def test_a_gas_limit_that_is_no_number_is_refused_and_never_null(text: str) -> None:
    with pytest.raises(MalformedAnswer):
        parse_header(body(USUAL[1] | {"gasLimit": text}))


@given(st.integers(0, 10**38 - 1), st.integers(0, 64), st.booleans())
def test_quantities_are_read_in_any_case_and_with_zeros(number: int, width: int, capitals: bool) -> None:
    text = "0x" + f"{number:x}".zfill(width)
    text = text.upper() if capitals else text
    assert parse_quantity(body(text)) == number
    assert quantities(["0x0", text]) == [0, number]


@given(st.integers(10**38, 2**256 - 1))
def test_a_balance_of_more_than_38_digits_is_named_and_not_read(number: int) -> None:
    with pytest.raises(BeyondTables, match=f"{number}, which has more than the 38 digits"):
        parse_quantity(body(hex(number)))
    with pytest.raises(MalformedAnswer):
        quantities(["0x0", hex(number)])
