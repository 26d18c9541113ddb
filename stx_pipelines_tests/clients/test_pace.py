"""A provider's limits teach the pace and the size of batches, and its words are shown with the setting that helps."""

from __future__ import annotations

import threading

import pytest

from stx_pipelines.clients.errors import Unreachable
from stx_pipelines.clients.rate_limit import Budget
from stx_pipelines_tests.clients import node as chain
from stx_pipelines_tests.clients.node import KEYS, TRUTH, Json, MakeRpc, Node, Reply, error, reply
from stx_pipelines_tests.clients.node_faults import instead
from stx_pipelines_tests.waiting import LONGEST, wait_until

INFURA = {
    "jsonrpc": "2.0",
    "id": 1,
    "error": {
        "code": -32005,
        "message": "project ID request rate exceeded",
        "data": {"rate": {"allowed_rps": 4, "backoff_seconds": 30, "current_rps": 13.333}, "see": "https://infura.io"},
    },
}
"""Source: Infura's documentation of its rate limits."""
CAPACITY = {"error": {"code": 429, "message": "Monthly capacity limit exceeded. Visit the dashboard."}}


@pytest.mark.parametrize("status", [429, 200])
def test_a_stated_rate_and_pause_are_kept(
    node: Node, make_rpc: MakeRpc, status: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    node.faults = [instead(INFURA, status)]
    rpc = make_rpc()
    pauses: list[float] = []
    monkeypatch.setattr(rpc.http.budget, "pause", pauses.append)
    assert rpc.balances(KEYS) == TRUTH
    assert pauses == [30]
    assert (rpc.batch_size, rpc.http.budget.calls_per_second) == (4, 4)
    node.asked.clear()
    assert rpc.balances(KEYS[:5]) == {key: TRUTH[key] for key in KEYS[:5]}
    assert max(node.sizes()) <= 4
    assert len([text for text in caplog.messages if "4 calls a second from now on" in text]) == 1


@pytest.mark.parametrize("limit", [25, 1])
def test_batches_that_are_refused_twice_for_their_rate_are_halved(node: Node, make_rpc: MakeRpc, limit: int) -> None:
    """The provider allows so many calls in a request and says only 429."""
    many = {"error": {"code": 429, "message": "Too Many Requests"}}
    node.always = lambda calls, answers: (
        instead(many, 429)(calls, answers) if len(calls) > limit else reply(answers if len(calls) > 1 else answers[0])
    )
    keys = [chain.key(number) for number in range(100)]
    rpc = make_rpc()
    assert rpc.balances(keys) == {key: chain.wei(key) for key in keys}
    assert rpc.batch_size == limit
    assert node.sizes()[:4] == [100, 100, 50, 50]


@pytest.mark.parametrize("status", [429, 200])
def test_the_words_of_a_provider_are_shown_with_the_setting_that_helps(
    node: Node, make_rpc: MakeRpc, status: int
) -> None:
    node.always = instead(CAPACITY, status)
    with pytest.raises(Unreachable, match=r"Monthly capacity limit exceeded.* set ETH_CALLS_PER_SECOND to") as caught:
        make_rpc().balances(KEYS[:1])
    assert "\n" not in str(caught.value)
    assert len(node.asked) == 3


@pytest.mark.parametrize("data", [None, "slow down", {"rate": 5}, {"rate": {"allowed_rps": "many"}}, {"rate": {}}, []])
def test_other_data_of_an_error_is_no_hint(node: Node, make_rpc: MakeRpc, data: Json) -> None:
    def hinted(calls: list[Json], answers: list[Json]) -> Reply:
        refused = error(calls[0], -32005, "limit exceeded")
        refused["error"]["data"] = data
        return reply([refused, *answers[1:]])

    node.faults = [hinted]
    rpc = make_rpc()
    assert rpc.balances(KEYS) == TRUTH
    assert (rpc.batch_size, rpc.http.budget.calls_per_second) == (100, 0)


def test_a_batch_that_waits_while_the_rate_is_lowered_is_sent_too() -> None:
    """It is larger than the new rate."""
    budget, stop, begun = Budget("http://127.0.0.1:9"), threading.Event(), threading.Barrier(3)
    budget.pause(0.3)

    def spend() -> None:
        begun.wait()
        budget.spend(stop, 100)

    waiting = [threading.Thread(target=spend, daemon=True) for _ in range(2)]
    for thread in waiting:
        thread.start()
    begun.wait()
    assert budget.lower_calls_to(25)
    try:
        wait_until(lambda: not any(thread.is_alive() for thread in waiting), "both batches were sent")
    finally:
        stop.set()
        for thread in waiting:
            thread.join(LONGEST)
