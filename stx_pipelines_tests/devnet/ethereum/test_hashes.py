"""Claims about what the devnet's Ethereum chain hashes: headers, withdrawals and accounts, as other programs do."""

from __future__ import annotations

from typing import Any

import pytest
import rlp
from eth_utils.crypto import keccak

from stx_pipelines.chains.account_proof import proved_balance
from stx_pipelines.chains.ethereum_blocks import parse_header
from stx_pipelines.devnet.ethereum.chain import EthereumChain
from stx_pipelines.devnet.ethereum.header import FUTURE_MEMBER
from stx_pipelines.devnet.ethereum.render import block_json
from stx_pipelines.devnet.server import Devnet

from .rpc import ask

FIELDS = [
    "parentHash", "sha3Uncles", "miner", "stateRoot", "transactionsRoot", "receiptsRoot", "logsBloom", "difficulty",
    "number", "gasLimit", "gasUsed", "timestamp", "extraData", "mixHash", "nonce", "baseFeePerGas", "withdrawalsRoot",
    "blobGasUsed", "excessBlobGas", "parentBeaconBlockRoot", "requestsHash",
]  # fmt: skip
NUMBERS = {
    "difficulty", "number", "gasLimit", "gasUsed", "timestamp", "baseFeePerGas", "blobGasUsed", "excessBlobGas",
}  # fmt: skip


def content(told: dict[str, Any], name: str) -> bytes:
    if name not in NUMBERS:
        return bytes.fromhex(told[name][2:])
    number = int(told[name], 16)
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def block(devnet: Devnet, number: int) -> dict[str, Any]:
    told: dict[str, Any] = ask(devnet, "eth_getBlockByNumber", hex(number), False)
    return told


def proof(devnet: Devnet, address: str, number: int) -> list[bytes]:
    told = ask(devnet, "eth_getProof", address, [], hex(number))
    return [bytes.fromhex(node[2:]) for node in told["accountProof"]]


@pytest.mark.parametrize("number", [0, 1, 17, 300])
def test_a_header_has_the_hash_that_another_library_computes(ethereum_devnet: Devnet, number: int) -> None:
    told = block(ethereum_devnet, number)
    assert told["hash"] == "0x" + keccak(rlp.encode([content(told, name) for name in FIELDS])).hex()


def test_some_withdrawals_go_to_the_miner_and_all_have_their_root(ethereum: EthereumChain) -> None:
    headers = [parse_header(block_json(one).encode()) for one in ethereum.blocks[:200]]
    assert all(header.is_hashed and not header.has_wrong_withdrawals for header in headers)
    assert {header.block.withdrawals_gwei == 0 for header in headers} == {True, False}


@pytest.mark.parametrize("number", [0, 1, 250])
def test_every_account_and_every_absence_is_proved(ethereum_devnet: Devnet, number: int) -> None:
    chain = ethereum_devnet.ethereum_chain
    root = bytes.fromhex(block(ethereum_devnet, number)["stateRoot"][2:])
    for address in [*chain.accounts.by_address, *(f"0x{n:040x}" for n in range(20))]:
        assert proved_balance(root, address, proof(ethereum_devnet, address, number)) == chain.balance(address, number)


def test_a_reorg_changes_the_state_roots_too(ethereum: EthereumChain) -> None:
    before = [one.state_root for one in ethereum.blocks]
    ethereum.reorg(30)
    after = [one.state_root for one in ethereum.blocks]
    assert after[:-30] == before[:-30]
    assert not set(after[-29:]) & set(before[-29:])


def test_proofs_can_be_refused_by_age_or_altogether(ethereum_devnet: Devnet) -> None:
    knobs, newest = ethereum_devnet.ethereum_knobs, ethereum_devnet.ethereum_chain.latest.number
    address = next(iter(ethereum_devnet.ethereum_chain.accounts.by_address))
    knobs.proof_blocks = 10
    assert ask(ethereum_devnet, "eth_getProof", address, [], hex(newest - 11)) == {
        "code": -32602,
        "message": "distance to target block exceeds maximum proof window",
    }
    assert proof(ethereum_devnet, address, newest - 10)
    knobs.proof_blocks = -1
    assert ask(ethereum_devnet, "eth_getProof", address, [], hex(newest))["code"] == -32601


def test_a_balance_can_be_too_large_while_its_proof_is_true(ethereum_devnet: Devnet) -> None:
    chain, knobs = ethereum_devnet.ethereum_chain, ethereum_devnet.ethereum_knobs
    address = chain.accounts.recipients[1].address
    knobs.wei_too_much, knobs.wei_too_much_at = 1, 9
    told = [int(ask(ethereum_devnet, "eth_getBalance", address, hex(number)), 16) for number in (8, 9)]
    assert told == [chain.balance(address, 8), chain.balance(address, 9) + 1]
    root = bytes.fromhex(block(ethereum_devnet, 9)["stateRoot"][2:])
    assert proved_balance(root, address, proof(ethereum_devnet, address, 9)) == told[1] - 1


@pytest.mark.parametrize("member", [*FIELDS, "withdrawals"])
def test_one_member_of_one_block_can_be_altered(ethereum_devnet: Devnet, member: str) -> None:
    number = next(
        n for n in range(20, 99) if n % 4 == 3 and ethereum_devnet.ethereum_chain.blocks[n].extra_data != "0x"
    )
    right = block(ethereum_devnet, number)
    ethereum_devnet.ethereum_knobs.altered_member, ethereum_devnet.ethereum_knobs.altered_block = member, number
    told = block(ethereum_devnet, number)
    assert {name for name in told if told[name] != right[name]} == {member}
    assert block(ethereum_devnet, number + 1)["parentHash"] == right["hash"]


def test_blocks_of_a_future_fork_have_a_member_that_is_hashed(make_ethereum_spec: Any) -> None:
    chain = EthereumChain(make_ethereum_spec(future_number=5))
    for number, is_future in ((4, False), (5, True)):
        header = parse_header(block_json(chain.blocks[number], has_future_member=is_future).encode())
        assert (header.is_hashed, header.unknown) == (not is_future, (FUTURE_MEMBER,) if is_future else ())
