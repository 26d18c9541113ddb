"""Claims about what the devnet answers to JSON-RPC while nothing is wrong."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from stx_pipelines.devnet.ethereum.chain import EthereumBlock, EthereumChain, EthereumSpec
from stx_pipelines.devnet.server import Devnet, serve
from stx_pipelines.devnet.stacks.chain import StacksChain
from stx_pipelines_tests.devnet.conftest import FIRST_DAY
from stx_pipelines_tests.waiting import LONGEST

from .rpc import ask, balance_calls, call, post, true_answers

FIRST_DAY_END = datetime(2026, 10, 2, tzinfo=UTC)
QUANTITY = re.compile(r"0x(0|[1-9a-f][0-9a-f]*)")
QUANTITIES = ["number", "timestamp", "gasUsed", "gasLimit", "baseFeePerGas", "size", "difficulty"]
LENGTHS = {  # of the hex digits of a value whose length is fixed
    **dict.fromkeys(["hash", "parentHash", "stateRoot", "receiptsRoot", "transactionsRoot", "sha3Uncles"], 64),
    **dict.fromkeys(["mixHash", "parentBeaconBlockRoot", "requestsHash", "withdrawalsRoot"], 64),
    "miner": 40,
    "nonce": 16,
    "logsBloom": 512,
}
LATER_FORKS = {
    "baseFeePerGas",
    "blobGasUsed",
    "excessBlobGas",
    "parentBeaconBlockRoot",
    "requestsHash",
    "withdrawals",
    "withdrawalsRoot",
}
REAL_KEYS = {*QUANTITIES, *LENGTHS, *LATER_FORKS, "extraData", "transactions", "uncles"}


def from_rpc(told: dict[str, Any]) -> EthereumBlock:
    """A block as the chain knows it, from what was answered."""

    def number(name: str) -> int | None:
        return int(told[name], 16) if name in told else None

    withdrawn = [int(one["amount"], 16) for one in told.get("withdrawals", []) if one["address"] == told["miner"]]
    return EthereumBlock(
        int(told["number"], 16),
        told["hash"],
        told["parentHash"],
        told["miner"],
        int(told["timestamp"], 16),
        int(told["gasUsed"], 16),
        int(told["gasLimit"], 16),
        number("baseFeePerGas"),
        len(told["transactions"]),
        int(told["size"], 16),
        told["extraData"],
        told["nonce"],
        told["sha3Uncles"],
        told["transactionsRoot"],
        told["stateRoot"],
        told["receiptsRoot"],
        number("difficulty"),
        told["mixHash"],
        told.get("withdrawalsRoot"),
        number("blobGasUsed"),
        number("excessBlobGas"),
        told.get("parentBeaconBlockRoot"),
        told.get("requestsHash"),
        sum(withdrawn) if "withdrawals" in told else None,
    )


def test_a_block_has_the_members_and_forms_of_a_real_one(ethereum_devnet: Devnet) -> None:
    told = ask(ethereum_devnet, "eth_getBlockByNumber", "0x11", False)
    assert set(told) == REAL_KEYS
    for name in QUANTITIES:
        assert QUANTITY.fullmatch(told[name])
    for name, digits in LENGTHS.items():
        assert re.fullmatch(f"0x[0-9a-f]{{{digits}}}", told[name])
    assert all(re.fullmatch("0x[0-9a-f]{64}", transaction) for transaction in told["transactions"])


def test_every_block_is_told_as_the_chain_knows_it(ethereum_devnet: Devnet) -> None:
    blocks = ethereum_devnet.ethereum_chain.blocks[:300]
    batch = [call("eth_getBlockByNumber", hex(one.number), False, call_id=one.number) for one in blocks]
    answers = post(ethereum_devnet, batch).json()
    assert [from_rpc(answer["result"]) for answer in answers] == blocks
    hashes = [transaction for answer in answers for transaction in answer["result"]["transactions"]]
    assert len(set(hashes)) == len(hashes)
    assert {block.transaction_count for block in blocks} == {0, 1, 2, 3, 4}


def test_an_old_block_lacks_what_later_forks_brought() -> None:
    spec = EthereumSpec(first_day=FIRST_DAY, tip=FIRST_DAY_END, slot_seconds=3_600, london_number=5)
    with serve(None, ethereum=EthereumChain(spec)) as devnet:
        old, new = (ask(devnet, "eth_getBlockByNumber", number, False) for number in ("0x4", "0x5"))
    assert (set(old), set(new)) == (REAL_KEYS - LATER_FORKS, REAL_KEYS)


@pytest.mark.parametrize("tag", ["latest", "finalized", "safe", "earliest"])
def test_tags_name_blocks_and_their_balances(ethereum_devnet: Devnet, tag: str) -> None:
    chain = ethereum_devnet.ethereum_chain
    named = chain.blocks[0] if tag == "earliest" else getattr(chain, tag)
    assert from_rpc(ask(ethereum_devnet, "eth_getBlockByNumber", tag, False)) == named
    address = chain.accounts.recipients[0].address
    assert ask(ethereum_devnet, "eth_getBalance", address, tag) == hex(chain.balance(address, named.number))


def test_balances_come_under_their_ids(ethereum_devnet: Devnet) -> None:
    answers = post(ethereum_devnet, balance_calls(ethereum_devnet)).json()
    assert {answer["id"]: answer["result"] for answer in answers} == true_answers(ethereum_devnet)
    assert {answer["jsonrpc"] for answer in answers} == {"2.0"}


def test_a_balance_is_asked_in_any_case_and_an_unknown_address_owns_nothing(ethereum_devnet: Devnet) -> None:
    chain = ethereum_devnet.ethereum_chain
    rich = chain.accounts.recipients[3].address
    assert int(ask(ethereum_devnet, "eth_getBalance", "0x" + rich[2:].upper(), "0x5"), 16) == chain.balance(rich, 5)
    assert ask(ethereum_devnet, "eth_getBalance", "0x" + "5" * 40, "latest") == "0x0"


def test_the_small_methods_answer(ethereum_devnet: Devnet) -> None:
    assert ask(ethereum_devnet, "eth_chainId") == "0x1"
    assert ask(ethereum_devnet, "net_version") == "1"
    assert ask(ethereum_devnet, "eth_blockNumber") == hex(ethereum_devnet.ethereum_chain.latest.number)
    assert ask(ethereum_devnet, "web3_clientVersion").startswith("Geth/")


def test_a_block_to_come_is_null_and_its_balances_an_error(ethereum_devnet: Devnet) -> None:
    beyond = hex(ethereum_devnet.ethereum_chain.latest.number + 1)
    assert ask(ethereum_devnet, "eth_getBlockByNumber", beyond, False) is None
    refused = ask(ethereum_devnet, "eth_getBalance", "0x" + "5" * 40, beyond)
    assert refused == {"code": -32000, "message": "header not found"}


@pytest.mark.parametrize(
    ("method", "params", "code", "message"),
    [
        ("eth_sing", [], -32601, "the method eth_sing does not exist/is not available"),
        ("eth_getBalance", [], -32602, "missing value for required argument 0"),
        ("eth_getBalance", ["0x" + "1" * 40], -32602, "missing value for required argument 1"),
        ("eth_getBalance", ["0x12", "0x1"], -32602, "invalid argument 0: hex string has length 2, want 40 for "),
        ("eth_getBalance", ["0x" + "1" * 40, "12"], -32602, "invalid argument 1: hex string without 0x prefix"),
        ("eth_getBlockByNumber", ["0x01", False], -32602, "invalid argument 0: hex number with leading zero digits"),
        ("eth_getBlockByNumber", [7, False], -32602, "invalid argument 0: json: cannot unmarshal"),
        ("eth_getBlockByNumber", ["0x1"], -32602, "missing value for required argument 1"),
    ],
)
def test_errors_are_worded_as_geth_words_them(
    ethereum_devnet: Devnet, method: str, params: list[Any], code: int, message: str
) -> None:
    error = ask(ethereum_devnet, method, *params)
    assert error["code"] == code
    assert error["message"].startswith(message)


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (b"[]", -32600, "empty batch"),
        (b"{nothing", -32700, "parse error"),
        (b"[{},", -32700, "parse error"),
        (b"[1, 2]", -32600, "invalid request"),
        (b"7", -32600, "invalid request"),
    ],
)
def test_what_is_no_request_is_told_so(ethereum_devnet: Devnet, body: bytes, code: int, message: str) -> None:
    answer = requests.post(ethereum_devnet.ethereum_url, data=body, timeout=LONGEST).json()
    assert answer == {"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": message}}


def test_ids_come_back_as_they_went_and_notifications_get_no_answer(ethereum_devnet: Devnet) -> None:
    ids = [5, "five", 2**40, None]
    batch: list[dict[str, Any]] = [call("eth_chainId", call_id=one) for one in ids]
    batch.insert(2, {"jsonrpc": "2.0", "method": "eth_chainId", "params": []})
    assert [answer["id"] for answer in post(ethereum_devnet, batch).json()] == ids


def test_only_post_is_answered(ethereum_devnet: Devnet) -> None:
    assert requests.get(ethereum_devnet.ethereum_url, timeout=LONGEST).content == b""
    assert requests.put(ethereum_devnet.ethereum_url, data=b"{}", timeout=LONGEST).status_code == 405
    assert requests.get(ethereum_devnet.url + "/extended", timeout=LONGEST).status_code == 404


def test_one_devnet_serves_both_chains(chain: StacksChain, ethereum: EthereumChain) -> None:
    with serve(chain, ethereum=ethereum) as devnet:
        answer = requests.get(devnet.url + "/extended", timeout=LONGEST).json()
        assert answer["chain_tip"]["block_height"] == chain.tip.height
        assert ask(devnet, "eth_blockNumber") == hex(ethereum.latest.number)
        assert (devnet.stats.requests, devnet.ethereum_stats.requests) == (1, 1)


def test_without_an_ethereum_chain_its_path_is_unknown(chain: StacksChain) -> None:
    with serve(chain) as devnet:
        assert post(devnet, call("eth_chainId")).status_code == 404
        with pytest.raises(LookupError, match="does not serve"):
            _ = devnet.ethereum_chain


def test_requests_and_calls_are_counted(ethereum_devnet: Devnet) -> None:
    post(ethereum_devnet, balance_calls(ethereum_devnet, 7))
    ask(ethereum_devnet, "eth_chainId")
    stats = ethereum_devnet.ethereum_stats
    assert (stats.requests, stats.calls, stats.largest_batch) == (2, 8, 7)
    assert stats.by_method == {"eth_getBalance": 7, "eth_chainId": 1}
    assert (stats.by_status, stats.busiest_second) == ({200: 2}, 8)


def test_on_request_hears_the_calls_before_the_answer(ethereum_devnet: Devnet) -> None:
    heard: list[tuple[str, Any]] = []
    ethereum_devnet.ethereum_knobs.on_request = lambda calls: heard.extend((one.method, one.params) for one in calls)
    ask(ethereum_devnet, "eth_getBalance", "0x" + "1" * 40, "0x1")
    assert heard == [("eth_getBalance", ["0x" + "1" * 40, "0x1"])]
