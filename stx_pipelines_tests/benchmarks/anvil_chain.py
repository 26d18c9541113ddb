"""A planned chain of any length as a file that anvil loads; mining a long chain takes minutes and gigabytes.

Headers are real (RLP, keccak) and linked. The state of a block holds only the accounts requested at that block.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain as joined
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

import msgspec
from eth_utils.crypto import keccak
from rlp.codec import encode_raw

from stx_pipelines_tests.anvil import Node, anvil
from stx_pipelines_tests.sync.ethereum.planned import Block

Header = dict[str, int | bytes]
"""A block header: the names of its fields in JSON, in the order of RLP."""

EMPTY_TRIE = keccak(encode_raw(b""))
EMPTY_LIST = keccak(encode_raw([]))
NO_CODE = "0x" + keccak(b"").hex()
GAS_LIMIT = 30_000_000

encode = msgspec.json.Encoder().encode


def header(number: int, timestamp: int, miner: str, parent_hash: bytes) -> Header:
    """Make the header of a block without transactions, of the Cancun fork; gas used and extra data vary."""
    return {
        "parentHash": parent_hash,
        "sha3Uncles": EMPTY_LIST,
        "miner": bytes.fromhex(miner[2:]),
        "stateRoot": EMPTY_TRIE,
        "transactionsRoot": EMPTY_TRIE,
        "receiptsRoot": EMPTY_TRIE,
        "logsBloom": bytes(256),
        "difficulty": 0,
        "number": number,
        "gasLimit": GAS_LIMIT,
        "gasUsed": number * 7_919 % GAS_LIMIT,
        "timestamp": timestamp,
        "extraData": f"block {number}".encode(),
        "mixHash": bytes(32),
        "nonce": bytes(8),
        "baseFeePerGas": 10**9,
        "withdrawalsRoot": EMPTY_TRIE,
        "blobGasUsed": 0,
        "excessBlobGas": 0,
        "parentBeaconBlockRoot": bytes(32),
    }


def block_hash(header: Header) -> bytes:
    """Return the hash of a header, as every node computes it."""
    return keccak(encode_raw([_big_endian(v) if isinstance(v, int) else v for v in header.values()]))


def _big_endian(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def _hex(value: int | bytes) -> str:
    return hex(value) if isinstance(value, int) else "0x" + value.hex()


def write_state(path: Path, chain: Sequence[Block]) -> None:
    """Write the file for `--load-state`: the chain after a block 0 that is a second older than its first block."""
    newest = chain[-1]
    with path.open("wb") as file:
        file.write(b'{"blocks":[')
        hashes = _write_blocks(file, chain)
        file.write(b'],"historical_states":[')
        accounts = _write_states(file, chain, hashes)
        block = {
            "number": hex(newest.row.number),
            "beneficiary": newest.row.miner,
            "timestamp": hex(newest.timestamp),
            "gas_limit": GAS_LIMIT,
            "basefee": 10**9,
            "difficulty": "0x0",
            "prevrandao": _hex(bytes(32)),
            "blob_excess_gas_and_price": {"excess_blob_gas": 0, "blob_gasprice": 1},
        }
        rest = {
            "block": block,
            "best_block_number": newest.row.number,
            "transactions": [],
            "accounts": {
                address: {"nonce": 0, "balance": hex(balance), "code": "0x", "storage": {}}
                for address, balance in accounts.items()
            },
        }
        file.write(b"]," + encode(rest)[1:])


def _write_blocks(file: BinaryIO, chain: Sequence[Block]) -> list[str]:
    """Write block 0 and the chain's blocks; return their hashes."""
    wanted = [(0, chain[0].timestamp - 1, "0x" + "0" * 40)]
    wanted += [(block.row.number, block.timestamp, block.row.miner) for block in chain]
    hashes = [bytes(32)]
    for number, timestamp, miner in wanted:
        fields = header(number, timestamp, miner, hashes[-1])
        hashes.append(block_hash(fields))
        shown = {name: _hex(value) for name, value in fields.items()}
        text = encode({"header": shown, "transactions": [], "ommers": [], "withdrawals": []})
        file.write(b"," * (number > 0) + text)
    return [_hex(value) for value in hashes[1:]]


def _write_states(file: BinaryIO, chain: Sequence[Block], hashes: Sequence[str]) -> dict[str, int]:
    """Write, at each block, the balances of its recipient and the next block's; return all newest balances."""
    ledger: dict[str, int] = {}
    for number, following in enumerate(joined(chain, [chain[-1]])):
        asked = {following.row.miner}
        if number:
            ledger.update(chain[number - 1].balances)
            asked.add(chain[number - 1].row.miner)
        accounts = {address: _account(ledger.get(address, 0)) for address in asked}
        state = {"accounts": accounts, "storage": {}, "block_hashes": {}}
        file.write(b"," * (number > 0) + encode((hashes[number], state)))
    return ledger


def _account(balance: int) -> dict[str, object]:
    return {"balance": hex(balance), "nonce": 0, "code_hash": NO_CODE, "code": None}


@contextmanager
def loaded(chain: Sequence[Block], *options: str) -> Iterator[Node]:
    """Run a node with this chain; the file (2.4 kB a block) is deleted once the node has read it."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "state.json"
        write_state(path, chain)
        with anvil("--load-state", str(path), *options) as node:
            path.unlink()
            yield node
