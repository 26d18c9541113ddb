"""Claims about changing the devnet's Ethereum chain from outside, and about the command that serves both chains."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from stx_pipelines.devnet.server import Devnet
from stx_pipelines_tests.devnet.servers import first_answer
from stx_pipelines_tests.ports import free_port
from stx_pipelines_tests.waiting import LONGEST

from .rpc import ask


def turn(devnet: Devnet, what: str, body: Any) -> requests.Response:
    """POST to one of the Ethereum chain's own routes."""
    return requests.post(f"{devnet.url}/devnet/ethereum/{what}", json=body, timeout=LONGEST)


def test_knobs_can_be_turned_from_outside(ethereum_devnet: Devnet) -> None:
    wanted = {"faults": {"null": 0.5, "http_503": 1}, "batch_limit": 100, "batch_refusal": "413", "latency_seconds": 0}
    assert turn(ethereum_devnet, "knobs", wanted).json() == {"turned": sorted(wanted)}
    knobs = ethereum_devnet.ethereum_knobs
    assert (knobs.faults, knobs.batch_limit, knobs.batch_refusal) == ({"null": 0.5, "http_503": 1.0}, 100, "413")


@pytest.mark.parametrize(
    "body",
    [
        {"no_such_knob": 1},
        {"clock": None},
        {"batch_limit": "many"},
        {"batch_limit": 1.5},
        {"faults": {"hiccup": 1}},
        {"faults": {"null": 2}},
        {"faults": ["null"]},
        {"pruned_wording": "sorry"},
        {"batch_limit": 5, "no_such_knob": 1},
        [],
    ],
)
def test_an_unknown_knob_or_value_is_refused_and_turns_nothing(ethereum_devnet: Devnet, body: Any) -> None:
    before = vars(ethereum_devnet.ethereum_knobs).copy()
    response = turn(ethereum_devnet, "knobs", body)
    assert response.status_code == 400
    assert response.json()["error"]
    assert vars(ethereum_devnet.ethereum_knobs) == before


def test_the_chain_grows_reorganises_and_unfinalizes_from_outside(own_ethereum_devnet: Devnet) -> None:
    chain = own_ethereum_devnet.ethereum_chain
    before = chain.latest
    assert turn(own_ethereum_devnet, "grow", {"blocks": 5}).json()["latest"] == before.number + 5
    assert turn(own_ethereum_devnet, "grow", {"to": "2026-10-02T03:00:00+00:00"}).status_code == 200
    assert chain.latest.timestamp > before.timestamp + 3_600
    length, old = len(chain.blocks), chain.latest.hash
    turned = turn(own_ethereum_devnet, "reorg", {"depth": 20}).json()
    assert (turned["latest"], len(chain.blocks)) == (chain.latest.number, length)
    assert turned["hash"] == ask(own_ethereum_devnet, "eth_getBlockByNumber", "latest", False)["hash"] != old
    finalized = turn(own_ethereum_devnet, "finalized", {"blocks": 50}).json()["finalized"]
    assert finalized == chain.latest.number - 64 - 50
    assert int(ask(own_ethereum_devnet, "eth_getBlockByNumber", "finalized", False)["number"], 16) == finalized


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("reorg", {}),
        ("reorg", {"depth": 0}),
        ("reorg", {"moons": 1}),
        ("grow", {}),
        ("grow", {"to": "soon"}),
        ("finalized", {"blocks": -1}),
    ],
)
def test_what_cannot_be_done_is_400(ethereum_devnet: Devnet, what: str, body: Any) -> None:
    assert turn(ethereum_devnet, what, body).status_code == 400


def test_stats_are_shown_and_control_requests_are_not_counted(ethereum_devnet: Devnet) -> None:
    ask(ethereum_devnet, "eth_chainId")
    turn(ethereum_devnet, "knobs", {"batch_limit": 0})
    assert requests.get(f"{ethereum_devnet.url}/devnet/ethereum/stats", timeout=LONGEST).json() == {
        "requests": 1,
        "calls": 1,
        "largest_batch": 1,
        "busiest_second": 1,
        "by_method": {"eth_chainId": 1},
        "by_status": {"200": 1},
        "by_fault": {},
    }


def test_the_chain_follows_a_clock(own_ethereum_devnet: Devnet) -> None:
    before = own_ethereum_devnet.ethereum_chain.latest.number
    own_ethereum_devnet.ethereum_knobs.clock = lambda: datetime(2026, 10, 2, 6, tzinfo=UTC)
    assert int(ask(own_ethereum_devnet, "eth_blockNumber"), 16) > before + 200


@pytest.mark.parametrize("days", [0, 1])
def test_the_command_serves_so_many_days_of_ethereum_or_none(days: int) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    today = datetime.now(UTC).date()
    stacks = ["--first-day", str(today - timedelta(days=1)), "--transactions-per-day", "300"]
    command = [sys.executable, "-m", "stx_pipelines.cli", "devnet", "--port", str(port), *stacks]
    process = subprocess.Popen([*command, "--ethereum-days", str(days)], stderr=subprocess.PIPE, text=True)
    try:
        first_answer(process, f"{url}/extended")
        answer = requests.post(
            f"{url}/eth",
            json={"jsonrpc": "2.0", "id": 1, "method": "eth_getBlockByNumber", "params": ["0x0", False]},
            timeout=LONGEST,
        )
    finally:
        process.terminate()
        said = process.communicate(timeout=LONGEST)[1]
    assert f"listens on {url}" in said
    assert (f"{url}/eth" in said) is (answer.status_code == 200) is bool(days)
    if days:
        genesis = datetime.fromtimestamp(int(answer.json()["result"]["timestamp"], 16), UTC)
        assert genesis == datetime.combine(today - timedelta(days=1), datetime.min.time(), UTC)
