"""Claims about every fault of the devnet's Ethereum chain: what it does, and that it does nothing else."""

from __future__ import annotations

import re
from typing import Any

import pytest
import requests

from stx_pipelines.devnet.ethereum.faults import DrawnFaults, EthereumFaults
from stx_pipelines.devnet.ethereum.knobs import (
    ELEMENT_FAULTS,
    ETHEREUM_FAULTS,
    REQUEST_FAULTS,
    EthereumFault,
    EthereumKnobs,
)
from stx_pipelines.devnet.server import Devnet

from .rpc import ask, balance_calls, call, post, true_answers

HTTP_FAULTS = [kind for kind in REQUEST_FAULTS if kind.startswith("http_")]


def answers_under(devnet: Devnet, faults: dict[EthereumFault, float], count: int = 20) -> list[dict[str, Any]]:
    """What a batch of balances is answered with under these faults."""
    devnet.ethereum_knobs.faults = faults
    answers = post(devnet, balance_calls(devnet, count)).json()
    devnet.ethereum_knobs.faults = {}
    assert isinstance(answers, list)
    return answers


def right_ones(devnet: Devnet, answers: list[dict[str, Any]]) -> int:
    """How many answers are what they should be; they may stand anywhere."""
    truth = true_answers(devnet)
    return sum(answer.get("result") == truth.get(answer["id"], "") for answer in answers)


@pytest.mark.parametrize("kind", HTTP_FAULTS)
def test_an_http_fault_answers_with_its_status_and_no_json(ethereum_devnet: Devnet, kind: EthereumFault) -> None:
    ethereum_devnet.ethereum_knobs.retry_after_seconds = 7
    ethereum_devnet.ethereum_knobs.faults = {kind: 1.0}
    response = post(ethereum_devnet, balance_calls(ethereum_devnet))
    assert response.status_code == int(kind.removeprefix("http_"))
    assert response.headers.get("retry-after") == ("7" if kind == "http_429" else None)
    with pytest.raises(requests.JSONDecodeError):
        response.json()


def test_a_dropped_connection_gives_no_answer(ethereum_devnet: Devnet) -> None:
    ethereum_devnet.ethereum_knobs.faults = {"drop": 1.0}
    with pytest.raises(requests.ConnectionError, match="closed connection"):
        post(ethereum_devnet, balance_calls(ethereum_devnet))
    assert ethereum_devnet.ethereum_stats.by_status == {0: 1}
    ethereum_devnet.ethereum_knobs.faults = {}
    assert ask(ethereum_devnet, "eth_chainId") == "0x1"


def test_a_truncated_body_ends_before_its_content_length(ethereum_devnet: Devnet) -> None:
    ethereum_devnet.ethereum_knobs.faults = {"truncated": 1.0}
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="Incomplete"):
        post(ethereum_devnet, balance_calls(ethereum_devnet))


@pytest.mark.parametrize("kind", ["truncated_wrong_length", "not_json"])
def test_a_body_that_is_no_json_says_200(ethereum_devnet: Devnet, kind: EthereumFault) -> None:
    ethereum_devnet.ethereum_knobs.faults = {kind: 1.0}
    response = post(ethereum_devnet, balance_calls(ethereum_devnet))
    assert response.status_code == 200
    with pytest.raises(requests.JSONDecodeError):
        response.json()


def test_one_error_object_can_stand_in_place_of_the_array(ethereum_devnet: Devnet) -> None:
    ethereum_devnet.ethereum_knobs.faults = {"object": 1.0}
    answer = post(ethereum_devnet, balance_calls(ethereum_devnet)).json()
    assert answer == {"jsonrpc": "2.0", "id": None, "error": {"code": -32005, "message": "limit exceeded"}}


def test_shuffled_answers_are_all_there_in_another_order(ethereum_devnet: Devnet) -> None:
    answers = answers_under(ethereum_devnet, {"shuffled": 1.0})
    assert right_ones(ethereum_devnet, answers) == len(answers) == 20
    assert [answer["id"] for answer in answers] != sorted(answer["id"] for answer in answers)


def test_missing_elements_are_just_not_there(ethereum_devnet: Devnet) -> None:
    answers = answers_under(ethereum_devnet, {"missing": 0.5})
    assert 0 < len(answers) < 20
    assert right_ones(ethereum_devnet, answers) == len(answers)


