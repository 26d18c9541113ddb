"""A server without batches that does not say so gets single calls, and the log says so once."""

from __future__ import annotations

import pytest

from stx_pipelines.clients.errors import ApiError
from stx_pipelines_tests.clients import node as chain
from stx_pipelines_tests.clients.node import KEYS, TRUTH, Fault, Json, MakeRpc, Node, Reply, error, reply
from stx_pipelines_tests.clients.node_faults import instead

UNMARSHAL = "json: cannot unmarshal array into Go value of type jsonrpc.Request"
REFUSALS: dict[str, tuple[Fault, int]] = {
    "invalid request": (instead({"id": None, "error": {"code": -32600, "message": "invalid request"}}), 1),
    "parse error": (instead({"id": None, "error": {"code": -32700, "message": UNMARSHAL}}), 1),
    "cannot unmarshal": (instead({"id": None, "error": {"code": -32000, "message": UNMARSHAL}}), 3),
    "HTTP 400": (instead({"error": UNMARSHAL}, 400), 1),
    "HTTP 500": (instead("Internal Server Error", 500), 3),
    "each call's error": (lambda calls, _: reply([error(call, -32603, "internal") for call in calls]), 3),
    "each call's final error": (lambda calls, _: reply([error(call, -32600, "Invalid Request") for call in calls]), 1),
    "an empty array": (instead([]), 3),
    "the first call's result alone": (lambda calls, answers: reply({"result": "0x1"}), 3),
}
"""The response to every batch, and how often it is sent before a single call is tried."""


@pytest.mark.parametrize("kind", REFUSALS)
def test_single_calls_are_tried_and_kept(
    node: Node, make_rpc: MakeRpc, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    fault, attempts = REFUSALS[kind]

    def no_batches(calls: list[Json], answers: list[Json]) -> Reply:
        return fault(calls, answers) if len(calls) > 1 else reply(answers[0])

    node.always = no_batches
    rpc = make_rpc()
    rpc.parallel = 1
    assert rpc.balances(KEYS) == TRUTH
    assert node.sizes() == [10] * attempts + [1] * 11
    assert rpc.blocks([5, 6]) == [chain.block(5), chain.block(6)]
    assert node.sizes()[-2:] == [1, 1]
    assert len([text for text in caplog.messages if "takes no batches: single calls from now on" in text]) == 1


def test_several_threads_learn_it_together(node: Node, make_rpc: MakeRpc, caplog: pytest.LogCaptureFixture) -> None:
    fault, _ = REFUSALS["invalid request"]
    node.always = lambda calls, answers: fault(calls, answers) if len(calls) > 1 else reply(answers[0])
    keys = [chain.key(number) for number in range(200)]
    assert make_rpc(batch_size=20).balances(keys) == {key: chain.wei(key) for key in keys}
    assert len([text for text in caplog.messages if "takes no batches" in text]) == 1


@pytest.mark.parametrize("kind", REFUSALS)
def test_a_server_that_refuses_single_calls_too_is_an_error(node: Node, make_rpc: MakeRpc, kind: str) -> None:
    """It is the batch's own error, and the single call is tried once."""
    node.always, attempts = REFUSALS[kind]
    rpc = make_rpc()
    for _ in range(2):
        with pytest.raises(ApiError):
            rpc.balances(KEYS)
    assert node.sizes() == [10] * attempts + [1] * attempts + [10] * attempts
    assert rpc.batch_size == 100


def test_a_server_that_answered_a_batch_is_not_asked_for_single_calls(node: Node, make_rpc: MakeRpc) -> None:
    rpc = make_rpc()
    assert rpc.balances(KEYS) == TRUTH
    node.always, _ = REFUSALS["invalid request"]
    with pytest.raises(ApiError, match="invalid request"):
        rpc.balances(KEYS)
    assert node.sizes() == [10, 10]


@pytest.mark.parametrize("status", [401, 403, 404, 503])
def test_a_refusal_for_another_reason_is_not_tried_so(node: Node, make_rpc: MakeRpc, status: int) -> None:
    node.always = instead("no", status)
    with pytest.raises(ApiError):
        make_rpc().balances(KEYS)
    assert set(node.sizes()) == {10}
