"""A header's hash, its withdrawals and account proofs, against an independent RLP and against real mainnet bytes.

The real bytes are read from the folder that STX_REAL_BYTES names; without it those tests are skipped.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
import rlp as other_rlp
from eth_utils.crypto import keccak as other_keccak
from hypothesis import given
from hypothesis import strategies as st

from stx_pipelines.chains import rlp
from stx_pipelines.chains.account_proof import BadAccountProof, proved_balance
from stx_pipelines.chains.errors import MalformedAnswer
from stx_pipelines.chains.ethereum import parse_account_proof
from stx_pipelines.chains.ethereum_blocks import parse_header, usual_headers
from stx_pipelines.chains.ethereum_header import RpcHeader
from stx_pipelines.chains.withdrawals import withdrawals_root

FOLDER = os.environ.get("STX_REAL_BYTES")
needs_real_bytes = pytest.mark.skipif(not FOLDER, reason="STX_REAL_BYTES names no folder of real bytes")

FIELDS: dict[str, tuple[str, int]] = {
    "parentHash": ("hash", 0), "sha3Uncles": ("hash", 0), "miner": ("address", 0), "stateRoot": ("hash", 0),
    "transactionsRoot": ("hash", 0), "receiptsRoot": ("hash", 0), "logsBloom": ("bloom", 0),
    "difficulty": ("number", 0), "number": ("number", 0), "gasLimit": ("number", 0), "gasUsed": ("number", 0),
    "timestamp": ("number", 0), "extraData": ("data", 0), "mixHash": ("hash", 0), "nonce": ("nonce", 0),
    "baseFeePerGas": ("number", 1), "withdrawalsRoot": ("hash", 2), "blobGasUsed": ("number", 3),
    "excessBlobGas": ("number", 3), "parentBeaconBlockRoot": ("hash", 3), "requestsHash": ("hash", 4),
    "blockAccessListHash": ("hash", 5), "slotNumber": ("number", 5),
}  # fmt: skip
"""The fields of a header in their order: their kind, and the fork that brought them."""

FORKS = range(6)
LENGTHS = {"hash": 32, "address": 20, "bloom": 256, "nonce": 8}


def content(kind: str, seed: int) -> bytes:
    """Any bytes of this kind."""
    noise = other_keccak(seed.to_bytes(2, "big")) * 8
    if kind == "number":
        return noise[: seed % 6].lstrip(b"\0")
    return noise[: LENGTHS.get(kind, seed % 32)]


def shown(kind: str, value: bytes) -> str:
    return hex(int.from_bytes(value, "big")) if kind == "number" else "0x" + value.hex()


def made_up(fork: int, seed: int = 7) -> dict[str, Any]:
    """A block of this fork as a node sends it; its hash is computed by another library."""
    fields = {name: (kind, content(kind, seed + n)) for n, (name, (kind, since)) in enumerate(FIELDS.items())
              if since <= fork}  # fmt: skip
    fields["timestamp"] = ("number", b"\x67\x45\xb2\xc0")
    digest = other_keccak(other_rlp.encode([value for _, value in fields.values()]))
    told: dict[str, Any] = {name: shown(*value) for name, value in fields.items()}
    return told | {"hash": "0x" + digest.hex(), "transactions": [], "uncles": [], "size": "0x221"}


def body(value: Any) -> bytes:
    return json.dumps(value).encode()


@pytest.mark.parametrize("fork", FORKS)
@pytest.mark.parametrize("seed", [7, 300])
def test_the_hash_of_every_forks_header_is_that_of_another_library(fork: int, seed: int) -> None:
    told = made_up(fork, seed)
    header = parse_header(body(told))
    assert (header.is_hashed, header.unknown) == (True, ())
    upper = {name: "0x" + text[2:].upper() if isinstance(text, str) and len(text) > 20 else text
             for name, text in told.items()}  # fmt: skip
    assert parse_header(body(upper)) == header


TRICKS: dict[str, dict[str, Any]] = {
    "a field under a later name": {"requestsHash": "parentBeaconBlockRoot", "parentBeaconBlockRoot": None},
    "a nonce without 0x": {"nonce": "zz"},
    "a number without 0x": {"blobGasUsed": "1x"},
    "a hash without 0x": {"stateRoot": "a0"},
}


@pytest.mark.parametrize("trick", TRICKS)
def test_no_field_of_another_form_has_the_hash(trick: str) -> None:
    """Each trick keeps the bytes that are hashed, if texts are only put together."""
    told = made_up(3)
    for name, value in TRICKS[trick].items():
        told[name] = told[value] if value in told else value and value + told[name][2:]
    assert not parse_header(body(told)).is_hashed


def in_bulk(blocks: list[dict[str, Any]]) -> list[Any]:
    return usual_headers([msgspec.json.decode(body(block), type=RpcHeader) for block in blocks])


@pytest.mark.parametrize("fork", FORKS)
def test_many_headers_are_read_like_each_of_them(fork: int) -> None:
    blocks = [made_up(fork, seed) for seed in range(20)]
    assert in_bulk(blocks) == [parse_header(body(block)) for block in blocks]


@pytest.mark.parametrize(
    "odd",
    [
        made_up(3),
        made_up(2) | {"gasUsed": "0x7"},
        made_up(2) | {"stateRoot": "0x7"},
        made_up(2) | {"hash": made_up(2)["hash"].upper()},
        made_up(2) | {"withdrawals": [{"index": "0x1", "validatorIndex": "0x1", "address": "0x1", "amount": "0x1"}]},
    ],
    ids=["another fork", "an altered field", "a short field", "capitals", "withdrawals of another root"],
)
def test_many_headers_with_one_that_is_not_usual_are_refused(odd: dict[str, Any]) -> None:
    """They are then read one by one."""
    with pytest.raises(MalformedAnswer):
        in_bulk([made_up(2, 1), odd, made_up(2, 3)])


@pytest.mark.parametrize("name", ["number", "timestamp", "gasUsed", "gasLimit", "baseFeePerGas", "extraData", "miner"])
def test_a_number_without_0x_is_not_read_as_another_number(name: str) -> None:
    """The hash would be that of the number without its first two characters."""
    told = made_up(3)
    with pytest.raises(MalformedAnswer):
        parse_header(body(told | {name: "ff" + told[name][2:]}))


@pytest.mark.parametrize("text", ["0x1 2", "0x12  34", "0x 12 "])
def test_spaces_are_no_digits(text: str) -> None:
    with pytest.raises(ValueError, match="hex"):
        rlp.to_bytes(text[2:])
    paid = {"index": "0x1", "validatorIndex": text, "address": "0x" + "1" * 40, "amount": "0x121a6a9"}
    assert parse_header(body(made_up(3) | {"withdrawals": [paid]})).has_wrong_withdrawals


@pytest.mark.parametrize("wrong", [{"amount": "ff121a6a9"}, {"amount": "zz"}, {"address": "zz" + "1" * 40}])
def test_a_withdrawal_of_another_form_gives_no_sum(wrong: dict[str, str]) -> None:
    """The root would be that of the amount without its first two characters."""
    paid = {"index": "0x1", "validatorIndex": "0x2", "address": "0x" + "1" * 40, "amount": "0x121a6a9"}
    told = made_up(2) | {"withdrawals": [paid | wrong]}
    found = parse_header(body(told))
    assert found.block.withdrawals_gwei is None
    assert found.has_wrong_withdrawals


@pytest.mark.parametrize("name", FIELDS)
def test_a_changed_or_missing_field_changes_the_hash(name: str) -> None:
    told = made_up(max(FORKS))
    text = told[name]
    other = hex(int(text, 16) ^ 1) if FIELDS[name][0] == "number" else text[:-1] + ("0" if text[-1] != "0" else "1")
    for spoilt in (told | {name: other}, {key: told[key] for key in told if key != name}):
        if spoilt.get(name) is None and name in {"parentHash", "miner", "number", "gasLimit", "gasUsed", "timestamp",
                                                 "extraData"}:  # fmt: skip
            continue  # without these it is no block at all
        header = parse_header(body(spoilt))
        assert (header.is_hashed, header.unknown) == (False, ())


@pytest.mark.parametrize(
    "spoil",
    [
        {"logsBloom": "0x"},
        {"logsBloom": "0x" + "zz" * 256},
        {"nonce": "0x1"},
        {"difficulty": "x"},
        {"mixHash": None},
        {"difficulty": "-0x1"},
    ],
)
def test_fields_that_are_not_ethereums_have_no_hash_and_leave_the_block_readable(spoil: dict[str, Any]) -> None:
    told = made_up(4)
    header = parse_header(body(told | spoil))
    assert (header.computed, header.block.hash) == (None, told["hash"])


def test_members_that_are_not_known_are_named_only_where_the_hash_differs() -> None:
    told = made_up(4)
    assert parse_header(body(told | {"l1Fee": "0x1"})).unknown == ()
    assert parse_header(body(told | {"gasUsed": "0x1", "zeta": 1, "l1Fee": "0x1"})).unknown == ("l1Fee", "zeta")


@given(st.recursive(st.binary(max_size=70), lambda inner: st.lists(inner, max_size=5), max_leaves=12))
def test_decoding_undoes_the_encoding_of_another_library(value: Any) -> None:
    assert rlp.decode(other_rlp.encode(value)) == value


@given(st.binary(max_size=80))
def test_strings_and_lists_are_encoded_as_by_another_library(value: bytes) -> None:
    assert rlp.string(value.hex()) == other_rlp.encode(value).hex()
    assert rlp.items(rlp.string(value.hex()) * 3) == other_rlp.encode([value] * 3).hex()


@given(st.integers(0, 2**256 - 1))
def test_numbers_are_encoded_as_by_another_library(number: int) -> None:
    assert rlp.quantity(hex(number)) == other_rlp.encode(number).hex()


@given(st.binary(max_size=40))
def test_what_is_no_rlp_is_refused(data: bytes) -> None:
    try:
        expected = other_rlp.decode(data)
    except other_rlp.exceptions.DecodingError:
        return
    assert rlp.decode(data) == list(expected) if isinstance(expected, list | tuple) else expected


@pytest.mark.parametrize("data", [b"", b"\xc0\xc0", b"\x82a", b"\xc2\x82", b"\xb9\xff", b"\xc1" * 5_000])
def test_bytes_that_end_early_or_late_are_refused(data: bytes) -> None:
    with pytest.raises(rlp.BadRlp):
        rlp.decode(data)


def test_roots_of_withdrawals_tell_one_change_and_one_missing() -> None:
    """One, sixteen, and more than one level of positions; the empty root is the one everybody knows."""
    assert withdrawals_root([]) == "0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"
    many = [(hex(100 + n), hex(7 * n), f"0x{n:040x}", hex(18_000_000 + n)) for n in range(300)]
    roots = {withdrawals_root(many[:count]) for count in (1, 2, 16, 17, 128, 129, 300)}
    assert len(roots) == 7
    assert withdrawals_root([(*many[0][:3], "0x1"), *many[1:16]]) not in roots


def real(name: str) -> bytes:
    return (Path(FOLDER or "") / f"ethereum_{name}_21925176.json").read_bytes()


@needs_real_bytes
def test_a_real_block_hashes_to_its_hash_and_has_its_withdrawals() -> None:
    header = parse_header(real("block"))
    assert header.is_hashed
    assert not header.has_wrong_withdrawals
    assert header.block.withdrawals_gwei == 0
    told = json.loads(real("block"))
    told["withdrawals"][3]["amount"] = "0x1"
    assert parse_header(body(told)).has_wrong_withdrawals
    for name in set(FIELDS) & set(told):
        altered = told[name][:-1] + ("1" if told[name][-1] != "1" else "2")
        assert not parse_header(body(told | {name: altered})).is_hashed


@needs_real_bytes
@pytest.mark.parametrize("name", ["miner_proof", "other_proof"])
def test_a_real_account_is_proved_and_no_altered_node_is(name: str) -> None:
    root = bytes.fromhex(json.loads(real("block"))["stateRoot"][2:])
    told, nodes = json.loads(real(name)), parse_account_proof(real(name))
    assert proved_balance(root, told["address"], nodes) == int(told["balance"], 16)
    for at, node in enumerate(nodes):
        for place in (0, len(node) // 2, -1):
            altered = bytearray(node)
            altered[place] ^= 1
            with pytest.raises(BadAccountProof):
                proved_balance(root, told["address"], [*nodes[:at], bytes(altered), *nodes[at + 1 :]])
    for fewer in (nodes[:-1], nodes[1:], []):
        with pytest.raises(BadAccountProof):
            proved_balance(root, told["address"], fewer)