def test_a_repeated_id_comes_twice_and_an_unknown_id_beside_the_right_one(ethereum_devnet: Devnet) -> None:
    repeated = answers_under(ethereum_devnet, {"repeated": 0.5})
    assert len(repeated) > len({answer["id"] for answer in repeated}) == 20
    unknown = answers_under(ethereum_devnet, {"unknown_id": 0.5})
    assert right_ones(ethereum_devnet, unknown) == 20 < len({answer["id"] for answer in unknown})


def test_a_null_result_takes_the_place_of_a_balance(ethereum_devnet: Devnet) -> None:
    answers = answers_under(ethereum_devnet, {"null": 0.5})
    nulls = [answer for answer in answers if answer["result"] is None]
    assert nulls
    assert right_ones(ethereum_devnet, answers) == 20 - len(nulls)


def test_bad_hex_befalls_balances_only(ethereum_devnet: Devnet) -> None:
    for answer in answers_under(ethereum_devnet, {"bad_hex": 1.0}, 60):
        told = answer["result"]
        assert not (isinstance(told, str) and re.fullmatch("0x[0-9a-f]{1,64}", told))
    ethereum_devnet.ethereum_knobs.faults = {"bad_hex": 1.0}
    assert ask(ethereum_devnet, "eth_blockNumber") == hex(ethereum_devnet.ethereum_chain.latest.number)


@pytest.mark.parametrize(
    ("kind", "code"),
    [(kind, int(kind.removeprefix("error_"))) for kind in ELEMENT_FAULTS if kind.startswith("error_")]
    + [("header_not_found", -32000), ("missing_trie_node", -32000)],
)
def test_an_elements_error_carries_its_code_and_spares_the_others(
    ethereum_devnet: Devnet, kind: EthereumFault, code: int
) -> None:
    answers = answers_under(ethereum_devnet, {kind: 0.5})
    failed = [answer for answer in answers if "error" in answer]
    assert {answer["error"]["code"] for answer in failed} == {code}
    assert right_ones(ethereum_devnet, answers) == 20 - len(failed)
    assert len({answer["id"] for answer in answers}) == 20
    ethereum_devnet.ethereum_knobs.faults = {kind: 1.0}
    assert ask(ethereum_devnet, "eth_chainId")["code"] == code


def test_a_single_call_has_always_one_answer(ethereum_devnet: Devnet) -> None:
    ethereum_devnet.ethereum_knobs.faults = {"missing": 0.3, "repeated": 0.3, "unknown_id": 0.3, "shuffled": 1.0}
    assert {ask(ethereum_devnet, "eth_chainId") for _ in range(20)} == {"0x1"}


def test_faults_come_at_their_rates_and_again_with_the_same_seed() -> None:
    knobs = EthereumKnobs(faults={"http_503": 0.1, "drop": 0.2, "null": 0.25, "shuffled": 0.5}, seed=5)
    first, again = EthereumFaults(knobs), EthereumFaults(knobs)
    series = [first.draw(4) for _ in range(1_000)]
    assert series == [again.draw(4) for _ in range(1_000)]
    assert 60 < sum(verdict.whole == "http_503" for verdict in series) < 140
    assert 150 < sum(verdict.whole == "drop" for verdict in series) < 250
    assert 850 < sum(kind == "null" for verdict in series for kind in verdict.elements) < 1_150
    assert 430 < sum(verdict.shuffled for verdict in series) < 570
    knobs.seed = 6
    assert [first.draw(4) for _ in range(1_000)] != series
    knobs.seed = 5
    assert [first.draw(4) for _ in range(1_000)] == series


def test_faults_can_end_after_so_many_requests(ethereum_devnet: Devnet) -> None:
    ethereum_devnet.ethereum_knobs.faults, ethereum_devnet.ethereum_knobs.faults_left = {"http_503": 1.0}, 3
    statuses = [post(ethereum_devnet, call("eth_chainId")).status_code for _ in range(5)]
    assert statuses == [503, 503, 503, 200, 200]
    assert ethereum_devnet.ethereum_stats.summary()["by_fault"] == {"http_503": 3}


def test_every_fault_can_be_mixed_with_every_other(ethereum_devnet: Devnet) -> None:
    ethereum_devnet.ethereum_knobs.faults = dict.fromkeys(ETHEREUM_FAULTS, 0.03)
    for _ in range(200):
        try:
            post(ethereum_devnet, balance_calls(ethereum_devnet))
        except requests.RequestException:
            continue
    assert {kind for kind, count in ethereum_devnet.ethereum_stats.by_fault.items() if count} == set(ETHEREUM_FAULTS)


def test_without_faults_nothing_is_drawn() -> None:
    assert EthereumFaults(EthereumKnobs()).draw(500) == DrawnFaults()
