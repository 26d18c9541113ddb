"""Claims about the limits of the devnet's Ethereum chain: batches, sizes, seconds, states it no longer has."""

from __future__ import annotations

import re
from typing import Any

import pytest

from stx_pipelines.devnet.ethereum.traffic import CallLimiter
from stx_pipelines.devnet.server import Devnet
from stx_pipelines_tests.devnet.servers import keep_sleeps

from .rpc import ask, balance_calls, call, post, true_answers


@pytest.mark.parametrize(
    ("how", "status", "answer"),
    [
        ("413", 413, None),
        ("element", 200, [{"jsonrpc": "2.0", "id": 100, "error": {"code": -32600, "message": "batch too large"}}]),
        ("object", 200, {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "batch too large"}}),
    ],
)
def test_a_batch_above_the_cap_is_refused_in_several_manners(
    ethereum_devnet: Devnet, how: Any, status: int, answer: Any
) -> None:
    ethereum_devnet.ethereum_knobs.batch_limit, ethereum_devnet.ethereum_knobs.batch_refusal = 10, how
    refused = post(ethereum_devnet, balance_calls(ethereum_devnet, 11))
    assert refused.status_code == status
    if answer:
        assert refused.json() == answer
    assert len(post(ethereum_devnet, balance_calls(ethereum_devnet, 10)).json()) == 10


def test_erigon_says_batch_limit(ethereum_devnet: Devnet) -> None:
    ethereum_devnet.ethereum_knobs.batch_limit, ethereum_devnet.ethereum_knobs.batch_refusal = 10, "erigon"
    refused = post(ethereum_devnet, balance_calls(ethereum_devnet, 11)).json()
    assert refused["error"]["message"].startswith("batch limit 10 exceeded")


def test_an_answer_above_its_size_is_right_up_to_there_and_errors_from_there_on(ethereum_devnet: Devnet) -> None:
    ethereum_devnet.ethereum_knobs.response_bytes_limit = 600
    answers = post(ethereum_devnet, balance_calls(ethereum_devnet)).json()
    truth = true_answers(ethereum_devnet)
    right = sum(answer.get("result") == truth[answer["id"]] for answer in answers)
    assert 5 < right < 15
    assert [answer["error"]["code"] for answer in answers[right:]] == [-32003] * (20 - right)
    assert answers[-1]["error"]["message"] == "response too large"


def test_calls_per_second_counts_elements_and_says_when_to_come_back(
    ethereum_devnet: Devnet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stx_pipelines.devnet.ethereum.rpc.monotonic", lambda: 1_000_000.0)
    knobs = ethereum_devnet.ethereum_knobs
    knobs.calls_per_second, knobs.retry_after_seconds = 25, 3
    responses = [post(ethereum_devnet, balance_calls(ethereum_devnet, size)) for size in (20, 10, 5)]
    assert [response.status_code for response in responses] == [200, 429, 200]
    assert responses[1].headers["retry-after"] == "3"
    assert responses[1].json()["error"]["code"] == 429
    assert ethereum_devnet.ethereum_stats.busiest_second == 35


def test_the_second_slides_and_refused_calls_do_not_fill_it() -> None:
    limiter = CallLimiter()
    asked = [(0.0, 6), (0.5, 4), (0.9, 1), (1.0, 6), (1.4, 1), (1.5, 4)]
    assert [limiter.allows(now, calls, 10) for now, calls in asked] == [True, True, False, True, False, True]


@pytest.mark.parametrize(
    ("wording", "code", "message"),
    [
        (
            "missing_trie_node",
            -32000,
            r"missing trie node [0-9a-f]{64} \(path \) state 0x[0-9a-f]{64} is not available",
        ),
        ("historical_state", -32000, r"historical state [0-9a-f]{64} is not available"),
        ("state_not_available", -32000, r"state 0x[0-9a-f]{64} is not available"),
        ("pruned", -32603, r"state at block #\d+ is pruned"),
    ],
)
def test_a_pruned_node_knows_young_balances_and_all_blocks(
    ethereum_devnet: Devnet, wording: Any, code: int, message: str
) -> None:
    knobs, chain = ethereum_devnet.ethereum_knobs, ethereum_devnet.ethereum_chain
    knobs.state_blocks, knobs.pruned_wording = 128, wording
    oldest = chain.latest.number - 128
    address = chain.accounts.recipients[3].address
    assert int(ask(ethereum_devnet, "eth_getBalance", address, hex(oldest)), 16) == chain.balance(address, oldest)
    error = ask(ethereum_devnet, "eth_getBalance", address, hex(oldest - 1))
    assert error["code"] == code
    assert re.fullmatch(message, error["message"])
    assert ask(ethereum_devnet, "eth_getBlockByNumber", "0x1", False)["number"] == "0x1"


@pytest.mark.parametrize("told", ["newest", "zero"])
def test_a_node_can_answer_old_blocks_with_its_newest_state_or_with_0(ethereum_devnet: Devnet, told: Any) -> None:
    knobs, chain = ethereum_devnet.ethereum_knobs, ethereum_devnet.ethereum_chain
    newest = chain.latest.number
    address = next(each.address for each in chain.accounts.recipients if chain.balance(each.address, newest))
    knobs.old_balances = told
    now, before = (int(ask(ethereum_devnet, "eth_getBalance", address, hex(at)), 16) for at in (newest, newest - 1))
    assert now == chain.balance(address, newest)
    assert before == (now if told == "newest" else 0)


def test_another_chain_id_can_be_said(ethereum_devnet: Devnet) -> None:
    ethereum_devnet.ethereum_knobs.chain_id = 11_155_111
    assert (ask(ethereum_devnet, "eth_chainId"), ask(ethereum_devnet, "net_version")) == ("0xaa36a7", "11155111")


def test_latency_delays_every_answer(ethereum_devnet: Devnet, monkeypatch: pytest.MonkeyPatch) -> None:
    slept = keep_sleeps(monkeypatch, "stx_pipelines.devnet.ethereum.rpc.asyncio")
    ethereum_devnet.ethereum_knobs.latency_seconds = 50.0
    post(ethereum_devnet, call("eth_chainId"))
    assert slept == [50.0]
