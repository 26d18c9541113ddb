"""A tenure's bytes prove its rows; every change of a row or of the bytes is seen, except in the signers' signatures."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stx_pipelines.chains.stacks import Tx
from stx_pipelines.chains.stacks_block import RawBlock, split_blocks
from stx_pipelines.chains.stacks_hashes import address, digest, merkle_root
from stx_pipelines.chains.stacks_transaction import CannotBeRead, CutShort, read_transaction
from stx_pipelines.chains.tenure_proof import Tenure, TenureFault, prove_links, prove_tenure
from stx_pipelines.devnet.stacks.chain import StacksChain
from stx_pipelines.devnet.stacks.encoding import transaction_bytes
from stx_pipelines_tests.chains.tenures import busy, chain_of, raw_tenure, rows_of

FOLDER = os.environ.get("STX_REAL_BYTES")
needs_real_bytes = pytest.mark.skipif(not FOLDER, reason="STX_REAL_BYTES names no folder of real bytes")
VECTORS = {  # the roots of the ids digest(01), digest(02), ...; computed by hand from SIP-005
    1: "0850ca3ecacb03da814f058a5028673925d0efcdcccc256ab24288a616bb3c64",
    2: "0588da5df60d1762347a1b36e070c9d03468309ef9ba36ed0fda2d06f022d0eb",
    3: "6d5c077934844b5f3ac06af6762d201e9f9d7bda613b31bf58112535c26c5100",
    5: "344bf2b7f86a002603158dc047652171f42c95177562cd7c0df8d0def7d1de64",
    7: "47f7869ba8617ce43466fd279596b5a5e1e37ac37114daf395e93353b6db3405",
    8: "37ea5492201e9da900d35ba9f00608a7c53061bc1b2767ca87ec5529f5404688",
}


@pytest.fixture(scope="module")
def chain() -> StacksChain:
    chain = chain_of()
    chain.reorg(burn_blocks=3)
    chain.grow(burn_blocks=3)
    chain.reorg(stacks_blocks=3)
    return chain


def proved(raw: bytes, rows: list[Tx]) -> Tenure:
    return prove_tenure(split_blocks(raw).blocks, rows, rows[-1].index_block_hash or "")


def tenure(chain: StacksChain, *, least: int = 8) -> tuple[bytes, list[Tx]]:
    """Return the bytes and the rows of a tenure of several blocks, with at least this many transactions."""
    burn = next(burn for burn in busy(chain) if burn.tx_count >= least and len(burn.blocks) > 2)
    return raw_tenure(chain, burn), rows_of(list(burn.transactions()))


@pytest.mark.parametrize("count", VECTORS)
def test_merkle_roots_are_those_of_the_vectors(count: int) -> None:
    ids = [digest(bytes([number])) for number in range(1, count + 1)]
    assert merkle_root(ids).hex() == VECTORS[count]


@pytest.mark.parametrize(
    ("version", "text"), [(22, "SP000000000000000000002Q6VF78"), (26, "ST000000000000000000002AMW42H")]
)
def test_an_address_of_zeros_has_a_digit_for_each_zero_byte(version: int, text: str) -> None:
    assert address(version, bytes(20)) == text


@pytest.mark.parametrize("version", [0, 1, 0x80, 0x81])
def test_every_tenure_of_a_chain_with_reorgs_is_proved_and_linked(version: int) -> None:
    chain = chain_of(header_version=version)
    chain.reorg(burn_blocks=3)
    chain.grow(burn_blocks=3)
    burns = busy(chain)
    tenures = [proved(raw_tenure(chain, burn), rows_of(list(burn.transactions()))) for burn in burns]
    assert sum(tenure.transactions for tenure in tenures) == len(chain.transactions())
    assert not any(tenure.unread for tenure in tenures)
    below = [chain.block(burn.blocks[0].height - 1) for burn in burns]
    prove_links(
        [(tenure, block.index_hash if block else None) for tenure, block in zip(tenures, below, strict=True)],
        [burn.height for burn in burns],
    )


def test_a_wrong_link_and_a_shared_consensus_hash_are_faults(chain: StacksChain) -> None:
    one, other = [proved(raw_tenure(chain, b), rows_of(list(b.transactions()))) for b in busy(chain)[:2]]
    with pytest.raises(TenureFault, match="the parent of Stacks block"):
        prove_links([(one, "0x" + "0" * 64)], [900_001])
    with pytest.raises(TenureFault, match="burn blocks 900001 and 900002 have the same consensus hash"):
        prove_links([(one, None), (other._replace(consensus_hash=one.consensus_hash), None)], [900_001, 900_002])


CHANGES = {
    "fee_ustx": 1,
    "sender_address": "SP000000000000000000002Q6VF78",
    "nonce": 77_777,
    "tx_type": "poison_microblock",
    "sponsor_address": "SP000000000000000000002Q6VF78",
    "tx_status": "problematic_skipped",
    "block_time": 1,
    "index_block_hash": "0x" + "1" * 64,
    "tx_id": "0x" + "1" * 64,
    "recipient_address": "SP000000000000000000002Q6VF78",
}


@pytest.mark.parametrize("field", CHANGES)
def test_a_changed_row_is_named_with_its_block(chain: StacksChain, field: str) -> None:
    raw, rows = tenure(chain)
    at = next(at for at, row in enumerate(rows[1:-1], 1) if row.tx_status == "success")
    spoiled = [*rows[:at], msgspec.structs.replace(rows[at], **{field: CHANGES[field]}), *rows[at + 1 :]]
    with pytest.raises(TenureFault, match=f"Stacks block {rows[at].block_height} ") as fault:
        proved(raw, spoiled)
    assert fault.value.heights == {rows[at].burn_block_height}


def lost(rows: list[Tx], at: int) -> list[Tx]:
    return rows[:at] + rows[at + 1 :]


def test_every_lost_row_is_named_by_its_id(chain: StacksChain) -> None:
    raw, rows = tenure(chain)
    for at, row in enumerate(rows[:-1]):
        with pytest.raises(TenureFault, match=f"Stacks block {row.block_height} has the transaction {row.tx_id}"):
            proved(raw, lost(rows, at))


def test_swapped_repeated_and_strange_rows_are_faults(chain: StacksChain) -> None:
    raw, rows = tenure(chain)
    at = next(at for at in range(len(rows) - 1) if rows[at].block_height == rows[at + 1].block_height)
    swapped = [*rows[:at], rows[at + 1], rows[at], *rows[at + 2 :]]
    for wrong in (swapped, [*rows, rows[-1]], [*rows[:at], rows[at], *rows[at:]]):
        with pytest.raises(TenureFault):
            proved(raw, wrong)


def test_a_repeated_id_at_an_odd_end_has_the_same_root_and_is_still_a_fault() -> None:
    ids = [digest(bytes([number])) for number in range(3)]
    assert merkle_root(ids) == merkle_root([*ids, ids[-1]])
    chain = chain_of()
    burn = next(burn for burn in busy(chain) if len(burn.blocks[-1].transactions) % 2 and len(burn.blocks) > 1)
    rows = rows_of(list(burn.transactions()))
    with pytest.raises(TenureFault):
        proved(raw_tenure(chain, burn), [*rows, rows[-1]])


def test_blocks_that_are_missing_or_of_another_tenure_are_faults(chain: StacksChain) -> None:
    raw, rows = tenure(chain)
    blocks = split_blocks(raw).blocks
    for kept in (blocks[:1] + blocks[2:], blocks[:-1], blocks[1:], [*blocks, blocks[-1]]):
        with pytest.raises(TenureFault):
            prove_tenure(kept, rows, rows[-1].index_block_hash or "")


def test_bytes_that_are_cut_or_too_many_are_counted(chain: StacksChain) -> None:
    raw, _ = tenure(chain)
    whole = split_blocks(raw)
    assert whole.left_over == 0
    assert split_blocks(raw + b"\x01") == (whole.blocks, 1)
    cut = split_blocks(raw[:-1])
    assert cut.blocks == whole.blocks[:-1]
    assert cut.left_over
    with pytest.raises(CutShort):
        split_blocks(chain.raw(busy(chain)[0].blocks[0])[:-1])


def test_a_lower_number_of_transactions_is_a_fault(chain: StacksChain) -> None:
    """The number is not hashed, so a lower one would hide the fields of the last transactions."""
    burn = next(burn for burn in busy(chain) if len(burn.blocks) == 1)
    raw, rows = raw_tenure(chain, burn), rows_of(list(burn.transactions()))
    count = len(rows).to_bytes(4, "big")
    at = raw.index(count + b"\x00\x00\x00\x00\x01")
    for fewer in range(len(rows)):
        changed = raw[:at] + fewer.to_bytes(4, "big") + raw[at + 4 :]
        with pytest.raises(TenureFault, match="lists"):
            prove_tenure(split_blocks(changed).blocks, rows, rows[-1].index_block_hash or "")


def test_operations_on_bitcoin_are_rows_that_no_block_has(chain: StacksChain) -> None:
    raw, rows = tenure(chain)
    extra = msgspec.structs.replace(
        rows[0], tx_id="0x" + "b" * 64, nonce=0, fee_ustx=0, sponsor_address=None, tx_type="token_transfer"
    )
    assert proved(raw, [extra, *rows]).transactions == len(rows) + 1
    with pytest.raises(TenureFault):
        proved(raw, [msgspec.structs.replace(extra, fee_ustx=1), *rows])


def test_made_up_bytes_take_no_more_than_linear_time(chain: StacksChain) -> None:
    """A header whose bits take more bytes than they need cannot be read, so no search goes through all bytes."""
    raw = chain.raw(busy(chain)[0].blocks[0])
    bits = raw.index((4000).to_bytes(2, "big") + (500).to_bytes(4, "big"))
    with pytest.raises(CannotBeRead, match="bits in"):
        split_blocks(raw[: bits + 2] + (501).to_bytes(4, "big") + raw[bits + 6 :])


def is_accepted(raw: bytes, rows: list[Tx]) -> bool:
    try:
        blocks, left_over = split_blocks(raw)
        return not prove_tenure(blocks, rows, rows[-1].index_block_hash or "").unread and not left_over
    except (TenureFault, CannotBeRead):
        return False


def test_each_flipped_bit_is_seen_except_in_the_signers_signatures(chain: StacksChain) -> None:
    burn = next(burn for burn in busy(chain) if len(burn.blocks) == 1)
    raw, rows = raw_tenure(chain, burn), rows_of(list(burn.transactions()))
    first = 1 + 8 + 8 + 20 + 32 + 32 + 32 + 8 + 65 + 4  # the header up to the count of signatures
    uncovered = range(first, first + 28 * 65)
    count = len(raw) - sum(map(len, map(transaction_bytes, burn.transactions()))) - 4
    bits = {*Random(3).sample(range(len(raw) * 8), 3_000), *range(count * 8, (count + 4) * 8)}
    for bit in bits:
        at, shift = divmod(bit, 8)
        changed = raw[:at] + bytes([raw[at] ^ 1 << shift]) + raw[at + 1 :]
        assert is_accepted(changed, rows) == (at in uncovered), f"bit {bit}"


def test_a_block_of_version_2_cannot_be_read() -> None:
    chain = chain_of(header_version=2)
    with pytest.raises(CannotBeRead, match="version 2"):
        split_blocks(raw_tenure(chain, busy(chain)[0]))


def test_an_unknown_payload_leaves_ids_proved_and_fields_unread(chain: StacksChain) -> None:
    """The next block is found by its height and consensus hash."""
    burn = next(burn for burn in busy(chain) if len(burn.blocks) > 2)
    whole = [split_blocks(chain.raw(block)).blocks[0] for block in burn.blocks[::-1]]
    raw = b"".join(chain.raw(block) for block in burn.blocks[::-1])
    newest = chain.raw(burn.blocks[-1])
    tx = burn.blocks[-1].transactions[0]
    payload = newest.rindex(b"\x03\x02" + bytes(4))  # the last transaction's modes and post-conditions
    spoiled = raw[: payload + 6] + b"\x63" + raw[payload + 7 :]
    found = split_blocks(spoiled).blocks
    assert [block.index_block_hash for block in found] == [block.index_block_hash for block in whole]
    assert "kind 99" in (found[0].unread or "")
    rows = rows_of(list(burn.transactions()))
    assert prove_tenure(found, rows, tx.index_block_hash).unread


@given(st.binary(max_size=400))
def test_any_bytes_end_in_cannot_be_read_or_in_blocks(content: bytes) -> None:
    with suppress(CannotBeRead):
        assert all(isinstance(block, RawBlock) for block in split_blocks(content).blocks)
    with suppress(CannotBeRead):
        read_transaction(b"\x00\x00\x00\x00\x01\x04" + content, 0)


@given(st.data())
def test_spoiled_bytes_of_a_tenure_are_never_accepted(data: st.DataObject) -> None:
    chain = CHAIN
    burn = data.draw(st.sampled_from(busy(chain)[:20]))
    raw = bytearray(chain.raw(burn.blocks[-1]))
    start = raw.index(b"\xff" * 500) + 500  # after the signatures and the bits
    at = data.draw(st.integers(start, len(raw) - 1))
    inserted = data.draw(st.binary(max_size=6))
    removed = data.draw(st.integers(0, 6))
    changed = bytes(raw[:at]) + inserted + bytes(raw[at + removed :])
    rows = rows_of(burn.blocks[-1].transactions)
    assert not is_accepted(changed, rows) or changed == bytes(raw)


CHAIN = chain_of(tip=chain_of().spec.tip.replace(hour=3))


@needs_real_bytes
def test_real_transactions_have_their_ids_and_fields() -> None:
    known = json.loads((Path(FOLDER or "") / "stacks_transactions.json").read_text())
    assert len(known) > 400
    for each in known:
        tx, end = read_transaction(raw := bytes.fromhex(each["raw"]), 0)
        assert end == len(raw)
        read = (tx.tx_id[2:], tx.sender_address, tx.nonce, tx.fee_ustx, tx.tx_type, tx.sponsor_address)
        wanted = (*(each[name] for name in ("tx_id", "sender")), int(each["nonce"]), int(each["fee"]), each["type"])
        assert read == (*wanted, each["sponsor"])


@needs_real_bytes
def test_real_blocks_are_sealed() -> None:
    for each in json.loads((Path(FOLDER or "") / "stacks_blocks.json").read_text()):
        [block] = split_blocks(bytes.fromhex(each["raw"])).blocks
        assert (block.block_hash[2:], block.index_block_hash[2:]) == (each["block_hash"], each["block_id"])
        assert [tx.tx_id[2:] for tx in block.transactions] == [tx["tx_id"] for tx in each["transactions"]]
        assert [tx.sender_address for tx in block.transactions] == [tx["sender"] for tx in each["transactions"]]
        assert merkle_root([bytes.fromhex(tx.tx_id[2:]) for tx in block.transactions]) == block.tx_merkle_root
